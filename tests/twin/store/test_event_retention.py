"""Events, rejected rows and dropped files have an end."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from layers.database.connection import Role, connect, create_pool
from layers.definition import read_definitions
from tests.databases import count_rows
from tests.twin.change_log import happened, write
from tests.twin.waiting import until
from twin.connectors.drop_retention import forget_files
from twin.jobs.housekeeping import Housekeeping
from twin.store.retention import RetentionPeriods, forget

pytestmark = pytest.mark.anyio
SECRET = "市民王小明，天河路123号5栋601房"
DAY = timedelta(days=1)
KEPT = RetentionPeriods(event_details=30 * DAY, events=300 * DAY)
SENSITIVE = sorted(f.name for f in read_definitions()["events"].fields if f.grade >= 3 and f.has_column)


@pytest.fixture
async def owner(layers_url):
    connection = await connect(layers_url)
    yield connection
    await connection.close()


@pytest.fixture
async def ingest(owner, layers_url):
    connection = await connect(layers_url, Role.INGEST)
    yield connection
    await connection.close()


async def put(owner, name, age_days):
    """Write an event and two versions of it, all of them with its secret."""
    at = datetime.now(UTC) - timedelta(days=age_days)
    for number, stage in enumerate(("collect", "close")):
        await owner.execute(
            """INSERT INTO layer.events
            (id, source, title, description, address, handler_id, phenomenon_time, stage, data_grade)
            VALUES ($1, 'hotline', 't', $2, $2, $2, $3, $4, 2) ON CONFLICT (id) DO UPDATE SET stage = excluded.stage""",
            name, SECRET, at, stage,
        )  # fmt: skip
        await owner.execute(
            """INSERT INTO twin.event_version (event_id, phenomenon_time, source_version, stage, message, record)
            VALUES ($1, $2, $3, $4, 'm', $5::jsonb)""",
            name, at, number, stage, json.dumps({"description": SECRET, "title": "t"}),
        )  # fmt: skip


async def has_secret(owner, name):
    """Return in how many places the secret of an event is."""
    return await owner.fetchval(
        """SELECT (SELECT count(*) FROM layer.events AS e WHERE id = $1 AND e::text LIKE '%' || $2 || '%')
        + (SELECT count(*) FROM twin.event_version WHERE event_id = $1 AND record::text LIKE '%' || $2 || '%')""",
        name, SECRET,
    )  # fmt: skip


async def test_the_details_go_first_and_the_event_later_everywhere(owner, ingest):
    ages = {"young": 29, "due": 31, "old": 299, "gone": 301}
    for name, days in ages.items():
        await put(owner, name, days)
        assert await has_secret(owner, name) == 3
    dropped = await forget(ingest, KEPT)
    assert (dropped["details of events"], dropped["whole events"]) == (2, 1)
    assert [await has_secret(owner, name) for name in ages] == [3, 0, 0, 0]
    rows = {row["id"]: row for row in await owner.fetch("SELECT * FROM layer.events")}
    assert rows.keys() == {"young", "due", "old"}
    assert {rows["due"][name] for name in SENSITIVE} == {None}
    assert (rows["due"]["title"], rows["due"]["stage"]) == ("t", "close")
    assert await count_rows(owner, "twin.event_version WHERE event_id = 'gone'") == 0
    again = await forget(ingest, KEPT)
    assert (again["details of events"], again["whole events"]) == (0, 0)


async def test_more_events_than_a_transaction_takes(owner, ingest, monkeypatch):
    monkeypatch.setattr("twin.store.retention._EVENTS", 2)
    for number in range(5):
        await put(owner, f"e{number}", 400)
    assert (await forget(ingest, KEPT))["whole events"] == 5


async def test_a_deleted_event_is_blanked_in_the_log_and_the_numbers_stay(owner, ingest, layers_url):
    await put(owner, "gone", 400)
    await write(layers_url, happened("gone", title=SECRET), happened("stays", title="t"))
    before = await owner.fetch("SELECT first_seq, last_seq FROM twin.change")
    assert before
    assert (await forget(ingest, KEPT))["whole events"] == 1
    kept = await owner.fetch("SELECT first_seq, last_seq FROM twin.change ORDER BY last_seq")
    assert kept[: len(before)] == before
    assert len(kept) == len(before) + 1, "streams are told that the layer has changed"
    told = b"".join(await owner.fetchval("SELECT array_agg(changes) FROM twin.change"))
    assert SECRET.encode() not in told
    assert b"stays" in told


async def test_rejected_rows_and_exercises_go(owner, ingest):
    for age in (1, 91):
        await owner.execute(
            "INSERT INTO onemap.quarantine (layer, source, reason, created_at) VALUES ('x', 'f', 'r', $1)",
            datetime.now(UTC) - age * DAY,
        )
        await owner.execute(
            """INSERT INTO twin.exercise (feed, mode, kind, layer, feature_id, phenomenon_time, message, received_at)
            VALUES ('f', 'test', 'event', 'events', 'x', $1, '{}', $1)""",
            datetime.now(UTC) - age * DAY,
        )
    assert (await forget(ingest, KEPT))["rejected rows"] == 1
    assert await count_rows(owner, "twin.exercise") == 1
    assert await count_rows(owner, "onemap.quarantine") == 1


def test_files_that_were_put_away_go_and_those_that_wait_stay(tmp_path):
    for name in ("done/a.csv", "failed/b.csv", "failed/b.csv.reason.txt", "taking/c.csv", "d.csv"):
        path = tmp_path / "drops" / "roads" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET)
    now = datetime.now(UTC)
    assert forget_files(tmp_path, 30 * DAY, now=now + 29 * DAY) == 0
    assert forget_files(tmp_path, 30 * DAY, now=now + 31 * DAY) == 3
    assert sorted(path.name for path in tmp_path.rglob("*.csv")) == ["c.csv", "d.csv"]
    assert forget_files(tmp_path / "no home", DAY, now=now) == 0


async def test_the_job_records_in_the_audit_what_it_dropped(owner, layers_url):
    await put(owner, "gone", 400)
    pool = await create_pool(layers_url, Role.INGEST, size=2)
    job = asyncio.create_task(Housekeeping(layers_url, pool, KEPT).run())
    auditor = await connect(layers_url, Role.AUDITOR)
    records = await until(lambda: auditor.fetch("SELECT * FROM audit.record"))
    await auditor.close()
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    await pool.close()
    assert '"retention"' in str(records)
    assert "whole_events" in str(records)
    assert "王小明" not in str(records)
