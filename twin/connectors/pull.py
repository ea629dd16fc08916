"""Feeds that are pulled: all pages since the newest known record, reaching back a little.

Records are known by (source, id, version), so a repeated record counts once. The progress is stored in PostGIS when all
pages were taken; a connector that was killed before requests the same pages again.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import ClassVar, Literal, override

import asyncpg

from layers.errors import TooMuch, Unavailable
from twin.connectors.connector import FetchedFeed, Status
from twin.connectors.pull_pages import Pages, PullConnection
from twin.envelope.message import Reading
from twin.envelope.refused import Reason, Refused
from twin.feeds.decode import Delivery, decode
from twin.feeds.definition import FeedFormat
from twin.feeds.secret import read_secret
from twin.feeds.times import span
from twin.intake.settling import Settle, settled
from twin.jobs.jobs import Parts
from twin.log.cursor import PULL, Cursor
from twin.store.outcome import Outcome

PAGES_MAX = 10_000
SWEEPS_MAX = 3
_REMEMBERED_MAX = 10_000


class PullFeed(FetchedFeed):
    """A feed whose records are pulled over HTTP, page by page."""

    usual_format: ClassVar[FeedFormat] = "records"

    protocol: Literal["pull"]
    connection: PullConnection

    @override
    def how_to_send(self) -> Iterator[str]:
        yield f"每 every {span(self.connection.interval_s)}: {self.connection.url}"

    @override
    async def run(self, parts: Parts, status: Status) -> None:
        """Pull every `interval_s` seconds until cancelled."""
        secret = read_secret(self.secret, parts.home, os.environ, bytes_min=1) if self.secret else None
        interval_s, cursor = self.connection.interval_s, PullProgress(parts.pool, self.name)
        async with Pages(self.connection, secret) as pages:
            pull = Pull(self, pages, cursor, partial(parts.intake.take_read, self.name))
            while True:
                began = monotonic()
                outcome = await pull.once()
                counts = f"{outcome.received} records, {outcome.accepted} new, {outcome.rejected} refused"
                await status.working(f"pulls every {interval_s:g} s; last time {counts}")
                await asyncio.sleep(max(0.0, interval_s - (monotonic() - began)))


class PullProgress:
    """The progress of a pulled feed, in PostGIS: the time of the newest record."""

    def __init__(self, pool: asyncpg.Pool, feed: str) -> None:
        self._pool, self._cursor = pool, Cursor(PULL + feed)

    async def read(self) -> datetime | None:
        """Return the time of the newest record; None before the first pull."""
        row = await self._cursor.read(self._pool)
        newest = None if row is None else row.state.get("newest")
        return None if newest is None else datetime.fromisoformat(newest)

    async def write(self, newest: datetime) -> None:
        """Store that all records up to a time were taken."""
        await self._cursor.write_state(self._pool, {"newest": newest.isoformat()})


class Pull:
    """Pulls one feed."""

    def __init__(self, definition: PullFeed, pages: Pages, cursor: PullProgress, settle: Settle) -> None:
        self._definition, self._pages, self._cursor, self._settle = definition, pages, cursor, settle
        self._refused: dict[bytes, None] = {}  # digests of records refused before, which come again with each overlap

    async def once(self) -> Outcome:
        """Take all pages since the last pull.

        Records that are changed while several pages are read move between the pages, and one may be missed: pages that
        brought something new are therefore read again.

        Raises
        ------
        Unavailable, BadInput, TooMuch
            When a page does not come, leads elsewhere, is too large or cannot be read; what came before it was taken,
            and the next time begins with the first page again.
        """
        before = await self._cursor.read()
        since = None if before is None else before - timedelta(seconds=self._definition.connection.overlap_s)
        whole, newest = Outcome(), before
        for _ in range(SWEEPS_MAX):
            outcome, pages, latest = await self._sweep(since)
            whole += outcome
            newest = max(filter(None, (newest, latest)), default=None)
            if pages < 2 or not outcome.accepted:
                break
        if newest is not None:
            await self._cursor.write(newest)
        return whole

    async def _sweep(self, since: datetime | None) -> tuple[Outcome, int, datetime | None]:
        """Take pages until an empty one; return the outcome, the number of pages, and the newest time in them."""
        outcome, newest, last = Outcome(), None, b""
        first = self._definition.connection.page_first
        for page in range(first, first + PAGES_MAX):
            delivery = await self._pages.get(page, since)
            now, digest = datetime.now(UTC), hashlib.sha256(delivery.body).digest()
            reading = self._read(delivery, is_first=page == first, now=now)
            if not reading.received or digest == last:  # the same page again: the interface has no pages
                return outcome, page - first, newest
            last = digest
            times = (message.phenomenon_time for message in reading.messages if message.phenomenon_time <= now)
            newest = max(filter(None, (newest, *times)), default=None)
            self._forget_known(reading)
            outcome += await settled(self._settle, reading)
        raise TooMuch(f"more than {PAGES_MAX} pages; does the interface know the parameter of the page?")

    def _read(self, delivery: Delivery, *, is_first: bool, now: datetime) -> Reading:
        try:
            return decode(self._definition, delivery, now=now)
        except Refused as error:
            if error.reason == Reason.MISSING and not is_first:  # an empty page without the list
                return Reading()
            raise Unavailable(f"a page cannot be read: {error.message}") from error

    def _forget_known(self, reading: Reading) -> None:
        """Remove refusals that were kept before and come again with each overlap."""
        digests = {hashlib.sha256(one.raw).digest(): one for one in reading.refused}
        reading.refused = [one for digest, one in digests.items() if digest not in self._refused]
        self._refused |= dict.fromkeys(digests)
        while len(self._refused) > _REMEMBERED_MAX:
            del self._refused[next(iter(self._refused))]
