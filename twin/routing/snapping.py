"""The nearest place on the roads to a place beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from layers.types import Geometries, Mask, Points, Positions
from twin.join.metres import Lengths, MetrePoints
from twin.routing.modes import TravelMode
from twin.routing.network import RoadNetwork

SNAP_M = 200.0
"""Beyond this a place is not on the network: its distances are straight lines."""
AT_END_M = 0.01
"""A place this near to the end of an edge is the node there: seven decimals of a degree are known to a centimetre."""


@dataclass(frozen=True, slots=True)
class SnappedPoints:
    """Places on edges, one for each of `n` points.

    Attributes
    ----------
    edge
        Positions of edges; -1 where no road is within reach.
    share
        Place on the edge, 0 at its start to 1 at its end.
    snapped_m
        Metres on the ground from the point to that place; NaN where there is none.
    """

    edge: Positions
    share: Lengths
    snapped_m: Lengths

    def __len__(self) -> int:
        return len(self.edge)

    def take(self, number: int) -> SnappedPoints:
        """Return one of them."""
        only = slice(number, number + 1)
        return SnappedPoints(self.edge[only], self.share[only], self.snapped_m[only])


def snap(network: RoadNetwork, mode: TravelMode, lonlat: Points, closed: Mask | None = None) -> SnappedPoints:
    """Return the nearest place on a road of a mode; of several equally near ones that of the first edge.

    Parameters
    ----------
    lonlat
        `[n, 2]` CGCS2000 degrees.
    closed
        `[e]` edges that do not count; None is none.
    """
    points = MetrePoints.of(lonlat)
    travel = network.travel[mode]
    places = shapely.points(points.xy_m)
    if closed is None or not closed.any():
        pair = travel.tree.query_nearest(places, max_distance=points.reach_m(SNAP_M), all_matches=True)
    else:
        pair = travel.tree.query(places, predicate="dwithin", distance=points.reach_m(SNAP_M))
        pair = pair[:, ~closed[travel.rows[pair[1]]]]
    point, found = pair
    distance_m = shapely.distance(places[point], travel.tree.geometries[found]) / points.scale[point]
    order = np.lexsort((travel.rows[found], distance_m, point))
    chosen = order[np.unique(point[order], return_index=True)[1]]
    chosen = chosen[distance_m[chosen] <= SNAP_M]
    snapped = SnappedPoints(np.full(len(points), -1), np.full(len(points), np.nan), np.full(len(points), np.nan))
    lines = travel.tree.geometries[found[chosen]]
    snapped.edge[point[chosen]] = travel.rows[found[chosen]]
    snapped.share[point[chosen]] = _share(lines, places[point[chosen]])
    snapped.snapped_m[point[chosen]] = distance_m[chosen]
    return snapped


def _share(lines: Geometries, places: Geometries) -> Lengths:
    """Return where along lines places are; a centimetre from an end they are at it."""
    share = np.asarray(shapely.line_locate_point(lines, places, normalized=True), dtype=np.float64)
    near = AT_END_M / np.maximum(shapely.length(lines), AT_END_M)
    return np.where(share <= near, 0.0, np.where(share >= 1 - near, 1.0, share))
