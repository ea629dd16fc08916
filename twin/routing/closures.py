"""The edges that are closed: by the id of their road, by polygons, or because something stands on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import shapely

from layers.coordinates.district_crs import to_metres
from layers.types import Geometries, Mask, Points
from twin.routing.network import RoadNetwork
from twin.routing.snapping import snap

ON_ROAD_M = 30.0
"""What stands further from a road than this does not close it."""


def closed_edges(
    network: RoadNetwork,
    roads: Collection[str] = (),
    polygons: Sequence[shapely.Geometry] = (),
    obstacles: Points | None = None,
) -> Mask:
    """Return which edges are closed, `[e]`.

    Parameters
    ----------
    roads
        Ids of roads; all their edges are closed.
    polygons
        In CGCS2000 degrees; what crosses them is closed.
    obstacles
        `[n, 2]` places in CGCS2000 degrees; each closes the road edge nearest to it, within `ON_ROAD_M`.
    """
    closed = np.isin(network.road, list(roads)) if roads else np.zeros(len(network), dtype=np.bool_)
    if polygons:
        areas: Geometries = shapely.transform(np.array(polygons, dtype=object), to_metres)
        for travel in network.travel.values():
            _, hit = travel.tree.query(areas, predicate="intersects")
            closed[travel.rows[hit]] = True
    if obstacles is not None and len(obstacles):
        for mode in network.travel:
            on = snap(network, mode, obstacles)
            closed[on.edge[(on.edge >= 0) & (on.snapped_m <= ON_ROAD_M)]] = True
    return closed
