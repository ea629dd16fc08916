"""The quickest ways from one place to many, or from many to one: one search by Dijkstra's method for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from layers.types import Mask, Points
from twin.join.metres import Lengths
from twin.routing.arcs import Arcs, Direction
from twin.routing.modes import TravelMode
from twin.routing.network import RoadNetwork
from twin.routing.snapping import SnappedPoints


@dataclass(frozen=True, slots=True)
class Route:
    """A way through the network.

    Attributes
    ----------
    duration_s, distance_m
        Along the roads alone.
    lonlat
        `[k, 2]` CGCS2000 degrees, in the order of travel.
    roads
        Ids of the roads, in the order of travel.
    """

    duration_s: float
    distance_m: float
    lonlat: Points
    roads: tuple[str, ...]


@dataclass(frozen=True)
class RouteSearch:
    """The quickest times between one place and all nodes.

    Attributes
    ----------
    source
        The one place, snapped; of length 1.
    limit_s
        Nodes further away than this are not reached.
    """

    network: RoadNetwork
    mode: TravelMode
    direction: Direction
    source: SnappedPoints
    closed: Mask
    limit_s: float = np.inf

    @cached_property
    def node_s(self) -> Lengths:
        """`[nodes]` seconds between the place and each node; infinite where there is no way."""
        return self._found[0][:-1]

    def seconds(self, targets: SnappedPoints) -> Lengths:
        """Return the seconds between the place and each target; infinite where there is no way or no road."""
        return np.minimum(self._direct(targets), self._by_node(targets).min(axis=0))

    def route(self, targets: SnappedPoints, number: int) -> Route | None:
        """Return the way between the place and one of the targets; None where there is none."""
        one = targets.take(number)
        direct, by_node = float(self._direct(one)[0]), self._by_node(one)[:, 0]
        if not np.isfinite(min(direct, *by_node)):
            return None
        edge, here = int(one.edge[0]), float(one.share[0])
        if direct <= min(by_node):
            return self._joined([(edge, float(self.source.share[0]), here)], direct)
        at_end = bool(by_node[1] < by_node[0])
        node = int((self.network.topology.end if at_end else self.network.topology.start)[edge])
        parts = [*self._parts_to(node), (edge, float(at_end), here)]
        return self._joined(parts, float(min(by_node)))

    def _joined(self, parts: list[tuple[int, float, float]], duration_s: float) -> Route:
        """Return parts of edges, given in the order of the search, as a route in the order of travel."""
        if self.direction == "inbound":
            parts = [(edge, to, begin) for edge, begin, to in reversed(parts)]
        parts = [part for part in parts if part[1] != part[2]] or parts[:1]
        pieces = [self.network.piece(*part) for part in parts]
        lonlat = np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])
        distance_m = sum(abs(to - begin) * float(self.network.length_m[edge]) for edge, begin, to in parts)
        roads = [str(self.network.road[edge]) for edge, _, _ in parts]
        return Route(duration_s, distance_m, lonlat, tuple(dict.fromkeys(roads)))

    def _parts_to(self, node: int) -> list[tuple[int, float, float]]:
        """Return the parts of edges from the place to a node, in the order of the search."""
        before, place = self._found[1], self.network.topology.start
        nodes = [node]
        while (one := int(before[nodes[-1]])) != self._here:
            nodes.append(one)
        nodes.reverse()
        edge, share = int(self.source.edge[0]), float(self.source.share[0])
        starts, ends = self._ends(edge)
        begins_at_end = starts[1] < starts[0] if nodes[0] == ends[0] == ends[1] else nodes[0] == ends[1]
        parts = [(edge, share, float(begins_at_end))]
        for tail, head in pairwise(nodes):
            step = int(self._arcs.edge[self._arcs.find(tail, head)])
            begin = 0.0 if int(place[step]) == tail else 1.0
            parts.append((step, begin, 1 - begin))
        return parts

    @property
    def _here(self) -> int:
        return self.network.topology.node_count

    @cached_property
    def _arcs(self) -> Arcs:
        return self.network.travel[self.mode].arcs[self.direction].without(self.closed)

    def _ends(self, edge: int) -> tuple[tuple[float, float], tuple[int, int]]:
        """Return the seconds from the place to start and end of its edge, in the order of the search, and the nodes."""
        to_start, to_end = _leaving(self.network, self.mode, self.direction, self.source, self.closed)
        topology = self.network.topology
        return (float(to_start[0]), float(to_end[0])), (int(topology.start[edge]), int(topology.end[edge]))

    @cached_property
    def _found(self) -> tuple[Lengths, npt.NDArray[np.int32]]:
        """Seconds to every node and to the place itself, and the node before each."""
        starts, nodes = self._ends(int(self.source.edge[0]))
        cheapest: dict[int, float] = {}
        for seconds, node in zip(starts, nodes, strict=True):
            if np.isfinite(seconds):
                cheapest[node] = min(seconds, cheapest.get(node, np.inf))
        arcs = self._arcs
        data = np.concatenate([arcs.seconds, list(cheapest.values())])
        indices = np.concatenate([arcs.head, np.array(list(cheapest), dtype=np.int64)]).astype(np.int32)
        counts = np.append(np.bincount(arcs.tail, minlength=self._here), len(cheapest))
        from scipy.sparse import csr_array  # noqa: PLC0415  # half a second that only ways need
        from scipy.sparse.csgraph import dijkstra  # noqa: PLC0415  # as above

        matrix = csr_array(
            (data, indices, np.append(0, np.cumsum(counts)).astype(np.int32)), shape=(self._here + 1,) * 2
        )
        seconds, before = dijkstra(matrix, indices=self._here, return_predecessors=True, limit=self.limit_s)
        return seconds, before

    def _by_node(self, targets: SnappedPoints) -> Lengths:
        """Return the seconds to each target by the start and by the end of its edge, `[2, n]`."""
        backwards: Direction = "inbound" if self.direction == "outbound" else "outbound"
        from_start, from_end = _leaving(self.network, self.mode, backwards, targets, self.closed)
        on = np.maximum(targets.edge, 0)
        topology = self.network.topology
        node_s = self._found[0]
        return np.stack([node_s[topology.start[on]] + from_start, node_s[topology.end[on]] + from_end])

    def _direct(self, targets: SnappedPoints) -> Lengths:
        """Return the seconds to each target along the one edge that it shares with the place."""
        edge = int(self.source.edge[0])
        travel = self.network.travel[self.mode]
        moved = targets.share - self.source.share[0]
        if self.direction == "inbound":
            moved = -moved
        open_way = np.where(moved >= 0, travel.forward[edge], travel.backward[edge]) & ~self.closed[edge]
        same = (targets.edge == edge) & (open_way | (moved == 0) & ~self.closed[edge])
        return np.where(same, np.abs(moved) * travel.seconds[edge], np.inf)


def _leaving(
    network: RoadNetwork, mode: TravelMode, direction: Direction, places: SnappedPoints, closed: Mask
) -> tuple[Lengths, Lengths]:
    """Return the seconds from places to start and end of their edges; inbound, from those to the places.

    Infinite where the edge is closed, may not be travelled that way, or is none. The ends of a closed edge are open.
    """
    travel = network.travel[mode]
    edge = np.maximum(places.edge, 0)
    known, is_open = places.edge >= 0, ~closed[edge]
    to_start, to_end = travel.backward[edge] & is_open, travel.forward[edge] & is_open
    if direction == "inbound":
        to_start, to_end = to_end, to_start
    seconds = travel.seconds[edge]
    return (
        np.where(known & (to_start | (places.share == 0)), places.share * seconds, np.inf),
        np.where(known & (to_end | (places.share == 1)), (1 - places.share) * seconds, np.inf),
    )
