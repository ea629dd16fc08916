"""Small road networks, given in metres from the corner of the worked fixture."""

from __future__ import annotations

import numpy as np
import shapely

from layers.coordinates.district_crs import to_degrees
from tests.layers.schema.fixture import EAST_M, NORTH_M
from twin.routing.network import RoadNetwork
from twin.routing.roads import RoadRows

CORNER = np.array([EAST_M, NORTH_M], dtype=np.float64)


def degrees(*places):
    """Return places of the frame in degrees, `[n, 2]`."""
    return to_degrees(np.array(places, dtype=np.float64) + CORNER)


def roads(*ways):
    """Return roads: each a list of places, or a pair of it and some attributes of its own."""
    given = [way if isinstance(way, tuple) else (way, {}) for way in ways]

    def column(name, otherwise, kind=object):
        return np.array([own.get(name, otherwise) for _, own in given], dtype=kind)

    return RoadRows(
        ids=np.array([f"R{n}" for n in range(len(given))], dtype=object),
        lines=np.array([shapely.LineString(degrees(*places)) for places, _ in given], dtype=object),
        road_class=column("road_class", None),
        limit_kmh=column("limit_kmh", 36.0, np.float64),
        one_way=column("one_way", otherwise=False, kind=np.bool_),
        level=column("level", 0, np.int64),
        from_node=column("from_node", None),
        to_node=column("to_node", None),
    )


def network(*ways):
    """Return the network of some roads; 36 km/h are ten metres a second."""
    return RoadNetwork.of(roads(*ways))
