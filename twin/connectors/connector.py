"""Connectors: each gets the messages of one feed until it is cancelled, and reports its state.

It hands a delivery to ``parts.intake.take(self.name, Delivery(…))`` and acknowledges (puts the file away, moves on to
the next page) when that returns. When the feed's file changes it is cancelled and run with the new one. What it raises
is shown as the feed's fault, and it is run again, later each time.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import asyncpg
import structlog

from layers.database.faults import DATABASE_ERRORS
from layers.errors import BadInput
from twin.feeds.definition import FeedDefinition
from twin.jobs.jobs import Parts

_TEXT_MAX = 500
_REPORT = """
INSERT INTO twin.connector AS c (feed, state, detail) VALUES ($1, $2, $3)
ON CONFLICT (feed) DO UPDATE SET state = $2, detail = $3, since = now()
WHERE (c.state, c.detail) IS DISTINCT FROM ($2, $3)
"""
_FAULT = """
INSERT INTO twin.connector AS c (feed, state, fault, faulted_at) VALUES ($1, $2, $3, now())
ON CONFLICT (feed) DO UPDATE SET state = $2, fault = $3, faulted_at = now(),
    since = CASE WHEN c.state = $2 THEN c.since ELSE now() END
"""
_log = structlog.get_logger(__name__)


class Status:
    """The state of a connector, for `/twin/feeds` and `onemap feed list`; a failed report never stops the connector."""

    def __init__(self, pool: asyncpg.Pool, feed: str) -> None:
        self._pool, self._feed = pool, feed

    async def working(self, detail: str) -> None:
        """Report that it is connected, listens or looks; `detail` tells a person where."""
        await self._write(_REPORT, "working", detail)

    async def fault(self, message: str) -> None:
        """Report a fault; the connector will try again."""
        _log.warning("a connector has a fault", feed=self._feed, fault=message)
        await self._write(_FAULT, "waiting", message)

    async def starting(self) -> None:
        """Report that it starts."""
        await self._write(_REPORT, "starting", "")

    async def stopped(self) -> None:
        """Report that its feed was switched off or removed."""
        await self._write(_REPORT, "stopped", "")

    async def _write(self, statement: str, state: str, text: str) -> None:
        try:
            await self._pool.execute(statement, self._feed, state, text.replace("\0", "")[:_TEXT_MAX])
        except DATABASE_ERRORS as error:
            _log.warning("how a connector does could not be noted", feed=self._feed, error=str(error))


class FetchedFeed(FeedDefinition):
    """A feed whose messages a connector gets."""

    @abstractmethod
    async def run(self, parts: Parts, status: Status) -> None:
        """Get messages until cancelled."""

    async def publish(self, file: Path, home: Path, topic: str | None) -> str:  # noqa: ARG002
        """Send a file to the place the connector gets messages from, as a device would; return a sentence for a person.

        Raises
        ------
        BadInput
            When the protocol has no such place.
        """
        raise BadInput(
            f"'{self.name}' is not pushed to, it is fetched by {self.protocol}; see ./onemap feed show {self.name}"
        )
