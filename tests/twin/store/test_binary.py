"""PostgreSQL reads our rows for COPY as it reads those of the driver."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from layers.database.connection import connect
from tests.databases import count_rows
from twin.store import binary

pytestmark = pytest.mark.anyio
POSITION = ("layer", "id", "phenomenon_time", "lon", "lat", "speed_kmh", "heading_deg", "grid_code", "area_code")
OBSERVATION = ("id", "property", "phenomenon_time", "value", "value_text", "unit", "quality_flag", "grid_code")
NUMBER = 300
NAMES = ("vehicles", "粤A·12345", "a", "x" * 200, "😀/é")
TIMES = (
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2000, 1, 1, tzinfo=UTC),
    datetime(2026, 6, 8, 4, 0, 0, 1, tzinfo=UTC),
    datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC),
)


@pytest.fixture
async def owner(database_url):
    connection = await connect(database_url)
    yield connection
    await connection.close()


def rows_of(kind):
    numbers = random.Random(440106)
    names, codes = (*NAMES, *map(str, range(20))), (None, "440106011001", "粤", "")
    for _ in range(NUMBER):
        time = numbers.choice(TIMES) + timedelta(microseconds=numbers.randrange(10**6)) * numbers.choice([0, 1])
        one, other = numbers.choice(names), numbers.choice(names)
        value = numbers.choice([None, 0.0, -1e15, 1e-300, numbers.uniform(-180, 180)])
        if kind == "position":
            lon, lat = numbers.uniform(-180, 180), numbers.uniform(-90, 90)
            speed, heading = numbers.choice([None, 0.0, 1200.0, 32.1]), numbers.choice([None, 359.9])
            yield one, other, time, lon, lat, speed, heading, numbers.choice(codes), numbers.choice(codes)
        else:
            yield one, other, time, value, *numbers.choices(codes, k=4)


@pytest.mark.parametrize("claimed", [False, True])
@pytest.mark.parametrize(
    ("kind", "columns", "written"),
    [("position", POSITION, binary.positions), ("observation", OBSERVATION, binary.observations)],
)
async def test_rows_are_those_of_the_driver(owner, kind, columns, written, claimed):
    rows, encoded = list(rows_of(kind)), written(rows_of(kind))
    if claimed:
        moments = [None if n % 3 else TIMES[n % len(TIMES)] for n in range(NUMBER)]
        rows = [(*row, moment) for row, moment in zip(rows, moments, strict=True)]
        columns, encoded = (*columns, "claimed_time"), binary.with_moments(encoded, moments)
    listed = ", ".join(columns)
    found = []
    for way in ("ours", "the driver's"):
        await owner.execute(f"CREATE TEMPORARY TABLE copied AS SELECT {listed} FROM twin.{kind} WITH NO DATA")
        if way == "ours":
            await binary.copy(owner, "copied", columns, encoded, schema="pg_temp")
        else:
            await owner.copy_records_to_table("copied", schema_name="pg_temp", columns=columns, records=rows)
        found.append([tuple(row) for row in await owner.fetch("SELECT * FROM pg_temp.copied ORDER BY ctid")])
        await owner.execute("DROP TABLE pg_temp.copied")
    assert len(found[0]) == NUMBER
    assert found[0] == found[1]


async def test_revisions_are_those_of_the_driver(owner):
    columns = (*OBSERVATION, "source_version", "sent_time")
    revisions = [(n % 7 + 1, None if n % 3 else TIMES[n % len(TIMES)]) for n in range(NUMBER)]
    await owner.execute(f"CREATE TEMPORARY TABLE ours AS SELECT {', '.join(columns)} FROM twin.observation")
    await owner.execute("CREATE TEMPORARY TABLE theirs (LIKE ours)")
    encoded = binary.with_revisions(binary.observations(rows_of("observation")), revisions)
    await binary.copy(owner, "ours", columns, encoded, schema="pg_temp")
    rows = [(*row, *revision) for row, revision in zip(rows_of("observation"), revisions, strict=True)]
    await owner.copy_records_to_table("theirs", schema_name="pg_temp", columns=columns, records=rows)
    ours, theirs = [await owner.fetch(f"SELECT * FROM pg_temp.{name} ORDER BY ctid") for name in ("ours", "theirs")]
    assert len(ours) == NUMBER
    assert list(map(tuple, ours)) == list(map(tuple, theirs))


async def test_nothing_is_copied_as_nothing(owner):
    await binary.copy(owner, "position", POSITION, [])
    assert await count_rows(owner, "twin.position") == 0
