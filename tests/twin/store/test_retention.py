from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from layers.database.connection import Role, connect
from layers.schema.tables import sync_definitions
from tests.databases import count_rows
from tests.twin.intake.test_pipeline import event, observation, position
from twin.envelope.message import Reading
from twin.store import retention
from twin.store.retention import RetentionPeriods, forget, refuse_too_old

pytestmark = pytest.mark.anyio
KEPT = RetentionPeriods(positions=timedelta(days=90), observations=timedelta(days=365))
_PUT = {
    "position": "INSERT INTO twin.position (layer, id, phenomenon_time, lon, lat) VALUES ('vehicles', 'v', $1, 1, 1)",
    "observation": "INSERT INTO twin.observation (id, property, phenomenon_time) VALUES ('g', 'rain_mm', $1)",
}


@pytest.fixture
async def ingest(database_url):
    connection = await connect(database_url, Role.INGEST)
    yield connection
    await connection.close()


async def days(connection, table):
    return (
        await connection.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = $1::regclass", f"twin.{table}")
        - 1
    )  # the rest


@pytest.mark.parametrize(("table", "kept"), [("position", KEPT.positions), ("observation", KEPT.observations)])
async def test_history_goes_by_whole_days_and_no_day_goes_too_early(ingest, table, kept):
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    oldest_kept = midnight - kept
    moments = [oldest_kept - timedelta(microseconds=1), oldest_kept, midnight, oldest_kept - timedelta(days=400)]
    for moment in moments[:3]:
        await ingest.execute("SELECT twin.make_day($1)", moment.date())
    for moment in moments:
        await ingest.execute(_PUT[table], moment)
    before = await days(ingest, table)
    went = await forget(ingest, KEPT)
    assert went[f"days of {table}s"] == 1
    assert await days(ingest, table) == before - 1
    left = await ingest.fetch(f"SELECT phenomenon_time FROM twin.{table} ORDER BY 1")
    assert [row[0] for row in left] == moments[1:3]
    assert (await forget(ingest, KEPT))[f"days of {table}s"] == 0


async def test_a_day_that_somebody_reads_stays_until_the_next_time(ingest, database_url):
    old = datetime.now(UTC) - timedelta(days=100)
    await ingest.execute("SELECT twin.make_day($1)", old.date())
    await ingest.execute(_PUT["position"], old)
    reader = await connect(database_url, Role.READ)
    async with reader.transaction():
        assert await count_rows(reader, "twin.position") == 1
        assert (await forget(ingest, KEPT))["days of positions"] == 0
        assert await count_rows(reader, "twin.position") == 1
    assert (await forget(ingest, KEPT))["days of positions"] == 1
    await reader.close()


async def test_rows_that_were_replaced_long_ago_go_in_batches_and_no_others(ingest, database_url, monkeypatch):
    monkeypatch.setattr(retention, "_PAST_ROWS", 3)
    await sync_definitions(database_url)
    owner = await connect(database_url)
    put = "INSERT INTO past.{} (id, _known_from, _known_to) SELECT n::text, now() - $1::interval, now() - $2::interval"
    long_ago, before_it, young = (
        KEPT.layers + timedelta(hours=1),
        timedelta(days=9999),
        KEPT.layers - timedelta(hours=1),
    )
    for layer, rows in (("grids", 7), ("streets", 4)):
        await owner.execute(put.format(layer) + f" FROM generate_series(1, {rows}) AS n", before_it, long_ago)
    await owner.execute(put.format("streets") + " FROM generate_series(1, 2) AS n", before_it, young)
    assert (await forget(ingest, KEPT))["rows of layers"] == 11
    assert await count_rows(owner, "past.grids") == 0
    assert await count_rows(owner, "past.streets") == 2
    assert (await forget(ingest, KEPT))["rows of layers"] == 0
    await owner.close()


async def test_receipts_nonces_and_refused_messages_go_when_nobody_needs_them(ingest):
    await ingest.execute(
        """INSERT INTO twin.receipt (digest, received_at) VALUES
        (gen_random_uuid(), now()), (gen_random_uuid(), now() - interval '8 days')"""
    )
    await ingest.execute(
        "INSERT INTO twin.nonce VALUES ('f', 'old', now() - interval '1 s'), ('f', 'new', now() + interval '1 h')"
    )
    await ingest.execute(
        """INSERT INTO twin.refused (feed, reason, detail, message, refused_at) VALUES
        ('f', 'r', 'd', '', now()), ('f', 'r', 'd', '', now() - interval '91 days')"""
    )
    await forget(ingest, KEPT)
    assert [await count_rows(ingest, f"twin.{name}") for name in ("receipt", "nonce", "refused")] == [
        1, 1, 1,
    ]  # fmt: skip


def test_what_would_be_dropped_at_once_is_refused_with_its_reason():
    now = position("v1", 0).phenomenon_time + timedelta(days=100)
    reading = Reading([position("v1", 0), observation("g1", 0, 1.0), event("e1", 0, 1, "collect"), position("v2", 1e7)])
    refuse_too_old(reading, KEPT, now=now)
    assert [message.feature_id for message in reading.messages] == ["g1", "e1", "v2"]
    (refused,) = reading.refused
    assert (refused.index, refused.reason) == (0, "too_old")
    assert "kept for 90 days; this one is of 2026-06-08 04:00 UTC" in refused.detail
    assert b'"id":"v1-0-0"' in refused.raw
