"""Where roads meet, and where they only cross."""

from __future__ import annotations

import numpy as np
import pytest

from tests.twin.routing.networks import degrees, network
from twin.routing.routes import RouteSearch
from twin.routing.snapping import snap


def seconds(net, start, end, mode="car", closed=None):
    """Seconds between two places of the frame, infinite without a way."""
    shut = np.zeros(len(net), dtype=bool) if closed is None else closed
    source = snap(net, mode, degrees(start))
    return float(RouteSearch(net, mode, "outbound", source, shut).seconds(snap(net, mode, degrees(end)))[0])


CROSS = [[(0, 100), (100, 100), (200, 100)], [(100, 0), (100, 100), (100, 200)]]


def test_a_line_that_passes_through_a_junction_is_cut_there():
    net = network(*CROSS)
    assert len(net) == 4
    assert seconds(net, (0, 100), (100, 200)) == pytest.approx(20, rel=1e-3)


def test_lines_that_cross_without_a_common_vertex_do_not_meet():
    net = network([(0, 100), (200, 100)], [(100, 0), (100, 200)])
    assert len(net) == 2
    assert seconds(net, (0, 100), (100, 200)) == np.inf


@pytest.mark.parametrize("level", [1, -1])
def test_a_bridge_or_tunnel_does_not_meet_what_it_crosses(level):
    net = network(CROSS[0], (CROSS[1], {"level": level}))
    assert seconds(net, (0, 100), (100, 200)) == np.inf


def test_a_bridge_comes_down_at_its_ends():
    bridge = ([(100, 100), (100, 200), (100, 300)], {"level": 1})
    net = network([(0, 100), (100, 100), (200, 100)], bridge, [(0, 300), (100, 300)])
    assert seconds(net, (0, 100), (0, 300)) == pytest.approx(40, rel=1e-3)


def test_a_road_that_ends_below_a_bridge_does_not_climb_it():
    bridge = ([(0, 100), (100, 100), (200, 100)], {"level": 1})
    assert seconds(network(bridge, [(100, 0), (100, 100)]), (100, 0), (200, 100)) == np.inf


def test_ends_within_a_decimetre_are_one_node_and_further_ones_are_not():
    near = network([(0, 0), (100, 0)], [(100.05, 0), (200, 0)])
    far = network([(0, 0), (100, 0)], [(100.5, 0), (200, 0)])
    assert seconds(near, (0, 0), (200, 0)) == pytest.approx(20, rel=1e-3)
    assert seconds(far, (0, 0), (200, 0)) == np.inf


def test_named_nodes_join_and_part():
    joined = network(([(0, 0), (100, 0)], {"to_node": "a"}), ([(101, 0), (200, 0)], {"from_node": "a"}))
    parted = network(([(0, 0), (100, 0)], {"to_node": "a"}), ([(100, 0), (200, 0)], {"from_node": "b"}))
    assert np.isfinite(seconds(joined, (0, 0), (200, 0)))
    assert seconds(parted, (0, 0), (200, 0)) == np.inf


def test_one_name_far_away_is_a_mistake_and_joins_nothing():
    net = network(([(0, 0), (100, 0)], {"to_node": "a"}), ([(900, 0), (990, 0)], {"from_node": "a"}))
    assert seconds(net, (0, 0), (990, 0)) == np.inf


def test_one_way_binds_cars_and_not_those_who_walk():
    net = network(([(0, 0), (100, 0)], {"one_way": True}))
    assert seconds(net, (10, 0), (90, 0)) == pytest.approx(8, rel=1e-3)
    assert seconds(net, (90, 0), (10, 0)) == np.inf
    assert seconds(net, (90, 0), (10, 0), mode="walk") == pytest.approx(64, rel=1e-3)


def test_classes_are_closed_to_modes():
    footway, motorway = ({"road_class": kind, "limit_kmh": np.nan} for kind in ("footway", "motorway"))
    net = network(([(0, 0), (100, 0)], footway), ([(0, 400), (100, 400)], motorway))
    assert (snap(net, "car", degrees((50, 0))).edge[0], snap(net, "walk", degrees((50, 400))).edge[0]) == (-1, -1)
    assert seconds(net, (0, 400), (100, 400)) == pytest.approx(3.6, rel=1e-3)


def test_a_loop_and_parallel_roads_lead_on():
    net = network([(0, 0), (100, 0)], ([(0, 0), (50, 80), (100, 0)], {"limit_kmh": 120.0}), [(100, 0), (200, 0)])
    ring = network([(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)], [(0, 0), (-100, 0)])
    assert seconds(net, (0, 0), (200, 0)) == pytest.approx(2 * np.hypot(50, 80) / (120 / 3.6) + 10, rel=1e-3)
    assert seconds(ring, (0, 100), (-100, 0)) == pytest.approx(20, rel=1e-3)


def test_no_road_is_a_network_too():
    net = network()
    assert len(net) == 0
    assert snap(net, "car", degrees((0, 0))).edge[0] == -1
