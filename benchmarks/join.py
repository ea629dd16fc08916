"""The bulk join: points a second on one core against all layers, and one SQL statement a point beside it.

Run it with `./onemap bench join`. The areas, waterways, cameras and flood points are those of the demo;
half of the points lie around its devices, half anywhere in its extent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import numpy as np

from benchmarks.machine import describe_machine, new_home
from benchmarks.results import Figure, at_most, benchmark_parser, report
from layers.cluster import PrivateCluster
from layers.database.connection import Role, connect
from layers.demo.load import load_demo
from layers.schema.migrate import migrate
from layers.schema.tables import sync_definitions
from layers.types import Points
from server.installation import PROJECT
from twin.join.index import AreaIndex

_POINTS = 100_000
_GOAL_S = 1.0  # for so many points, of one core
_BATCHES = (500, 4_000, 100_000)
_SQL_POINTS = 500
_SQL = """SELECT place.*, water.*, ARRAY(SELECT f.id FROM layer.urban_villages AS f WHERE ST_Covers(f.geom, spot.point))
FROM (SELECT ST_SetSRID(ST_MakePoint($1, $2), 4490) AS point) AS spot
CROSS JOIN LATERAL onemap.place_at(spot.point) AS place
LEFT JOIN LATERAL onemap.waterway_at(spot.point, 100) AS water ON true"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit code."""
    parser = benchmark_parser("join", __doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the demo (1)")
    parser.add_argument("--home", type=Path, default=PROJECT / ".onemap" / "bench", help="folder to work in")
    options = parser.parse_args(arguments)
    rows = measure(options.home.absolute() / "join", options.scale)
    return report(rows, [describe_machine()], options)


def measure(home: Path, scale: float) -> list[Figure]:
    """Measure with a new database."""
    new_home(home)
    with PrivateCluster(home, durable=False) as url:
        return asyncio.run(_measure(url, scale))


async def _measure(url: str, scale: float) -> list[Figure]:
    await migrate(url)
    await sync_definitions(url)
    print(f"→ making the demo at scale {scale:g}", flush=True)
    await load_demo(url, scale=scale)
    connection = await connect(url, Role.READ)
    try:
        began = time.perf_counter()
        index = await AreaIndex.read(connection)
        read_s = time.perf_counter() - began
        points = await _points(connection)
        rows = [
            at_most(f"{_POINTS:,} points in batches of {n:,}", "s of CPU", _join(index, points, n), _GOAL_S)
            for n in _BATCHES
        ]
        rows.append(at_most("reading all layers", "s", read_s, None))
        sql_ms = await _one_by_one(connection, points[:_SQL_POINTS])
        return [
            *rows,
            at_most("the usual way: one SQL statement a point, areas and waterway alone", "ms", sql_ms, None),
        ]
    finally:
        await connection.close()


async def _points(connection: asyncpg.Connection) -> Points:
    random = np.random.default_rng(440106)
    rows = await connection.fetch("SELECT ST_X(geom), ST_Y(geom) FROM layer.iot_devices ORDER BY id")
    devices = np.array([tuple(row) for row in rows], dtype=np.float64)
    around = random.choice(devices, _POINTS // 2) + random.normal(0, 1e-4, (_POINTS // 2, 2))
    anywhere = random.uniform(devices.min(axis=0), devices.max(axis=0), (_POINTS - len(around), 2))
    return random.permutation(np.vstack([around, anywhere]))


def _join(index: AreaIndex, points: Points, batch: int) -> float:
    """Return the seconds of CPU that all points take in batches of one size: the best of three runs."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        for start in range(0, len(points), batch):
            index.locate(points[start : start + batch])
        taken.append(time.process_time() - began)
    return min(taken)


async def _one_by_one(connection: asyncpg.Connection, points: Points) -> float:
    statement = await connection.prepare(_SQL)
    began = time.perf_counter()
    for lon, lat in points.tolist():
        await statement.fetchrow(lon, lat)
    return (time.perf_counter() - began) / len(points) * 1000


if __name__ == "__main__":
    raise SystemExit(main())
