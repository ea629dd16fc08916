"""Roll-ups equal their recomputation, after anything that came late, twice or in any order."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from layers.catalog import read_catalog
from layers.database.connection import Role, connect, create_pool
from tests.databases import count_rows
from tests.twin.intake.test_pipeline import NOON, Squares, event, message
from tests.twin.waiting import until
from twin.intake.pipeline import Pipeline
from twin.store.five_minutes import BUCKET, BUCKETS, FiveMinutes, bucket_of

pytestmark = pytest.mark.anyio
EVENTS_NOW = """
SELECT twin.bucket(occurred_at, $1::interval), coalesce(grid_code, ''), coalesce(area_code, ''), {} data_grade, count(*)
FROM layer.events GROUP BY 1, 2, 3, 4 {} ORDER BY 1, 2, 3, 4 {}
"""
RECOMPUTED = """
WITH counting AS (
    SELECT id, property, phenomenon_time, count(*) AS seen, (array_agg(o ORDER BY coalesce(source_version, 1) DESC,
        coalesce(sent_time, phenomenon_time) DESC, value DESC NULLS LAST))[1] AS o
    FROM twin.observation AS o WHERE phenomenon_time < $1 GROUP BY 1, 2, 3
)
SELECT id, property, twin.bucket(phenomenon_time, '5 minutes'), count((o).value),
    sum((o).value ORDER BY phenomenon_time), min((o).value), max((o).value),
    (array_agg((o).value ORDER BY phenomenon_time DESC) FILTER (WHERE (o).value IS NOT NULL))[1],
    count(*) FILTER (WHERE (o).value IS NOT NULL AND (o).quality_flag <> 'good'), sum(seen)::bigint
FROM counting GROUP BY 1, 2, 3 HAVING count((o).value) > 0 ORDER BY 1, 2, 3
"""


@pytest.fixture
async def owner(layers_url):
    connection = await connect(layers_url)
    connection.url = layers_url
    yield connection
    await connection.close()


@pytest.fixture
async def pool(owner):
    async with await create_pool(owner.url, Role.INGEST, size=3) as pool:
        yield pool


@pytest.fixture
async def pipeline(owner, pool):
    catalog = await read_catalog(owner)
    pipeline = Pipeline(pool, lambda: catalog, Squares)
    pipeline.start()
    yield pipeline
    await pipeline.stop()


OPEN = "SELECT id, grid_code, area_code, data_grade, occurred_at, due_at FROM {} ORDER BY id"


async def assert_events_counted(owner):
    kept, wanted = (
        OPEN.format("twin.event_open"),
        OPEN.format("layer.events WHERE onemap.event_is_open(stage, closed_at)"),
    )
    assert list(map(tuple, await owner.fetch(kept))) == list(map(tuple, await owner.fetch(wanted)))
    for table, width, by_class in (("event_5min", BUCKET, True), ("event_day", timedelta(days=1), False)):
        of_class = ("coalesce(event_class, ''),", ", 5", ", 5") if by_class else ("", "", "")
        wanted = await owner.fetch(EVENTS_NOW.format(*of_class), width)
        kept = await owner.fetch(f"SELECT * FROM twin.{table} WHERE n <> 0 ORDER BY 1, 2, 3, 4{of_class[1]}")
        assert list(map(tuple, kept)) == list(map(tuple, wanted))


@pytest.mark.parametrize("seed", range(2))
async def test_events_are_counted_whatever_comes(pipeline, owner, seed):
    numbers = random.Random(seed)
    story = [
        event(
            f"e{numbers.randrange(20)}",
            numbers.randrange(100_000),
            version,
            numbers.choice(["file", "handle", "closed"]),
            event_class=numbers.choice(["0101", "0406"]),
            **({"occurred_at": NOON - timedelta(seconds=numbers.randrange(300_000))} if numbers.random() < 0.8 else {}),
            **({"lon": 113 + numbers.random(), "lat": 23.1} if numbers.random() < 0.5 else {}),
        )
        for version in range(80)
    ]
    sent = [*story, *numbers.choices(story, k=20)]
    numbers.shuffle(sent)
    for start in range(0, len(sent), 17):
        await pipeline.offer("test", sent[start : start + 17])
    await assert_events_counted(owner)
    await owner.execute("UPDATE layer.events SET grid_code = 'x', data_grade = 3 WHERE id > 'e5'")
    await owner.execute("DELETE FROM layer.events WHERE id < 'e3'")
    await assert_events_counted(owner)
    await owner.execute("TRUNCATE layer.events")
    await assert_events_counted(owner)


async def test_a_table_that_is_made_anew_is_counted_anew(owner):
    await owner.execute(
        """INSERT INTO layer.events (id, occurred_at) SELECT 'e' || n, now() FROM generate_series(1, 50) AS n;
        CREATE TABLE layer.fresh (LIKE layer.events INCLUDING ALL);
        INSERT INTO layer.fresh (id, occurred_at) SELECT 'f' || n, now() FROM generate_series(1, 7) AS n;
        DROP TABLE layer.events; ALTER TABLE layer.fresh RENAME TO events;
        UPDATE onemap.layer SET definition = definition WHERE id = 'events'"""
    )
    await assert_events_counted(owner)
    await owner.execute("DELETE FROM layer.events WHERE id = 'f1'")
    await assert_events_counted(owner)


def measured(numbers, device, seconds):
    """A value, at times a correction of one that was sent before, and at times one that takes it back."""
    value = None if numbers.random() < 0.2 else round(numbers.random(), 3)
    version = numbers.choice([1, 1, 1, 2, 3])
    return message("observation", device, seconds, version=version, property_code="rain_mm", value=value)


@pytest.mark.parametrize("seed", range(2))
async def test_observations_are_rolled_up_whatever_comes(pipeline, owner, pool, seed):
    numbers = random.Random(seed)
    story = [measured(numbers, f"g{n % 3}", numbers.randrange(120) * 60) for n in range(200)]
    sent = [*story, *numbers.choices(story, k=40)]
    job = FiveMinutes(pool)
    for start in range(0, len(sent), 31):
        await pipeline.offer("test", sent[start : start + 31])
        await job.catch_up(NOON + timedelta(seconds=start * 40))
        asked = (("rain_mm", NOON, NOON + 30 * BUCKET), f"{BUCKETS} ORDER BY 1")
        read = [(f"g{n}", row) for n in range(3) for row in await owner.fetch(asked[1], f"g{n}", *asked[0])]
        rows = await owner.fetch(RECOMPUTED, datetime(2100, 1, 1, tzinfo=UTC))
        assert [(name, *row) for name, row in read] == [(r[0], *tuple(r)[2:9]) for r in rows]
    closed = NOON + timedelta(hours=3)
    await job.catch_up(closed)
    kept = await owner.fetch("SELECT * FROM twin.observation_5min ORDER BY 1, 2, 3")
    assert list(map(tuple, kept)) == list(map(tuple, await owner.fetch(RECOMPUTED, closed)))
    assert await count_rows(owner, "twin.observation_late") == 0


async def test_what_is_written_while_buckets_are_closed_is_not_lost(owner, pool):
    """A writer that looked before the bucket was closed commits after: closing waits for it."""
    async with pool.acquire() as writer:
        transaction = writer.transaction()
        await transaction.start()
        await writer.fetchval("SELECT twin.closed_until()")
        await writer.execute(
            "INSERT INTO twin.observation (id, property, phenomenon_time, value) VALUES ('g', 'p', $1, 1)", NOON
        )
        closing = asyncio.create_task(FiveMinutes(pool).catch_up(NOON + BUCKET))
        await until(lambda: count_rows(owner, "pg_locks WHERE locktype = 'advisory' AND NOT granted"))
        await transaction.commit()
    await closing
    assert await owner.fetchval("SELECT n FROM twin.observation_5min WHERE id = 'g'") == 1


async def test_a_value_that_is_taken_back_is_gone_from_its_bucket(pipeline, owner, pool):
    job, seconds = FiveMinutes(pool), (0, 1, 300)
    said = [message("observation", "g", s, version=1, property_code="rain_mm", value=2.0) for s in seconds]
    await pipeline.offer("test", said)
    await job.catch_up(NOON + 2 * BUCKET)
    back = [message("observation", "g", s, version=2, property_code="rain_mm", value=None) for s in seconds[1:]]
    await pipeline.offer("test", back)
    await job.catch_up(NOON + 2 * BUCKET)
    kept = await owner.fetch("SELECT bucket, n, total, seen FROM twin.observation_5min")
    assert list(map(tuple, kept)) == [(NOON, 1, 2.0, 3)], "a bucket without a value is not there"


async def test_what_was_dropped_of_history_stays_in_the_roll_up(pipeline, owner, pool):
    numbers, job = random.Random(0), FiveMinutes(pool)
    values = [message("observation", "g", s, property_code="rain_mm", value=numbers.random()) for s in range(5)]
    await pipeline.offer("test", values)
    await job.catch_up(NOON + BUCKET)
    await owner.execute("DELETE FROM twin.observation")
    await pipeline.offer("test", [measured(numbers, "g", 10)])
    await job.catch_up(NOON + BUCKET)
    assert await owner.fetchval("SELECT n FROM twin.observation_5min") == 5


def test_buckets_begin_every_five_minutes():
    assert bucket_of(NOON + timedelta(seconds=299)) == NOON
    assert bucket_of(datetime(1999, 12, 31, 23, 59, tzinfo=UTC)) == datetime(1999, 12, 31, 23, 55, tzinfo=UTC)
