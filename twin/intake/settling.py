"""Having what a connector read written, patiently: a sender is slowed down by not being answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import asyncpg
import structlog

from layers.database.faults import AWAY, in_words
from layers.errors import Unavailable
from twin.envelope.message import Reading
from twin.envelope.refused import Refusal
from twin.intake.intake import Receipt
from twin.intake.pipeline import Crowded

type Settle = Callable[[Reading], Awaitable[Receipt]]

_PAUSE_SECONDS_MAX = 5.0
_AWAY = (Crowded, Unavailable, OSError, *AWAY)
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
    held: list[Refusal] = field(default_factory=list)

    def add(self, receipt: Receipt | Tally) -> None:
        """Count one more receipt."""
        self.received += receipt.received
        self.accepted += receipt.accepted
        self.duplicate += receipt.duplicate
        self.late += receipt.late
        self.ignored += receipt.ignored
        self.refused += receipt.refused
        self.held += receipt.held


async def settled(settle: Settle, reading: Reading) -> Receipt:
    """Have a reading written; returns when all of it is durable: taken, or refused and kept with its reason."""
    return await patient(partial(settle, reading))


async def patient(offer: Callable[[], Awaitable[Receipt]]) -> Receipt:
    """Offer again and again until it is taken, while the house is crowded or its database away.

    Raises
    ------
    asyncpg.PostgresError
        For what no patience helps against.
    """
    pause_s = 0.1
    while True:
        try:
            return await offer()
        except _AWAY as error:
            _log.info("the house is busy; waiting", error=str(error))
        except asyncpg.PostgresError as error:
            if not isinstance(in_words(error), Unavailable):
                raise
            _log.error("the database is full or damaged; waiting", error=str(error))
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _PAUSE_SECONDS_MAX)
