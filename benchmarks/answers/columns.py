"""Whole layers as columns, and a join, against geopandas on the same rows: one million points with twenty columns."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi

from benchmarks.answers.alone import saved_alone
from benchmarks.answers.asking import ASKER
from benchmarks.answers.filled import is_filled
from benchmarks.results import Figure, at_most
from benchmarks.rights.callers import InProcess
from layers.database.connection import connect
from layers.definition import FieldDefinition, FieldType, LayerDefinition
from layers.schema.tables import create_layer, drop_layer, refresh_statistics

POINTS, CELLS = 1_000_000, 2_360
PARQUET_S, JOIN_S, MEMORY_MB, TIMES_PAGED = 6.0, 5.0, 500.0, 10.0
_PAGE = 10_000
_PAGES = 5  # enough to tell how long all would take
_TYPES: dict[str, FieldType] = {
    "name": "string",
    **{f"value_{n}": "number" for n in range(6)},
    **{f"code_{n}": "string" for n in range(5)},
    "count_a": "integer", "count_b": "integer", "active": "boolean", "built": "date", "seen_at": "datetime",
    "tags": "string_array", "data_grade": "integer",
}  # fmt: skip
_FILL = """
INSERT INTO layer.bench_points (id, geom, name, value_0, value_1, value_2, value_3, value_4, value_5,
    code_0, code_1, code_2, code_3, code_4, count_a, count_b, active, built, seen_at, tags, data_grade)
SELECT 'P' || lpad(i::text, 8, '0'), ST_SetSRID(ST_MakePoint(113.28 + random() * 0.19, 23.05 + random() * 0.2), 4490),
    '设备 ' || i, random() * 100, random(), random() * 9, i * 0.5, random(), random() * 360,
    'c' || (i % 7), 'k' || (i % 13), '440106' || lpad((i % 21)::text, 3, '0'), nullif('x' || (i % 5), 'x0'), 'open',
    i % 1000, i, i % 2 = 0, date '2024-01-01' + i % 900, timestamptz '2026-01-01 00:00+08' + i * interval '1 second',
    ARRAY['a', 'b' || (i % 3)], 1
FROM generate_series(1, $1::int) AS i"""
_FILL_CELLS = """
INSERT INTO layer.bench_cells (id, geom, name, data_grade)
SELECT 'G' || lpad((x * 59 + y)::text, 5, '0'), ST_MakeEnvelope(113.28 + x * 0.19 / 40, 23.05 + y * 0.2 / 59,
    113.28 + (x + 1) * 0.19 / 40, 23.05 + (y + 1) * 0.2 / 59, 4490), 'cell', 1
FROM generate_series(0, 39) AS x, generate_series(0, 58) AS y"""


async def measure(app: InProcess, url: str, share: float = 1.0) -> list[Figure]:
    """Measure GeoParquet, pages of GeoJSON, and a join counted by cell; then geopandas on the same."""
    points = max(round(POINTS * share), 20_000)
    await _fill(url, points)
    while not {"bench_points", "bench_cells"} <= set(app.app.state.shared.catalog.current):  # noqa: ASYNC110  # told by NOTIFY
        await asyncio.sleep(0.05)
    items = "/ogc/collections/bench_points/items"
    parquet = await asyncio.to_thread(saved_alone, url, f"{items}?f=parquet")
    async with _client(app) as client:
        paged_s = await _paged(client, f"{items}?limit={_PAGE}") * points / (_PAGE * _PAGES)
        join = "/twin/join?left=bench_points&right=bench_cells&aggregate=count,mean(value_0)&f=parquet"
        joined, join_s = await _timed(client, join)
    counts = pq.read_table(io.BytesIO(joined))["count"].to_pylist()
    read_s, own_join_s, expected = await asyncio.to_thread(_by_geopandas, url)
    if parquet.rows != points or sum(counts) != expected:
        raise RuntimeError(f"{sum(counts)} points in cells, and {expected} by geopandas")
    return [
        at_most(f"{points:,} points as GeoParquet", "s", parquet.seconds, PARQUET_S),
        at_most("… the server's process at its most", "MB", parquet.peak_mb, MEMORY_MB),
        at_most("… as a share of our own pages of GeoJSON", "×", parquet.seconds / paged_s, 1 / TIMES_PAGED),
        at_most("… as a share of geopandas.read_postgis", "×", parquet.seconds / read_s, 1.0),
        at_most(f"{points:,} points counted in {CELLS:,} cells", "s", join_s, JOIN_S),
        at_most("… as a share of geopandas from the same database", "×", join_s / (read_s + own_join_s), 1.0),
        at_most("… geopandas' join alone, its rows read already", "s", own_join_s, None),
    ]


async def _fill(url: str, points: int) -> None:
    """Make the layers of points and cells, unless a run before has made them with as many points."""
    connection = await connect(url)
    try:
        if await is_filled(connection, "bench_points", points) and await is_filled(connection, "bench_cells", CELLS):
            return
        for name, kind, types in (("bench_points", "Point", _TYPES), ("bench_cells", "Polygon", _CELL_TYPES)):
            fields = tuple(FieldDefinition(name=n, title_zh=n, title_en=n, type=t) for n, t in types.items())
            definition = LayerDefinition.model_validate(
                {"id": name, "title_zh": name, "title_en": name, "geometry_type": kind, "grade": 1, "fields": fields}
            )
            await drop_layer(connection, name)
            await create_layer(connection, definition)
            await connection.execute(*((_FILL, points) if kind == "Point" else (_FILL_CELLS,)))
            await refresh_statistics(connection, definition)
        await connection.execute("ANALYZE layer.bench_points")
    finally:
        await connection.close()


_CELL_TYPES: dict[str, FieldType] = {"name": "string", "data_grade": "integer"}


def _client(app: InProcess) -> httpx.AsyncClient:
    headers = {"x-bench-actor": ASKER, "accept-encoding": "identity"}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app.app), base_url="http://map.test", headers=headers, timeout=600
    )


async def _timed(client: httpx.AsyncClient, target: str) -> tuple[bytes, float]:
    begun = time.perf_counter()
    answer = (await client.get(target)).raise_for_status()
    return answer.content, time.perf_counter() - begun


async def _paged(client: httpx.AsyncClient, target: str) -> float:
    """Return the seconds that some pages take, one after the other."""
    begun = time.perf_counter()
    for _ in range(_PAGES):
        links = json.loads((await client.get(target)).raise_for_status().content)["links"]
        target = next((link["href"] for link in links if link["rel"] == "next"), target)
    return time.perf_counter() - begun


def _by_geopandas(url: str) -> tuple[float, float, int]:
    """Return the seconds of reading all columns and of joining them, and how many points lie in cells."""
    import geopandas  # noqa: PLC0415  # imported before, it would count as memory of ours

    with dbapi.connect(url) as connection:
        read: Callable[..., Any] = geopandas.read_postgis
        begun = time.perf_counter()
        points = read("SELECT *, ST_AsBinary(geom) AS wkb FROM layer.bench_points", connection, geom_col="wkb")
        read_s = time.perf_counter() - begun
        cells = read("SELECT id, ST_AsBinary(geom) AS wkb FROM layer.bench_cells", connection, geom_col="wkb")
    begun = time.perf_counter()
    met = geopandas.sjoin(points[["value_0", "wkb"]], cells, predicate="within")
    counted = met.groupby("id")["value_0"].agg(["count", "mean"])
    return read_s, time.perf_counter() - begun, int(counted["count"].sum())
