"""The worked fixture of the domain reference, chapter 4.1, in a database.

Edges carry a corner every 50 m: what stands on a border of the fixture then stands on it in degrees too.
"""

from __future__ import annotations

import asyncpg
import numpy as np

from layers.catalog import read_catalog
from layers.coordinates.crs import transform
from layers.database.connection import Role, connect
from layers.schema.derive import derive
from layers.schema.tables import refresh_statistics, sync_definitions, table_of
from tests.layers.schema import fixture as frame

CORNER_M = 50
STREETS = {"440106011000": (0, 0, 800, 800)}
VILLAGES = {"UV1": frame.VILLAGE}
SHELTERS = {"S1": (450, 300), "S2": (100, 150)}
RESOURCES = {"R1": ("warehouse", (350, 50)), "R2": ("team", (700, 350)), "R3": ("hospital", (350, 750))}
AREA_LAYERS = ("districts", "streets", "communities", "grids", "urban_villages")
PLACED_LAYERS = ("video_points", "flood_risk_points", "water_facilities", "emergency_resources", "buildings", "events")


def lonlat(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of a place of the frame, in full precision."""
    found = transform(np.array([[frame.EAST_M + x, frame.NORTH_M + y]], dtype=np.float64), 4547, 4490)
    return float(found[0, 0]), float(found[0, 1])


def outline(west: int, south: int, east: int, north: int) -> str:
    """Well-known text of a box with a corner every 50 m; neighbours share the corners of a common edge."""
    up, right = range(south, north, CORNER_M), range(west, east, CORNER_M)
    ring = [(x, south) for x in right] + [(east, y) for y in up]
    ring += [(x, north) for x in range(east, west, -CORNER_M)] + [(west, y) for y in range(north, south - 1, -CORNER_M)]
    return f"SRID=4547;MULTIPOLYGON((({frame._path(ring)})))"


async def load_fixture(url: str) -> None:
    """Make every layer and put the fixture into them, with everything that is derived."""
    await sync_definitions(url)
    connection = await connect(url, Role.OWNER)
    try:
        await put_fixture(connection)
    finally:
        await connection.close()


async def put_fixture(connection: asyncpg.Connection) -> None:
    await frame.put_areas(connection)
    outlines = {"communities": frame.COMMUNITIES, "grids": frame.GRIDS, "streets": STREETS, "urban_villages": VILLAGES}
    for layer, boxes in outlines.items():
        for code, corners in boxes.items():
            statement = f"UPDATE {table_of(layer)} SET geom = ST_Transform($2::text::geometry, 4490) WHERE id = $1"
            await connection.execute(statement, code, outline(*corners))
    await frame.put_water(connection)
    await frame.put_cameras(connection)
    await frame.put(connection, "buildings", "K1", frame.box(240, 340, 260, 360), name="K1", height_m=30.0)
    for name, (kind, place) in RESOURCES.items():
        await frame.put(connection, "emergency_resources", name, frame.point(*place), name=name, resource_type=kind)
    for name, place in SHELTERS.items():
        await frame.put(
            connection, "emergency_resources", name, frame.point(*place), name=name, resource_type="shelter"
        )
    await frame.put(connection, "events", "P", frame.point(*frame.INCIDENT), title="P")
    for layer in (*AREA_LAYERS, "waterways", *PLACED_LAYERS):
        await derive(connection, layer)
    for layer in (await read_catalog(connection)).values():
        await refresh_statistics(connection, layer.definition)
