"""Reading the layers of the join that are not areas."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import numpy as np
import shapely

from layers.coordinates.district_crs import to_metres
from layers.schema.tables import table_of
from twin.join.points import NearPoints
from twin.join.waterways import Waterways


async def read_points(
    connection: asyncpg.Connection, layer_id: str, within_m: float, sides_m: Sequence[float] = ()
) -> NearPoints:
    """Return a layer of points, indexed for the nearest within `within_m` metres."""
    rows = await connection.fetch(
        f"""SELECT id, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM {table_of(layer_id)}
        WHERE NOT ST_IsEmpty(geom) ORDER BY id"""
    )
    lonlat = np.array([(row["lon"], row["lat"]) for row in rows], dtype=np.float64).reshape(-1, 2)
    ids = np.array([row["id"] for row in rows], dtype=object)
    return NearPoints.of(ids, to_metres(lonlat), within_m, sides_m)


async def read_waterways(connection: asyncpg.Connection) -> Waterways:
    """Return the centre lines of the waterways, indexed."""
    rows = await connection.fetch(
        f"""SELECT id, ST_AsBinary(geom) AS wkb, coalesce(chainage_start_m, 0) AS start_m,
            greatest(coalesce(width_m, 0) / 2, 0.5) AS half_width_m
        FROM {table_of("waterways")} WHERE NOT ST_IsEmpty(geom) ORDER BY id"""
    )
    lines = shapely.from_wkb(np.array([row["wkb"] for row in rows], dtype=object))
    return Waterways.of(
        np.array([row["id"] for row in rows], dtype=object),
        shapely.transform(lines, to_metres),
        np.array([row["start_m"] for row in rows], dtype=np.float64),
        np.array([row["half_width_m"] for row in rows], dtype=np.float64),
    )
