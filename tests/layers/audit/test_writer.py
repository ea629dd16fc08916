"""The audit of a process: waited for, gathered, counted; and what it does when the database takes nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from time import monotonic
from typing import Any

import asyncpg
import pytest

from layers.audit.canonical import canonical
from layers.audit.lane import GATHER_SECONDS, AuditUnavailable
from layers.audit.record import AuditAction, AuditChain, AuditRecord, AuditSubject
from layers.audit.store import read_period
from layers.audit.writer import AuditWriter

pytestmark = pytest.mark.anyio
_REFUSE = "ALTER TABLE audit.record ADD CONSTRAINT refused CHECK (false) NOT VALID"
_ADMIT = "ALTER TABLE audit.record DROP CONSTRAINT refused"


def read_of(thing: str, grade: int = 2, **more: Any) -> AuditRecord:
    return AuditRecord(action=AuditAction.READ, object=thing, subject=AuditSubject("li"), max_grade=grade, **more)


def text_of(thing: str, **more: Any) -> str:
    return canonical(read_of(thing, **more))


@pytest.fixture
async def audit(database_url: str) -> AsyncIterator[AuditWriter]:
    writer = AuditWriter(database_url, queue_max=100)
    writer.start()
    yield writer
    await writer.stop()


async def stored(auditor: asyncpg.Connection) -> list[dict[str, Any]]:
    return [json.loads(row.body) for row in [row async for row in read_period(auditor)]]


async def test_a_record_that_is_waited_for_is_there_afterwards(audit: AuditWriter, auditor: asyncpg.Connection):
    await asyncio.gather(*(audit.write(read_of(f"n{n}", 3)) for n in range(50)))
    assert {record["object"] for record in await stored(auditor)} == {f"n{n}" for n in range(50)}
    transactions = await auditor.fetchval("SELECT count(DISTINCT stored_at) FROM audit.record")
    assert transactions < 10, "those that wait are stored together"


async def test_what_comes_while_others_are_stored_is_gathered(audit: AuditWriter, auditor: asyncpg.Connection):
    begun = monotonic()
    for n in range(60):
        audit.add_later(AuditChain.GENERAL, partial(text_of, f"n{n}"))
        if not n:
            audit.flush()
        await auditor.fetchval("SELECT 1")  # long enough for a transaction of the audit
    await audit.stop()
    assert [record["object"] for record in await stored(auditor)] == [f"n{n}" for n in range(60)]
    transactions = await auditor.fetchval("SELECT count(DISTINCT stored_at) FROM audit.record")
    assert transactions <= 2 + (monotonic() - begun) / GATHER_SECONDS


async def test_a_record_that_cannot_be_made_does_not_end_the_audit(audit: AuditWriter, auditor: asyncpg.Connection):
    audit.add_later(AuditChain.GENERAL, lambda: text_of("x", detail={"broken": object()}))
    audit.add(read_of("next"))
    await audit.stop()
    assert [record["object"] for record in await stored(auditor)] == ["next"]


async def test_what_waits_is_stored_at_the_end(database_url: str, auditor: asyncpg.Connection):
    audit = AuditWriter(database_url)
    audit.start()
    audit.add(read_of("grids"))
    for _ in range(3):
        audit.count(("tile", "grids"), lambda: read_of("tiles/grids", 1))
    await audit.stop()
    found = {record["object"]: record for record in await stored(auditor)}
    assert found["tiles/grids"]["requests"] == 3
    assert "requests" not in found["grids"]


async def test_what_is_waited_for_is_refused_when_the_database_refuses(
    audit: AuditWriter, auditor: asyncpg.Connection, superuser: asyncpg.Connection
):
    await superuser.execute(_REFUSE)
    audit.add(read_of("kept"))
    with pytest.raises(AuditUnavailable):
        await audit.write(read_of("refused", 3))
    await superuser.execute(_ADMIT)
    await audit.write(read_of("later", 3))
    await audit.stop()
    assert {record["object"] for record in await stored(auditor)} == {"kept", "later"}


async def test_a_full_queue_takes_no_more_and_counts_go_on(
    database_url: str, auditor: asyncpg.Connection, superuser: asyncpg.Connection
):
    await superuser.execute(_REFUSE)
    audit = AuditWriter(database_url, queue_max=5)
    audit.start()
    for n in range(5):
        audit.add(read_of(f"n{n}"))
    with pytest.raises(AuditUnavailable, match="no more"):
        audit.add(read_of("n5"))
    audit.count("tile", lambda: read_of("tiles", 1))
    audit.flush_counters()
    audit.count("tile", lambda: read_of("tiles", 1))
    await superuser.execute(_ADMIT)
    await audit.stop()
    assert sorted(r.get("requests", 1) for r in await stored(auditor)) == [1, 1, 1, 1, 1, 2], "nothing was lost"


async def test_a_hung_chain_is_not_waited_for(
    audit: AuditWriter, auditor: asyncpg.Connection, superuser: asyncpg.Connection
):
    async with superuser.transaction():
        await superuser.execute("SELECT FROM audit.head FOR UPDATE")
        with pytest.raises(AuditUnavailable, match=r"within 0\.2 s"):
            await audit.write(read_of("late", 3), patience_s=0.2)
        audit.add(read_of("general", 2))


async def test_one_chain_does_not_wait_for_the_other(audit: AuditWriter, superuser: asyncpg.Connection):
    async with superuser.transaction():
        await superuser.execute("SELECT FROM audit.head WHERE chain = 'general' FOR UPDATE")
        audit.add(read_of("general", 2))
        await audit.write(read_of("sensitive", 3))
