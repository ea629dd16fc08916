"""A week of a series and the track of a day, over ten million rows of each."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import asyncpg

from benchmarks.answers.asking import AnswerCase, ask, query
from benchmarks.answers.filled import is_filled
from benchmarks.results import Figure, at_least
from benchmarks.rights.callers import InProcess
from layers.database.connection import Role, create_pool
from layers.schema.tables import table_of
from twin.store.five_minutes import FiveMinutes

WEEK_MS, DAY_MS = 20.0, 50.0
ROWS = 10_000_000
_QUESTIONS = 100
_BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
_DAYS = 7
_PLACE = "ST_SetSRID(ST_MakePoint(113.33, 23.14), 4490)"
_MEASURED = """
INSERT INTO twin.observation (id, property, phenomenon_time, value, unit, quality_flag, ingested_at)
SELECT 'bench-' || d, 'level_m', t, 2 + sin(d + n / 50.0), 'm', 'good', t
FROM generate_series($1::timestamptz, $2::timestamptz - interval '5 minutes', interval '5 minutes')
    WITH ORDINALITY AS s (t, n), generate_series(1, $3) AS d
"""
_MOVED = """
INSERT INTO twin.position (layer, id, phenomenon_time, lon, lat, speed_kmh, heading_deg, ingested_at)
SELECT 'vehicles', 'bench-' || v, t, 113.33 + 0.02 * sin(n / 700.0 + v), 23.14 + 0.02 * cos(n / 500.0 + v), n % 60,
    n % 360, t
FROM generate_series($1::timestamptz, $2::timestamptz - interval '10 seconds', interval '10 seconds')
    WITH ORDINALITY AS s (t, n), generate_series(1, $3) AS v
"""


async def measure(app: InProcess, url: str, share: float = 1.0) -> list[Figure]:
    """Measure series and tracks; rows and questions are as many as the share says."""
    stations, vehicles = await _fill(url, round(ROWS * share))
    number, numbers = max(round(_QUESTIONS * share), 10), random.Random(3)
    week = query({"from": _moment(_BEGIN), "to": _moment(_BEGIN + timedelta(days=7)), "property": "level_m"})
    series = [
        f"/twin/features/water_level_stations/bench-{numbers.randint(1, stations)}/observations?{week}"
        for _ in range(number)
    ]
    tracks = [
        f"/twin/features/vehicles/bench-{numbers.randint(1, vehicles)}/track?"
        + query({"from": _moment(day), "to": _moment(day + timedelta(days=1))})
        for day in (_BEGIN + timedelta(days=numbers.randrange(_DAYS)) for _ in range(number))
    ]
    rows = [at_least("rows of history of each kind", "rows", float(round(ROWS * share)), None)]
    for case in (
        AnswerCase("a week of a series, raw", [f"{one}&step=raw" for one in series], WEEK_MS),
        AnswerCase("a week of a series, by five minutes", [f"{one}&step=5m" for one in series], WEEK_MS),
        AnswerCase("a week of a series, by hours", [f"{one}&step=1h" for one in series], None),
        AnswerCase("the track of a day", tracks, DAY_MS),
        AnswerCase("the track of a day within 20 m", [f"{one}&simplify_m=20" for one in tracks], None),
    ):
        rows += await ask(app, case)
    return rows


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


async def _fill(url: str, rows: int) -> tuple[int, int]:
    """Write the history, day by day, unless a run before has; return the numbers of stations and vehicles."""
    stations, vehicles = max(rows // (288 * _DAYS), 1), max(rows // (8640 * _DAYS), 1)
    connection = await asyncpg.connect(url)
    try:
        if await is_filled(connection, "vehicles", vehicles, "bench-%"):
            return stations, vehicles
        print(f"→ writing {rows:,} observations and positions", flush=True)
        await _write(connection, stations, vehicles)
        async with await create_pool(url, Role.INGEST, size=1) as pool:
            await FiveMinutes(pool).catch_up(_BEGIN + timedelta(days=_DAYS))
        for layer, number in (
            ("water_level_stations", stations),
            ("vehicles", vehicles),
        ):  # last: they tell it is whole
            await connection.execute(
                f"""INSERT INTO {table_of(layer)} (id, name, geom, data_grade)
                SELECT 'bench-' || n, 'bench', {_PLACE}, 2 FROM generate_series(1, $1) AS n""",
                number,
            )
    finally:
        await connection.close()
    return stations, vehicles


async def _write(connection: asyncpg.Connection, stations: int, vehicles: int) -> None:
    """Write what stations measured and where vehicles were, day by day."""
    await connection.execute("SELECT twin.make_day($1::date + n) FROM generate_series(-1, 8) AS n", _BEGIN)
    for day in (_BEGIN + timedelta(days=n) for n in range(_DAYS)):
        await connection.execute(_MEASURED, day, day + timedelta(days=1), stations)
        await connection.execute(_MOVED, day, day + timedelta(days=1), vehicles)
    await connection.execute("VACUUM ANALYZE twin.observation, twin.position")
