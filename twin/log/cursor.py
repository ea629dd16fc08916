"""Following the log in a job: frames after a place that is kept in PostGIS, and waiting for more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import asyncpg
import orjson
import structlog

from layers.database.listener import Listener
from layers.errors import Conflict
from twin.log.changes import CHANNEL, Forgotten, LogFrame, frames_since, last_seq

_READ = "SELECT seq FROM twin.cursor WHERE name = $1"
_BEGIN = "INSERT INTO twin.cursor (name, seq) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
_MOVE = """
UPDATE twin.cursor SET seq = $3, state = $4::jsonb, moved_at = clock_timestamp() WHERE name = $1 AND seq = $2
RETURNING seq
"""
_log = structlog.get_logger(__name__)


class Follower:
    """Reads the log for one job.

    The place moves only with `move`, in the transaction of whatever the job does with the frames: a job that is killed
    reads again what it had not finished with.

    Parameters
    ----------
    url
        The database; a connection of its own is woken when the log grows.
    pool
        Connections in the ingesting role.
    name
        Of the cursor.

    Attributes
    ----------
    seq
        Number of the last change that is done with.
    """

    def __init__(self, url: str, pool: asyncpg.Pool, name: str) -> None:
        self._pool, self._name = pool, name
        self._grown = asyncio.Event()
        self._listener = Listener(url, self._on_growth, {CHANNEL: None})
        self.seq = 0

    async def __aenter__(self) -> Self:
        """Go on from the place that is kept; who was never here begins at the end of the log."""
        async with self._pool.acquire() as connection:
            seq = await connection.fetchval(_READ, self._name)
            if seq is None:
                await connection.execute(_BEGIN, self._name, await last_seq(connection))
                seq = await connection.fetchval(_READ, self._name)
            self.seq = seq
        await self._listener.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        await self._listener.stop()

    async def frames(self, limit: int) -> list[LogFrame]:
        """Return the next frames, at most `limit`; none when everything is read.

        Changes that were dropped from the log before we read them are passed over, with a warning.
        """
        self._grown.clear()
        async with self._pool.acquire() as connection:
            try:
                return await frames_since(connection, self.seq, limit=limit)
            except Forgotten as error:
                seq = await last_seq(connection)
                _log.warning("changes were dropped before this job read them", job=self._name, error=error.message)
                async with connection.transaction():
                    await self.move(connection, seq, {})
                self.seq = seq
                return []

    async def wait(self, seconds: float) -> None:
        """Wait until the log has grown since `frames` was called, at most so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._grown.wait(), seconds)

    async def move(self, connection: asyncpg.Connection, seq: int, state: Mapping[str, Any]) -> None:
        """Move the place in the open transaction; `self.seq` is set by whoever committed it.

        Raises
        ------
        Conflict
            When somebody else has moved it: two of this job run, and this one must begin again.
        """
        written = orjson.dumps(state).decode()
        if await connection.fetchval(_MOVE, self._name, self.seq, seq, written) is None:
            raise Conflict(f"another process follows the log as '{self._name}'")

    async def _on_growth(self, _: asyncpg.Connection) -> None:
        self._grown.set()
