"""The job that closes warnings when they expire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import asyncpg

from layers.catalog import Catalog
from layers.live_source import EVENTS
from twin.log import changes
from twin.store.events import events
from twin.store.grades import Grades

_LOOK_SECONDS = 5.0
_AT_ONCE = 500
_DUE = "SELECT event_id FROM twin.warning_open WHERE expires_at <= now() ORDER BY expires_at LIMIT $1"


class Expiry:
    """Closes warnings that have expired: the state follows from the versions and the time, and goes to the log.

    Parameters
    ----------
    pool
        Connections in the ingesting role.
    catalog
        Returns the current catalogue.
    """

    name = "expiry of warnings"

    def __init__(self, pool: asyncpg.Pool, catalog: Callable[[], Catalog]) -> None:
        self._pool, self._catalog = pool, catalog

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            while await self.close_due():
                pass
            await asyncio.sleep(_LOOK_SECONDS)

    async def close_due(self) -> int:
        """Close the warnings that are due, at most 500; return their number."""
        catalog = self._catalog()
        async with self._pool.acquire() as connection, connection.transaction():
            due = [row["event_id"] for row in await connection.fetch(_DUE, _AT_ONCE)]
            if not due or EVENTS not in catalog:
                return 0
            await changes.tells_itself(connection)
            closed = await events.settle(connection, catalog, due, datetime.now(UTC))
            await Grades().assign(connection, catalog, closed)
            if closed:
                await changes.append(connection, closed)
        return sum(change.get("stage") == "closed" for change in closed)
