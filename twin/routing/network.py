"""The graph of the roads at one version of their layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import shapely

from layers.types import Mask, Points, Positions, Texts
from twin.join.metres import Lengths
from twin.routing.arcs import Arcs, Direction
from twin.routing.modes import MODES, TravelMode, open_to, speeds_ms
from twin.routing.roads import RoadRows
from twin.routing.topology import Topology, cut_roads


@dataclass(frozen=True, slots=True)
class TravelEdges:
    """The edges as one mode travels them.

    Attributes
    ----------
    seconds
        `[e]` from one end to the other.
    forward, backward
        `[e]` whether an edge may be travelled along its line, and against it.
    rows, tree
        The edges of this mode, and the index of their shapes in the measuring plane, in this order.
    arcs
        By the direction of the search.
    """

    seconds: Lengths
    forward: Mask
    backward: Mask
    rows: Positions
    tree: shapely.STRtree
    arcs: Mapping[Direction, Arcs]


@dataclass(frozen=True, slots=True)
class RoadNetwork:
    """Roads, cut into edges between nodes.

    Attributes
    ----------
    version
        Of the layer, as a stranger sees it.
    road
        `[e]` the id of the road of each edge.
    length_m
        `[e]` metres on the ground.
    """

    version: str
    topology: Topology
    road: Texts
    length_m: Lengths
    travel: Mapping[TravelMode, TravelEdges] = field(repr=False)
    road_ids: frozenset[str] = field(repr=False)

    def __len__(self) -> int:
        return len(self.road)

    @classmethod
    def of(cls, roads: RoadRows, version: str = "0") -> RoadNetwork:
        """Make the graph of some roads; it takes a second for 100,000 of them."""
        topology = cut_roads(roads)
        line = topology.line
        length_m = topology.along_m[topology.last] - topology.along_m[topology.first]
        shapes = _shapes(topology)
        travel = {mode: _travel(mode, roads, topology, length_m, shapes) for mode in MODES}
        return cls(version, topology, roads.ids[line], length_m, travel, frozenset(roads.ids.tolist()))

    def piece(self, edge: int, from_share: float, to_share: float) -> Points:
        """Return the vertices `[k, 2]` of a part of an edge in CGCS2000 degrees, in the order of travel.

        Parameters
        ----------
        from_share, to_share
            Places on the edge, 0 at its start to 1 at its end.
        """
        first, last = int(self.topology.first[edge]), int(self.topology.last[edge]) + 1
        at_m = self.topology.along_m[first:last] - self.topology.along_m[first]
        lonlat = self.topology.lonlat[first:last]
        low_m, high_m = (share * at_m[-1] for share in sorted((from_share, to_share)))
        inner = lonlat[(at_m > low_m) & (at_m < high_m)]
        ends = [[np.interp(one, at_m, lonlat[:, axis]) for axis in (0, 1)] for one in (low_m, high_m)]
        found = np.concatenate([ends[:1], inner, ends[1:]])
        return found if from_share <= to_share else found[::-1]


def _shapes(topology: Topology) -> shapely.LineString:
    """Return each edge as a line in the measuring plane, `[e]`."""
    count = topology.last - topology.first + 1
    edge = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    return shapely.linestrings(topology.xy_m[topology.first[edge] + within], indices=edge)


def _travel(
    mode: TravelMode, roads: RoadRows, topology: Topology, length_m: Lengths, shapes: shapely.LineString
) -> TravelEdges:
    line = topology.line
    seconds = length_m / speeds_ms(mode, roads.road_class, roads.limit_kmh)[line]
    forward = open_to(mode, roads.road_class)[line]
    backward = forward & ~(roads.one_way[line] & (mode == "car"))
    ahead, back = np.flatnonzero(forward), np.flatnonzero(backward)
    edge = np.concatenate([ahead, back])
    tail = np.concatenate([topology.start[ahead], topology.end[back]])
    head = np.concatenate([topology.end[ahead], topology.start[back]])
    arcs: dict[Direction, Arcs] = {
        "outbound": Arcs.of(tail, head, edge, seconds[edge], topology.node_count),
        "inbound": Arcs.of(head, tail, edge, seconds[edge], topology.node_count),
    }
    return TravelEdges(seconds, forward, backward, ahead, shapely.STRtree(shapes[ahead]), arcs)
