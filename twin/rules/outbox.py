"""Sending the messages that rules decided: each is in PostGIS first, and is offered until the pipeline has taken it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import structlog

from layers.errors import Unavailable
from twin.envelope.message import Message
from twin.intake.pipeline import Crowded
from twin.rules import store
from twin.store.outcome import Outcome

_RETRY_SECONDS = 0.5
_MESSAGES_MAX = 1_000  # in one offer
_log = structlog.get_logger(__name__)

type OfferToPipeline = Callable[[str, Sequence[Message]], Awaitable[Outcome]]


class Outbox:
    """The messages that are decided and not yet taken.

    Parameters
    ----------
    pool
        Connections in the ingesting role.
    offer
        Takes messages made by the twin itself (`Intake.offer`).
    feed
        Name under which they are offered.

    Attributes
    ----------
    may_hold
        False only when it is known to be empty; at first an earlier run may have left messages.
    """

    def __init__(self, pool: asyncpg.Pool, offer: OfferToPipeline, feed: str) -> None:
        self._pool, self._offer, self._feed = pool, offer, feed
        self.may_hold = True

    async def send(self) -> None:
        """Offer the messages until the outbox is empty; a message that cannot be taken now is offered again."""
        while True:
            async with self._pool.acquire() as connection:
                waiting = await store.read_outbox(connection, _MESSAGES_MAX)
            if not waiting:
                break
            try:
                await self._offer(self._feed, [message for _, message in waiting])
            except (Crowded, Unavailable) as error:
                _log.warning("what rules say cannot be taken now; trying again", error=error.message)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            except Exception:  # noqa: BLE001  # one of them is bad: the others are sent
                await self._send_one_by_one(waiting)
                continue
            async with self._pool.acquire() as connection:
                await store.delete_from_outbox(connection, [number for number, _ in waiting])
        self.may_hold = False

    async def _send_one_by_one(self, waiting: Sequence[tuple[int, Message]]) -> None:
        for number, message in waiting:
            try:
                await self._offer(self._feed, [message])
            except (Crowded, Unavailable):
                return  # the rest is sent in the next attempt
            except Exception as error:  # noqa: BLE001  # whatever is wrong with one, the others are sent
                _log.exception("a message of a rule cannot be taken", rule=message.source, event=message.feature_id)
                async with self._pool.acquire() as connection:
                    await store.set_aside(connection, number, f"{type(error).__name__}: {error}")
            else:
                async with self._pool.acquire() as connection:
                    await store.delete_from_outbox(connection, [number])
