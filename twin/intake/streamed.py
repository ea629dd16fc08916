"""A body of any length, taken batch by batch while it comes: how far it got is always known, and durable."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from layers.errors import Unavailable
from twin.envelope.read import LINES
from twin.feeds.decode import Delivery, decode
from twin.feeds.definition import FeedDefinition
from twin.feeds.seal import Cutter
from twin.intake.intake import Intake
from twin.intake.settling import settled
from twin.store.outcome import Outcome

_WAIT_SECONDS_MAX = 60.0  # while the service is crowded or its database away; then the sender learns how far it got
REFUSED_SHOWN_MAX = 100


class Streamed:
    """Takes one stream of a feed.

    Parameters
    ----------
    cutter
        Returns the lines that may be read.

    Attributes
    ----------
    lines
        How many lines of the body, from its beginning and without seals, are durable, or refused and kept.
    batches
        In how many parts they were taken.
    outcome
        What became of them; only the first of the refused are in it.
    """

    def __init__(self, intake: Intake, definition: FeedDefinition, cutter: Cutter) -> None:
        self._intake, self._definition, self._cutter = intake, definition, cutter
        self.lines = self.batches = 0
        self.outcome = Outcome()

    async def add(self, piece: bytes) -> None:
        """Take what is whole with this piece; returns when it is durable, which is how a sender is slowed down.

        Raises
        ------
        Refused
            When the piece is not what was signed, or a line or batch is too long. What came before it was taken.
        Unavailable
            When it could not be taken for a minute.
        """
        for batch in self._cutter.cut(piece):
            await self._take(batch)

    async def end(self) -> None:
        """Take the rest at the end of the body.

        Raises
        ------
        Refused, Unavailable
            As `add`.
        """
        rest = self._cutter.end()
        if rest:
            await self._take(rest)

    async def _take(self, batch: bytes) -> None:
        reading = decode(self._definition, Delivery(batch, {"content-type": LINES}), now=datetime.now(UTC))
        reading.refused = [replace(one, index=self.lines + one.index) for one in reading.refused]
        try:
            async with asyncio.timeout(_WAIT_SECONDS_MAX):
                outcome = await settled(partial(self._intake.take_read, self._definition.name), reading)
        except TimeoutError as error:
            raise Unavailable("the database is away or too much is waiting; go on from there later") from error
        self.lines += batch.count(b"\n") + (not batch.endswith(b"\n"))
        self.batches += 1
        self.outcome = (self.outcome + outcome).with_first(REFUSED_SHOWN_MAX)
