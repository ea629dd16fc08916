"""The worked fixture of the domain reference, chapter 4.1: metres from E 431200, N 2559800 in EPSG:4547."""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg

from layers.definition import read_definitions
from layers.schema.tables import create_layer, table_of

EAST_M, NORTH_M = 431_200, 2_559_800

GRIDS = {  # code: west, south, east, north
    "440106011001001": (0, 0, 400, 400),
    "440106011001002": (0, 400, 400, 800),
    "440106011002001": (400, 0, 800, 400),
    "440106011002002": (400, 400, 800, 800),
}
COMMUNITIES = {"440106011001": (0, 0, 400, 800), "440106011002": (400, 0, 800, 800)}
VILLAGE = (300, 300, 600, 600)
FLOOD_POINTS = {"F1": (250, 250), "F2": (550, 120), "F3": (700, 200)}
PUMPS = {"PS1": (400, 200), "PS2": (650, 200)}
CAMERAS = {"C1": (350, 450), "C2": (450, 350), "C3": (150, 350), "C4": (350, 700), "C5": (600, 350), "C6": (500, 260)}
INCIDENT = (350, 350)
EDGE = (400, 400)


def point(x: float, y: float) -> str:
    """Return the well-known text of a point of the frame, in metres of EPSG:4547."""
    return f"SRID=4547;POINT({EAST_M + x} {NORTH_M + y})"


def line(*places: tuple[float, float]) -> str:
    return f"SRID=4547;LINESTRING({_path(places)})"


def box(west: float, south: float, east: float, north: float) -> str:
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return f"SRID=4547;MULTIPOLYGON((({_path(ring)})))"


def _path(places: Iterable[tuple[float, float]]) -> str:
    return ",".join(f"{EAST_M + x} {NORTH_M + y}" for x, y in places)


async def make_layers(connection: asyncpg.Connection) -> None:
    for definition in read_definitions().values():
        await create_layer(connection, definition, declared=True)


async def put(connection: asyncpg.Connection, layer_id: str, row_id: str, ewkt: str, **fields: object) -> None:
    """Insert one row; `ewkt` in any system, stored in EPSG:4490."""
    names = ", ".join(fields)
    marks = ", ".join(f"${n}" for n in range(3, 3 + len(fields)))
    await connection.execute(
        f"""INSERT INTO {table_of(layer_id)} (id, geom{", " if fields else ""}{names})
        VALUES ($1, ST_Transform($2::text::geometry, 4490){", " if fields else ""}{marks})""",
        row_id,
        ewkt,
        *fields.values(),
    )


async def put_areas(connection: asyncpg.Connection) -> None:
    await put(connection, "districts", "440106", box(-1000, -1000, 2000, 2000), district_code="440106")
    await put(connection, "streets", "440106011000", box(0, 0, 800, 800), street_code="440106011")
    for code, corners in COMMUNITIES.items():
        await put(connection, "communities", code, box(*corners), community_code=code)
    for code, corners in GRIDS.items():
        await put(connection, "grids", code, box(*corners), grid_code=code)
    await put(connection, "urban_villages", "UV1", box(*VILLAGE))


async def put_water(connection: asyncpg.Connection) -> None:
    await put(connection, "waterways", "W1", line((0, 200), (800, 200)), name="W1")
    for name, place in FLOOD_POINTS.items():
        await put(connection, "flood_risk_points", name, point(*place))
    for name, place in PUMPS.items():
        await put(connection, "water_facilities", name, point(*place), facility_type="pump")


async def put_cameras(connection: asyncpg.Connection) -> None:
    for name, place in CAMERAS.items():
        await put(connection, "video_points", name, point(*place))
