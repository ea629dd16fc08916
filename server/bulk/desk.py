"""Where bulk reads of one worker begin: the turns, and connections that send columns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from anyio import to_thread

from layers.clause import Clause
from layers.columns.literals import with_literals
from layers.columns.session import ColumnSession
from server.bulk.lane import Lane
from server.bulk.reading import BulkReading
from server.bulk.workspace import remove_left_behind
from server.settings import Settings

_PAGES_AT_ONCE = 2
_PAGE_PATIENCE_S = 10.0
_STREAM_PATIENCE_S = 2.0  # who has just read one to its end meets its connection that still closes
_RETRY_AFTER_S = 5


class BulkDesk:
    """The bulk reads of one worker.

    Attributes
    ----------
    pages, streams, joins
        The turns of answers that are made whole before they are sent, of those that are sent while they are read, and
        of joins.
    folder
        The folder of workspaces.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = str(settings.database.url)
        self.statement_timeout_ms = settings.database.statement_timeout_ms
        self.stream_timeout_ms = settings.bulk.time_max_s * 1000
        self.pages = Lane(_PAGES_AT_ONCE, _PAGE_PATIENCE_S, _RETRY_AFTER_S)
        self.streams = Lane(settings.bulk.at_once, _STREAM_PATIENCE_S, _RETRY_AFTER_S)
        self.joins = Lane(1, _PAGE_PATIENCE_S, _RETRY_AFTER_S)
        self.folder = settings.home / "bulk"
        remove_left_behind(self.folder)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[BulkReading]:
        """Open a connection for one answer; its statements see one snapshot.

        Raises
        ------
        Unavailable
            When the database does not answer.
        """
        session = await to_thread.run_sync(ColumnSession, self._url, self.statement_timeout_ms)
        reading = BulkReading(session)
        try:
            yield reading
        finally:
            await reading.close()


async def written(pool: asyncpg.Pool, *statements: Clause) -> list[str]:
    """Return statements with the values that the database wrote into them."""
    async with pool.acquire() as connection:
        return [await with_literals(connection, one) for one in statements]
