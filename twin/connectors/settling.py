"""Having what a connector read written: patient while the house is busy, and never stuck on one bad message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import asyncpg
import structlog

from layers.errors import Unavailable
from twin.envelope_message import Message, Reading
from twin.envelope_refused import Reason, Refusal, raw_of
from twin.envelope_write import write_structured
from twin.intake import Receipt
from twin.pipeline import Crowded

type Settle = Callable[[Reading], Awaitable[Receipt]]

_PAUSE_SECONDS_MAX = 5.0
_AWAY = (Crowded, Unavailable, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)
_SPENT = frozenset({"40", "53", "55", "57", "58"})  # SQLSTATE classes that pass: deadlocks, resources, shut-down
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Tally:
    """Receipts added up."""

    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    late: int = 0
    ignored: int = 0
    refused: list[Refusal] = field(default_factory=list)

    def add(self, receipt: Receipt | Tally) -> None:
        """Count one more receipt."""
        self.received += receipt.received
        self.accepted += receipt.accepted
        self.duplicate += receipt.duplicate
        self.late += receipt.late
        self.ignored += receipt.ignored
        self.refused += receipt.refused


async def settled(settle: Settle, reading: Reading) -> Tally:
    """Have a reading written; returns when all of it is durable: taken, or refused and kept with its reason.

    While the house is crowded or its database away this waits, which is how a sender is slowed down. A message whose
    value the database refuses is found by halving and refused alone.
    """
    tally, waiting = Tally(), [reading]
    while waiting:
        part = waiting.pop()
        try:
            tally.add(await patient(partial(settle, part)))
        except asyncpg.PostgresError as error:
            waiting += _halved(part, error)
    return tally


async def patient(offer: Callable[[], Awaitable[Receipt]]) -> Receipt:
    """Offer again and again until it is taken.

    Raises
    ------
    asyncpg.PostgresError
        When the database refuses a value of it, which no patience helps against.
    """
    pause_s = 0.1
    while True:
        try:
            return await offer()
        except _AWAY as error:
            _log.info("the house is busy; waiting", error=str(error))
        except asyncpg.PostgresError as error:
            if (error.sqlstate or "")[:2] not in _SPENT:
                raise
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _PAUSE_SECONDS_MAX)


def _halved(reading: Reading, error: asyncpg.PostgresError) -> list[Reading]:
    """Cut what the database refused in two; of a single message say why it is not taken."""
    messages = reading.messages
    if not messages:
        raise error
    if len(messages) == 1:
        return [Reading([], [*reading.refused, _not_written(messages[0], error)], reading.ignored)]
    middle = len(messages) // 2
    return [Reading(messages[middle:]), Reading(messages[:middle], reading.refused, reading.ignored)]


def _not_written(message: Message, error: asyncpg.PostgresError) -> Refusal:
    return Refusal(0, Reason.NOT_WRITTEN, f"the database refuses it: {error}", raw_of(write_structured(message)))
