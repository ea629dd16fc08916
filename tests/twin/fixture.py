"""The worked fixture of the domain reference, chapter 4.1, in a database.

Edges carry a corner every 50 m: what stands on a border of the fixture then stands on it in degrees too.
"""

from __future__ import annotations

from typing import Any

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
ROADS = {  # id: places, whether it is the only bridge over W1
    "RD1": ((frame.INCIDENT, (700, 350)), False),
    "RD2": (((700, 350), (700, 50)), True),
    "RD3": (((700, 50), (350, 50)), False),
    "RD4": ((frame.INCIDENT, (350, 750)), False),
}
SIGHTS = {  # azimuth, horizontal field of view, range
    "C1": (180, 60, 150),
    "C2": (0, 60, 150),
    "C3": (90, 90, 250),
    "C4": (180, 60, 400),
    "C5": (270, 40, 300),
    "C6": (180, 90, 200),
}
AREA_LAYERS = ("districts", "streets", "communities", "grids", "urban_villages")
PLACED_LAYERS = ("video_points", "flood_risk_points", "water_facilities", "emergency_resources", "buildings", "events")


def lonlat(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of a place of the frame, in full precision."""
    found = transform(np.array([[frame.EAST_M + x, frame.NORTH_M + y]], dtype=np.float64), 4547, 4490)
    return float(found[0, 0]), float(found[0, 1])


def polygon(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    """Return a box of the frame as GeoJSON."""
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return {"type": "Polygon", "coordinates": [[list(lonlat(*corner)) for corner in corners]]}


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
    await put_sights(connection)
    await put_roads(connection)
    await frame.put(connection, "buildings", "K1", frame.box(240, 340, 260, 360), name="K1", height_m=30.0)
    for name, (kind, place) in RESOURCES.items():
        await frame.put(connection, "emergency_resources", name, frame.point(*place), name=name, resource_type=kind)
    for name, place in SHELTERS.items():
        await frame.put(
            connection, "emergency_resources", name, frame.point(*place), name=name, resource_type="shelter"
        )
    await frame.put(connection, "events", "P", frame.point(*frame.INCIDENT), title="P")
    for layer in (*AREA_LAYERS, "waterways", "roads", *PLACED_LAYERS):
        await derive(connection, layer)
    for layer in (await read_catalog(connection)).values():
        await refresh_statistics(connection, layer.definition)


async def put_sights(connection: asyncpg.Connection) -> None:
    """Say where the cameras look."""
    for name, (azimuth, hfov, reach) in SIGHTS.items():
        await connection.execute(
            f"""UPDATE {table_of("video_points")} SET azimuth_deg = $2, hfov_deg = $3, range_m = $4,
            online_status = 'online', camera_type = '3' WHERE id = $1""",
            name,
            float(azimuth),
            float(hfov),
            float(reach),
        )


async def put_roads(connection: asyncpg.Connection) -> None:
    """Put the roads, all of 30 km/h."""
    for name, (places, bridge) in ROADS.items():
        await frame.put(
            connection, "roads", name, frame.line(*places), name=name, speed_limit_kmh=30.0, bridge=bridge, data_grade=1
        )


async def print_fixture(connection: asyncpg.Connection) -> None:
    """Round every coordinate to the seven decimals that the reference prints."""
    for layer in (*AREA_LAYERS, "waterways", "roads", *PLACED_LAYERS):
        await connection.execute(f"UPDATE {table_of(layer)} SET geom = ST_SnapToGrid(geom, 1e-7)")
