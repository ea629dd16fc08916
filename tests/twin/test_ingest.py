"""The ingest process: one works per database, another takes over, and it ends with whoever started it."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack

import pytest

from layers.database import connect
from layers.tables import sync_definitions
from server.settings import load_settings
from tests.twin.ingest import Ingest
from tests.twin.waiting import DEADLINE_S, until
from twin.leader import ingest_works

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]  # so that a wait that is too long says what it waited for


@pytest.fixture
async def database(database_url):
    await sync_definitions(database_url)
    return database_url


@pytest.fixture
def start(database, tmp_path):
    """Start ingest processes on the test's database; they are ended afterwards."""
    (tmp_path / "feeds").mkdir()
    settings = load_settings(home=tmp_path / "home", database={"url": database}, feeds={"folder": tmp_path / "feeds"})
    with ExitStack() as running:
        yield lambda: running.enter_context(Ingest(settings))


async def until_works(database, *pids):
    """Wait until one of these processes works, and return its id."""
    connection = await connect(database)

    async def works():
        told = await ingest_works(connection)
        return told["process"] if told["working"] and told["process"] in pids else None

    try:
        return await until(works)
    finally:
        await connection.close()


async def test_one_works_and_another_takes_over_when_it_is_killed(start, database):
    first, second = start(), start()
    pids = {one.process.pid: one for one in (first, second)}
    leading = await until_works(database, *pids)
    connection = await connect(database)
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 440109 AND granted"
    assert await connection.fetchval(locks) == 1
    os.kill(leading, signal.SIGKILL)
    (other,) = set(pids) - {leading}
    assert await until_works(database, other) == other
    assert await connection.fetchval(locks) == 1
    await connection.close()


async def test_it_gives_up_the_lead_when_its_connection_is_cut_and_takes_it_again(start, database):
    one = start()
    await until_works(database, one.process.pid)
    connection = await connect(database, role=None)
    await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE objid = 440109")
    await connection.execute("DELETE FROM twin.cursor")
    await connection.close()
    assert await until_works(database, one.process.pid) == one.process.pid
    assert one.process.poll() is None


async def test_it_ends_when_whoever_started_it_is_gone(start, database):
    one = start()
    await until_works(database, one.process.pid)
    one.process.stdin.close()
    assert one.process.wait(DEADLINE_S) == 0


async def test_it_makes_the_days_ahead(start, database):
    connection = await connect(database)
    one = start()
    await until_works(database, one.process.pid)
    last = "SELECT to_regclass('twin.position_' || to_char(current_date + 2, 'YYYYMMDD')) IS NOT NULL"
    await until(lambda: connection.fetchval(last))
    await connection.close()
