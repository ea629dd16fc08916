"""A body of any length, taken batch by batch while it comes: how far it got is always known, and durable."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from layers.errors import Unavailable
from twin.envelope.read import LINES
from twin.feeds.decode import Delivery, decode
from twin.feeds.definition import FeedDefinition
from twin.feeds.seal import Cutter
from twin.intake.intake import Intake
from twin.intake.settling import Tally, settled

_WAIT_SECONDS_MAX = 60.0  # for a house that is crowded or away, before the sender is told how far it got
REFUSED_SHOWN_MAX = 100


@dataclass(slots=True)
class StreamProgress:
    """How far a stream was taken.

    Attributes
    ----------
    lines
        Of the body, from its beginning, seals not counted: all of them are durable, or refused and kept.
    tally
        What became of them; of the refused only the first are here, `rejected` and `held` count all.
    """

    lines: int = 0
    batches: int = 0
    rejected: int = 0
    held: int = 0
    tally: Tally = field(default_factory=Tally)


class Streamed:
    """Takes one stream of a feed.

    Parameters
    ----------
    cutter
        Lets through what may be read.

    Attributes
    ----------
    taken
        How far it got so far.
    """

    def __init__(self, intake: Intake, definition: FeedDefinition, cutter: Cutter) -> None:
        self._intake, self._definition, self._cutter = intake, definition, cutter
        self.taken = StreamProgress()

    async def add(self, piece: bytes) -> None:
        """Take what is whole with this piece; returns when it is durable, which is how a sender is slowed down.

        Raises
        ------
        Refused
            When the piece is not what was signed, or a line or batch is too long. What came before it was taken.
        Unavailable
            When the house could not take it for a minute.
        """
        for batch in self._cutter.cut(piece):
            await self._take(batch)

    async def end(self) -> None:
        """Take what is left at the end of the body; raises as `add`."""
        rest = self._cutter.end()
        if rest:
            await self._take(rest)

    async def _take(self, batch: bytes) -> None:
        reading = decode(self._definition, Delivery(batch, {"content-type": LINES}), now=datetime.now(UTC))
        first = self.taken.lines
        reading.refused = [replace(one, index=first + one.index) for one in reading.refused]
        try:
            async with asyncio.timeout(_WAIT_SECONDS_MAX):
                receipt = await settled(partial(self._intake.take_read, self._definition.name), reading)
        except TimeoutError as error:
            raise Unavailable("the database is away or too much is waiting; go on from there later") from error
        taken = self.taken
        taken.lines += batch.count(b"\n") + (not batch.endswith(b"\n"))
        taken.batches += 1
        taken.rejected += len(receipt.refused)
        taken.held += len(receipt.held)
        taken.tally.add(receipt)
        del taken.tally.refused[REFUSED_SHOWN_MAX:], taken.tally.held[:]
