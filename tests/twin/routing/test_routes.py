"""Laws of routes, on random grids of roads: against an oracle, and of the route against its own numbers."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.coordinates.district_crs import to_metres
from tests.twin.routing.networks import degrees, network
from twin.join.metres import MetrePoints
from twin.routing.routes import RouteSearch
from twin.routing.snapping import snap

SIDE = 4
STEP_M = 100


@st.composite
def grids(draw):
    """Draw a network on a grid of junctions, each road with a speed, a direction, or missing."""
    ways = []
    for x in range(SIDE):
        for y in range(SIDE):
            for east, north in ((1, 0), (0, 1)):
                if x + east < SIDE and y + north < SIDE and draw(st.sampled_from([True, True, False])):
                    ends = [(x, y), (x + east, y + north)]
                    if draw(st.booleans()):
                        ends.reverse()
                    own = {"limit_kmh": draw(st.sampled_from([18.0, 36.0, 72.0])), "one_way": draw(st.booleans())}
                    ways.append(([(STEP_M * a, STEP_M * b) for a, b in ends], own))
    return ways or [([(0, 0), (STEP_M, 0)], {})]


places = st.tuples(st.floats(0, STEP_M * (SIDE - 1)), st.floats(0, STEP_M * (SIDE - 1)))


def shortest(net, closed):
    """Return the seconds between all nodes, by Floyd and Warshall."""
    travel, topology = net.travel["car"], net.topology
    best = np.full((topology.node_count,) * 2, np.inf)
    np.fill_diagonal(best, 0)
    for edge in np.flatnonzero(~closed):
        a, b, s = topology.start[edge], topology.end[edge], travel.seconds[edge]
        best[a, b] = min(best[a, b], s)
        if travel.backward[edge]:
            best[b, a] = min(best[b, a], s)
    for middle in range(topology.node_count):
        best = np.minimum(best, best[:, middle, None] + best[None, middle])
    return best


def expected(net, source, target, closed):
    """Return the seconds from one snapped place to another, by all pairs of nodes around them."""
    travel, topology, best = net.travel["car"], net.topology, shortest(net, closed)
    (a, b), (s, t) = (int(source.edge[0]), int(target.edge[0])), (float(source.share[0]), float(target.share[0]))
    leaving = {int(topology.end[a]): (1 - s) * travel.seconds[a]} if (not closed[a]) or s == 1 else {}
    if (travel.backward[a] and not closed[a]) or s == 0:
        leaving[int(topology.start[a])] = s * travel.seconds[a]
    arriving = {int(topology.start[b]): t * travel.seconds[b]} if (not closed[b]) or t == 0 else {}
    if (travel.backward[b] and not closed[b]) or t == 1:
        arriving[int(topology.end[b])] = (1 - t) * travel.seconds[b]
    ways = [out + best[u, v] + back for u, out in leaving.items() for v, back in arriving.items()]
    if a == b and not closed[a] and (t >= s or travel.backward[a]):
        ways.append(abs(t - s) * travel.seconds[a])
    return min(ways, default=np.inf)


@given(grids(), places, places, st.data())
def test_times_are_those_of_the_oracle_in_both_directions(ways, here, there, data):
    net = network(*ways)
    shut = data.draw(st.sets(st.integers(0, len(net) - 1), max_size=3))
    closed = np.isin(np.arange(len(net)), list(shut))
    source, target = snap(net, "car", degrees(here)), snap(net, "car", degrees(there))
    if source.edge[0] < 0 or target.edge[0] < 0:
        return
    outbound = RouteSearch(net, "car", "outbound", source, closed)
    inbound = RouteSearch(net, "car", "inbound", target, closed)
    wanted = expected(net, source, target, closed)
    assert outbound.seconds(target)[0] == pytest.approx(wanted, abs=1e-6)
    assert inbound.seconds(source)[0] == pytest.approx(wanted, abs=1e-6)
    for search, other in ((outbound, target), (inbound, source)):
        _is_a_way(net, search.route(other, 0), wanted, here, there, closed)


def _is_a_way(net, route, wanted, here, there, closed):
    assert (route is None) == (not np.isfinite(wanted))
    if route is None:
        return
    assert route.duration_s == pytest.approx(wanted, abs=1e-6)
    metres = MetrePoints.of(route.lonlat)
    length_m = np.hypot(*np.diff(metres.xy_m, axis=0).T).sum() / metres.scale[0]
    assert route.distance_m == pytest.approx(length_m, abs=0.01)
    assert set(route.roads) <= set(net.road[~closed].tolist()) or length_m < 0.02
    ends = shapely.points(to_metres(degrees(here, there)))
    snapped = [float(snap(net, "car", degrees(place)).snapped_m[0]) for place in (here, there)]
    for end, vertex, far_m in zip(ends, (route.lonlat[0], route.lonlat[-1]), snapped, strict=True):
        assert shapely.distance(end, shapely.points(to_metres(vertex[None]))[0]) == pytest.approx(far_m, abs=0.02)


@given(grids(), places)
def test_a_snapped_place_is_the_nearest_on_any_road(ways, here):
    net = network(*ways)
    found = snap(net, "car", degrees(here))
    tree = net.travel["car"].tree
    nearest_m = shapely.distance(tree.geometries, shapely.points(to_metres(degrees(here)))[0]).min()
    assert (found.edge[0] >= 0) == (nearest_m <= 200.0 * 1.0001)
    if found.edge[0] >= 0:
        assert found.snapped_m[0] == pytest.approx(nearest_m, rel=1e-4, abs=1e-3)
