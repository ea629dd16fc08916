"""Leader election: one ingest process per database works, the holder of an advisory lock; the others stand by.

The lock belongs to a connection and ends with it: with its process, with PostgreSQL, with the network between. The
heartbeat uses the same connection, so a leader that has lost the lock learns of it within seconds.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import asyncpg
import structlog

from layers.database.advisory_locks import AdvisoryLock
from layers.database.connection import Role, connect
from layers.database.faults import AWAY
from layers.errors import Unavailable
from twin.damage import MET_BY_JOBS
from twin.log.cursor import Cursor

HEARTBEAT = Cursor("ingest")
ALIVE_SECONDS = 15.0  # an older heartbeat is that of a dead process
_BEAT_SECONDS = 2.0
_BEAT_SECONDS_MAX = 10.0
_TRY_SECONDS = 0.5
_HUNG_LOOKS = 60  # of a heartbeat that does not move: half a minute while this process and PostgreSQL work
_GONE = (*AWAY, OSError, asyncpg.PostgresError)
_END = """
SELECT count(pg_terminate_backend(a.pid)) FROM pg_locks AS l JOIN pg_stat_activity AS holder ON holder.pid = l.pid
JOIN pg_stat_activity AS a ON a.application_name = holder.application_name AND a.datid = holder.datid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = $1::int AND l.objsubid = 1
    AND holder.datname = current_database() AND a.pid <> pg_backend_pid()
"""
_log = structlog.get_logger(__name__)


class Leadership:
    """A term of leadership of this process.

    Attributes
    ----------
    lost
        Set when the process leads no longer; everything must stop then.
    """

    def __init__(self) -> None:
        self.lost = asyncio.Event()


@asynccontextmanager
async def lead(url: str, *, hung_looks: int = _HUNG_LOOKS) -> AsyncIterator[Leadership]:
    """Wait until this process leads, then beat until the block ends.

    A leader that holds the lock and does not beat is hung: all its connections are terminated, because its open
    transactions would block every other writer.

    The lock is polled, not waited for in PostgreSQL: a statement that waits for days would keep every dead row of
    those days from being vacuumed.

    Parameters
    ----------
    hung_looks
        Number of times a standby reads the same heartbeat before it takes the leader for hung. Reads are counted, not
        seconds: while PostgreSQL itself hangs, there is neither beat nor read.
    """
    connection, led = await _take(url, hung_looks), Leadership()
    connection.add_termination_listener(lambda *_: led.lost.set())
    beating = asyncio.create_task(_beat(connection, led), name="heartbeat")
    try:
        yield led
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
        with suppress(*_GONE):
            await connection.close(timeout=1)


async def _take(url: str, hung_looks: int) -> asyncpg.Connection:
    while True:
        try:
            connection = await connect(url, Role.INGEST)
        except Unavailable as error:
            _log.warning("the database is away; trying again", error=error.message)
            await asyncio.sleep(_TRY_SECONDS)
            continue
        try:
            await _lock(connection, url, hung_looks)
        except _GONE:
            continue  # the connection was lost while standing by
        except BaseException:
            connection.terminate()
            raise
        return connection


async def _lock(connection: asyncpg.Connection, url: str, hung_looks: int) -> None:
    beat, looks = None, 0
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", AdvisoryLock.LEADER):
        row = await HEARTBEAT.read(connection)
        newest = None if row is None else row.seq
        beat, looks = newest, looks + 1 if newest == beat else 0
        if looks >= hung_looks:
            await _end_the_hung(url)
            looks = 0
        await asyncio.sleep(_TRY_SECONDS)


async def _end_the_hung(url: str) -> None:
    """Terminate every connection of the lock's holder, in the login's own role, which may terminate its own."""
    try:
        connection = await connect(url, None, statement_timeout_ms=5000)
    except Unavailable:
        return
    try:
        ended = await connection.fetchval(_END, AdvisoryLock.LEADER)
        _log.error("the ingest process that led shows no sign of life; its connections were ended", ended=ended)
    except asyncpg.PostgresError as error:
        _log.error("the ingest process that leads is hung, and we may not end its connections", error=str(error))
    finally:
        await connection.close(timeout=1)


async def _beat(connection: asyncpg.Connection, led: Leadership) -> None:
    began = datetime.now().astimezone().isoformat(timespec="seconds")
    state = {"host": socket.gethostname(), "process": os.getpid(), "since": began}
    try:
        while True:
            damage = MET_BY_JOBS.recent()
            await HEARTBEAT.beat(connection, {**state, "damage": damage}, timeout_s=_BEAT_SECONDS_MAX)
            await asyncio.sleep(_BEAT_SECONDS)
    except Exception as error:  # noqa: BLE001  # whatever ends the heartbeat, the lead is lost
        _log.warning("the ingest process leads no longer", error=repr(error))
    finally:
        led.lost.set()


async def ingest_works(reader: asyncpg.Connection | asyncpg.Pool) -> dict[str, Any]:
    """Read whether an ingest process works on a database.

    Returns
    -------
    dict
        `working`; where known also `process`, `host`, `since`, `damage` (SQLSTATEs of recent faults of the database)
        and `seen_at` of the last process that worked.
    """
    row = await HEARTBEAT.read(reader)
    if row is None:
        return {"working": False}
    return {"working": row.age_s < ALIVE_SECONDS, **row.state, "seen_at": row.moved_at.isoformat()}
