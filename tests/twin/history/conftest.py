"""A day and a week of history, served once for all of these tests, which read it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from layers.catalog import read_catalog
from layers.database.connection import Role, connect, create_pool
from layers.schema.tables import refresh_statistics
from tests.twin.service import serving
from twin.store.five_minutes import FiveMinutes, mark_late

DAY = datetime(2026, 6, 8, tzinfo=UTC) - timedelta(hours=8)  # midnight, local
CLOSED = DAY + timedelta(days=2)
AREA, GRID = "440106011001", "440106011001001"
OTHERS = {
    "V1": ("vehicle_kind", "'bus'"),
    "V2": ("vehicle_kind", "'police'"),
    "W1": ("on_duty, worker_id", "true, 'W1'"),
}
_ROWS = """
INSERT INTO twin.observation (id, property, phenomenon_time, value, value_text, unit, quality_flag, source_version,
    ingested_at) SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::float8[], $5::text[], $6::text[],
    $7::text[], $8::integer[], $9::timestamptz[])
"""
_MOVED = """
INSERT INTO twin.position (layer, id, phenomenon_time, lon, lat, speed_kmh, heading_deg, grid_code, area_code,
    ingested_at)
SELECT *, CASE id WHEN 'V2' THEN $10::timestamptz ELSE phenomenon_time + interval '1 second' END
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::float8[], $5::float8[], $6::float4[], $7::float4[],
    $8::text[], $9::text[]) AS p (layer, id, phenomenon_time)
"""


def levels():
    """Rows of level_m of S1: every five minutes for a week, with a gap, corrections and a flag."""
    numbers = random.Random(5)
    for n in range(7 * 288):
        at = DAY + n * timedelta(minutes=5) + timedelta(seconds=numbers.randrange(300))
        if 300 <= n < 400:
            continue  # a gap of some hours
        value = round(2 + numbers.random(), 3)
        flag = numbers.choice(["good", "good", "suspect", None])
        yield "S1", "level_m", at, value, None, "m", flag, None, at + timedelta(seconds=2)
        if numbers.random() < 0.05:
            yield "S1", "level_m", at, value + 1, None, "m", "good", 2, at + timedelta(days=3)


def drive(name, layer="vehicles", x=113.33, step_s=10, number=2_000):
    """Rows of positions: along a street, a stop, back, with a gap of an hour in the middle."""
    numbers = random.Random(name)
    for n in range(number):
        at = DAY + timedelta(hours=8, seconds=step_s * n + (3600 if n > number // 2 else 0))
        east = x + 0.02 * min(n, number - n) / number + numbers.gauss(0, 2e-6)
        north = 23.14 + 0.01 * (n // 300 % 2) + numbers.gauss(0, 2e-6)
        yield layer, name, at, east, north, float(n % 60), 90.0, GRID, AREA


async def put(url):
    connection = await connect(url, Role.OWNER)
    try:
        point = "ST_SetSRID(ST_MakePoint(113.33, 23.14), 4490)"
        for layer, ids in {
            "water_level_stations": ("S1", "S2"),
            "vehicles": ("V1", "V2"),
            "grid_workers": ("W1",),
        }.items():
            for one in ids:
                more, said = OTHERS.get(one, ("address", "NULL"))
                await connection.execute(
                    f"INSERT INTO layer.{layer} ({more}, id, name, geom, area_code, grid_code, data_grade)"
                    f" VALUES ({said}, $1, $1, {point}, $2, $3, {2 if one == 'S1' else 3})",
                    one,
                    AREA,
                    GRID,
                )
        await connection.execute("SELECT twin.make_day($1::date + n) FROM generate_series(-1, 8) AS n", DAY)
        rows = list(levels())
        rows.append(("S2", "level_m", DAY, 1.0, None, "m", None, None, DAY))
        rows += [
            ("S1", "online_status", DAY + timedelta(hours=n), None, "online", None, None, None, DAY) for n in range(3)
        ]
        rows += [("S1", "turbidity", DAY + timedelta(hours=n), 3.0 + n, None, "NTU", None, None, DAY) for n in range(2)]
        early, late = [r for r in rows if r[8] <= CLOSED], [r for r in rows if r[8] > CLOSED]
        await connection.execute(_ROWS, *(list(column) for column in zip(*early, strict=True)))
        async with await create_pool(url, Role.INGEST, size=1) as pool:
            await FiveMinutes(pool).catch_up(CLOSED)
        await connection.execute(_ROWS, *(list(column) for column in zip(*late, strict=True)))
        await mark_late(connection, [r[:3] for r in late])
        await connection.execute(
            "INSERT INTO twin.observation_now (id, property, phenomenon_time, unit) VALUES ('S1', 'level_m', $1, 'm'),"
            " ('S1', 'turbidity', $1, 'NTU')",
            DAY,
        )
        moved = [row for one in ("V1", "V2") for row in drive(one)] + list(drive("W1", "grid_workers", number=50))
        next_day = DAY + timedelta(days=1)  # when the positions of V2 arrived
        await connection.execute(_MOVED, *(list(column) for column in zip(*moved, strict=True)), next_day)
        for layer in (await read_catalog(connection)).values():
            await refresh_statistics(connection, layer.definition)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def history(cluster, layers_template):
    """The application over this history."""
    with serving(cluster, layers_template, put) as running:
        yield running
