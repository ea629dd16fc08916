"""Ways on the roads of the demo, from places where events are."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import asyncpg

from benchmarks.answers.asking import AnswerCase, ask, query
from benchmarks.results import Figure, at_least
from benchmarks.rights.callers import InProcess
from layers.actor import OPERATOR
from layers.database.connection import connect
from layers.schema.tables import refresh_statistics, table_of

NEAREST_MS = 150.0
EDGES = 60_000
_PLACES = 200
_LATTICE = f"""
WITH extent AS (SELECT ST_Extent(geom) AS box FROM {table_of("roads")}),
lattice AS (
    SELECT ST_XMin(box) + (ST_XMax(box) - ST_XMin(box)) * x / $1 AS lon, (ST_XMax(box) - ST_XMin(box)) / $1 AS east,
        ST_YMin(box) + (ST_YMax(box) - ST_YMin(box)) * y / $1 AS lat, (ST_YMax(box) - ST_YMin(box)) / $1 AS north, x, y
    FROM extent, generate_series(0, $1::int - 1) AS x, generate_series(0, $1::int - 1) AS y
)
INSERT INTO {table_of("roads")} (id, geom, road_class, one_way, data_grade)
SELECT 'bench-' || x || '-' || y || '-' || way, ST_SetSRID(ST_MakeLine(ST_MakePoint(lon, lat), CASE way WHEN 0
    THEN ST_MakePoint(lon + east, lat) ELSE ST_MakePoint(lon, lat + north) END), 4490), 'branch', false, 1
FROM lattice, generate_series(0, 1) AS way
ON CONFLICT (id) DO NOTHING"""


async def places(url: str, number: int) -> list[tuple[float, float]]:
    """Return longitude and latitude of events; the same at every run."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            f"SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM {table_of('events')} WHERE geom IS NOT NULL ORDER BY id"
        )
    finally:
        await connection.close()
    chosen = random.Random(1).sample(rows, min(number, len(rows)))
    return [(row["lon"], row["lat"]) for row in chosen]


async def measure(app: InProcess, url: str, share: float = 1.0) -> list[Figure]:
    """Measure the nearest resources, routes, and what is reached, on the roads of the demo and a lattice of others."""
    edges = await _widen(url, app, max(round(EDGES * share), 200))
    found = await places(url, max(round(_PLACES * share), 10))
    at = [query({"lon": lon, "lat": lat}) for lon, lat in found]
    ends = pairwise(found)
    cases = [
        AnswerCase("nearest three resources by road", [f"/twin/nearest-resources?{one}&n=3" for one in at], NEAREST_MS),
        AnswerCase(
            "route between two places",
            [f"/twin/route?from={a[0]},{a[1]}&to={b[0]},{b[1]}" for a, b in ends],
            None,
        ),
        AnswerCase("reached within five minutes", [f"/twin/reachable?{one}&minutes=5" for one in at], None),
    ]
    rows = [at_least("edges of the road network", "edges", float(edges), None)]
    for case in cases:
        rows += await ask(app, case)
    return rows


async def _widen(url: str, app: InProcess, number: int) -> int:
    """Add a lattice of about so many edges to the roads, and return how many edges the network then has."""
    connection = await connect(url)
    try:
        await connection.execute(_LATTICE, round((number / 2) ** 0.5))
        await refresh_statistics(connection, app.app.state.shared.catalog.current["roads"].definition)
    finally:
        await connection.close()
    edges = 0
    while edges < number:
        edges = len(await app.app.state.shared.roads.current(OPERATOR))
        await asyncio.sleep(0.05)  # the catalogue learns by NOTIFY that the layer has changed
    return edges
