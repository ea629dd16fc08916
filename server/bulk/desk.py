"""Where bulk reads of one worker begin: the turns, and connections that send columns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

import asyncpg
from anyio import to_thread

from layers.clause import Clause
from layers.columns.literals import with_literals
from layers.columns.session import ColumnSession
from layers.database.admission import CALLER
from server.bulk.lane import Lane
from server.bulk.reading import BulkReading
from server.bulk.workspace import remove_left_behind
from server.settings import Settings

_PAGES_AT_ONCE = 2
_PAGE_PATIENCE_S = 10.0
_STREAM_PATIENCE_S = 2.0  # who has just read one to its end meets its connection that still closes
_RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class BulkLanes:
    """The turns of one class of callers.

    Attributes
    ----------
    pages, streams, joins
        Those of answers that are made whole before they are sent, of those that are sent while they are read, and of
        joins.
    """

    pages: Lane
    streams: Lane
    joins: Lane

    @classmethod
    def of(cls, streams_at_once: int) -> Self:
        """Return free turns."""
        return cls(
            Lane(_PAGES_AT_ONCE, _PAGE_PATIENCE_S, _RETRY_AFTER_S),
            Lane(streams_at_once, _STREAM_PATIENCE_S, _RETRY_AFTER_S),
            Lane(1, _PAGE_PATIENCE_S, _RETRY_AFTER_S),
        )


class BulkDesk:
    """The bulk reads of one worker.

    Attributes
    ----------
    folder
        The folder of workspaces.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = str(settings.database.url)
        self._statement_timeout_ms = settings.database.statement_timeout_ms
        self._time_max_s = settings.bulk.time_max_s
        self._strangers, self._known = (BulkLanes.of(settings.bulk.at_once) for _ in range(2))
        self.folder = settings.home / "bulk"
        remove_left_behind(self.folder)

    @property
    def lanes(self) -> BulkLanes:
        """The turns of the current caller's class: no stranger takes those of callers who have proven who they are."""
        caller = CALLER.get()
        return self._known if caller is not None and caller.known else self._strangers

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[BulkReading]:
        """Open a connection for one answer; its statements see one snapshot.

        Raises
        ------
        Unavailable
            When the database does not answer.
        """
        session = await to_thread.run_sync(ColumnSession, self._url, self._statement_timeout_ms)
        reading = BulkReading(session, self._time_max_s)
        try:
            yield reading
        finally:
            await reading.close()


async def written(pool: asyncpg.Pool, *statements: Clause) -> list[str]:
    """Return statements with the values that the database wrote into them."""
    async with pool.acquire() as connection:
        return [await with_literals(connection, one) for one in statements]
