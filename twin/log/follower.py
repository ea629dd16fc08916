"""Following the log in a job: frames after a cursor, and waiting for more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import asyncpg
import structlog

from layers.database.listener import Listener
from layers.errors import Conflict
from twin.log.changes import CHANNEL, Forgotten, LogFrame, frames_since, last_seq
from twin.log.cursor import Cursor

_log = structlog.get_logger(__name__)


class Follower:
    """Reads the log for one job.

    The cursor moves only with `move`, in the transaction in which the job writes its work on the frames: a job that is
    killed reads again the frames it had not finished with.

    Parameters
    ----------
    url
        The database; a connection of its own is woken when the log grows.
    pool
        Connections in the ingesting role.
    name
        Name of the cursor.

    Attributes
    ----------
    seq
        Number of the last change the job has finished with.
    """

    def __init__(self, url: str, pool: asyncpg.Pool, name: str) -> None:
        self._pool, self._cursor = pool, Cursor(name)
        self._grown = asyncio.Event()
        self._listener = Listener(url, self._on_growth, {CHANNEL: None})
        self.seq = 0

    async def __aenter__(self) -> Self:
        """Go on from the cursor; a new one begins at the end of the log."""
        async with self._pool.acquire() as connection:
            self.seq = (await self._cursor.begin(connection)).seq
        await self._listener.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        await self._listener.stop()

    async def frames(self, limit: int) -> list[LogFrame]:
        """Return the next frames, at most `limit`; none when everything is read.

        Changes that were dropped from the log before the job read them are passed over, with a warning.
        """
        self._grown.clear()
        async with self._pool.acquire() as connection:
            try:
                return await frames_since(connection, self.seq, limit=limit)
            except Forgotten as error:
                seq = await last_seq(connection)
                _log.warning(
                    "changes were dropped before this job read them", job=self._cursor.name, error=error.message
                )
                async with connection.transaction():
                    await self.move(connection, seq, {})
                self.seq = seq
                return []

    async def wait(self, seconds: float) -> None:
        """Wait until the log has grown since `frames` was called, at most so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._grown.wait(), seconds)

    async def move(self, connection: asyncpg.Connection, seq: int, state: Mapping[str, Any]) -> None:
        """Move the cursor in the open transaction; the caller sets `self.seq` after the commit.

        Raises
        ------
        Conflict
            When another process has moved it: two of this job run, and this one must begin again.
        """
        if not await self._cursor.move(connection, self.seq, seq, state):
            raise Conflict(f"another process follows the log as '{self._cursor.name}'")

    async def _on_growth(self, _: asyncpg.Connection) -> None:
        self._grown.set()
