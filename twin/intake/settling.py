"""Offering until it is taken: a sender is slowed down by the answer that does not come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg
import structlog

from layers.database.faults import AWAY, in_words
from layers.errors import Unavailable
from twin.envelope.message import Reading
from twin.intake.queue import Crowded
from twin.store.outcome import Outcome

type Settle = Callable[[Reading], Awaitable[Outcome]]

_PAUSE_SECONDS_MAX = 5.0
_AWAY = (Crowded, Unavailable, OSError, *AWAY)
_log = structlog.get_logger(__name__)


async def settled(settle: Settle, reading: Reading) -> Outcome:
    """Have a reading written; returns when all of it is durable: taken, or refused and kept with its reason.

    Raises
    ------
    asyncpg.PostgresError
        As `patient`.
    """
    return await patient(partial(settle, reading))


async def patient(offer: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """Offer again and again until it is taken, while the service is crowded or its database away.

    Raises
    ------
    asyncpg.PostgresError
        For errors that do not pass with time.
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
