"""The ingest process: one works per database, another takes over, and it ends with whoever started it."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import ExitStack

import pytest

from layers.database.connection import connect
from server.settings import load_settings
from tests.twin.ingest_process import Ingest
from tests.twin.waiting import DEADLINE_S, until
from twin.jobs.leader import ingest_works, lead

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]  # so that a wait that is too long says what it waited for


@pytest.fixture
def database(layers_url):
    return layers_url


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


async def test_a_leader_that_is_stopped_is_noticed_and_another_takes_over(start, database):
    """It holds the lock, and an open transaction may hold more: all of its connections are ended."""
    hung = start()
    await until_works(database, hung.process.pid)
    os.kill(hung.process.pid, signal.SIGSTOP)
    connection = await connect(database, role=None)
    theirs = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE $1 AND datname = current_database()"
    assert await connection.fetchval(theirs, f"onemap {hung.process.pid} %") > 1
    async with lead(database, hung_looks=4) as led:
        assert not led.lost.is_set()
        assert await connection.fetchval(theirs, f"onemap {hung.process.pid} %") == 0
        os.kill(hung.process.pid, signal.SIGCONT)
    assert await until_works(database, hung.process.pid) == hung.process.pid, "it waits for its turn again"
    await connection.close()


async def test_a_leader_that_works_is_left_alone(start, database):
    one = start()
    await until_works(database, one.process.pid)
    connection = await connect(database)
    beats = "SELECT seq FROM twin.cursor WHERE name = 'ingest'"
    began = await connection.fetchval(beats)
    standing_by = asyncio.create_task(stand_by(database))

    async def has_beaten():
        return await connection.fetchval(beats) > began + 5

    await until(has_beaten)
    assert not standing_by.done()
    standing_by.cancel()
    await asyncio.gather(standing_by, return_exceptions=True)
    await connection.close()


async def stand_by(database):
    async with lead(database, hung_looks=20):
        pass
