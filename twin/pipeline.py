"""From feeds to PostGIS: offers are gathered into batches; a batch is one transaction, acknowledged when committed.

While a batch is being written the next one gathers, so batches grow under load by themselves and stay small without it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import asyncpg
import structlog

from layers.catalog import Catalog
from layers.errors import TooMuch, Unavailable
from twin.batch import AreaJoin, Offer, Outcome, write
from twin.envelope_message import Message

BATCH_MAX = 4_000  # messages; a larger batch gains nothing and delays its first message
WAITING_MAX = 40_000
_RETRY_SECONDS = 0.5
_log = structlog.get_logger(__name__)


class Crowded(TooMuch):
    """More messages wait than may; the sender must slow down and send again."""


@dataclass(slots=True)
class _Waiting:
    offer: Offer
    done: asyncio.Future[Outcome]


class Pipeline:
    """Takes offers from any number of feeds and writes them.

    Parameters
    ----------
    pool
        Connections in the ingesting role.
    catalog, areas
        Return the current catalogue and join; asked once a batch.
    """

    def __init__(self, pool: asyncpg.Pool, catalog: Callable[[], Catalog], areas: Callable[[], AreaJoin]) -> None:
        self._pool = pool
        self._catalog = catalog
        self._areas = areas
        self._waiting: deque[_Waiting] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write what is offered."""
        self._task = asyncio.create_task(self._run(), name="pipeline")

    async def stop(self) -> None:
        """Stop; offers that are not committed yet are told so and were not taken."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        while self._waiting:
            _settle(self._waiting.popleft(), Unavailable("the server is stopping; send again"))

    async def offer(self, feed: str, messages: Sequence[Message]) -> Outcome:
        """Have messages written; returns when they are durable.

        Raises
        ------
        Crowded
            When too much waits already; nothing of the offer was taken.
        Unavailable
            When the server stops before the commit.
        BadInput, asyncpg.PostgresError
            When the database refuses a value of this offer; nothing of the offer was taken.
        """
        if not messages:
            return Outcome(0, 0, 0)
        if self._size + len(messages) > WAITING_MAX and self._waiting:
            raise Crowded(f"{self._size} messages wait and at most {WAITING_MAX} may; send again in a second")
        waiting = _Waiting(Offer(feed, messages), asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._size += len(messages)
        self._wake.set()
        return await waiting.done

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            batch = self._gather()
            if batch:
                await self._write(batch)
            else:
                self._wake.clear()

    def _gather(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].offer.messages) <= BATCH_MAX):
            batch.append(self._waiting.popleft())
            size += len(batch[-1].offer.messages)
        self._size -= size
        return [waiting for waiting in batch if not waiting.done.cancelled()]

    async def _write(self, batch: list[_Waiting]) -> None:
        """Write a batch; when the database refuses it, offer by offer, so that one bad offer spoils no other."""
        try:
            async with self._pool.acquire() as connection:
                written = await write(connection, self._catalog(), self._areas(), [w.offer for w in batch])
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError) as error:
            await self._again(batch, error)
        except asyncio.CancelledError:
            for waiting in batch:
                _settle(waiting, Unavailable("the server is stopping; send again"))
            raise
        except Exception as error:  # noqa: BLE001  # whatever one offer brings about, the others go on
            if len(batch) > 1:
                for waiting in batch:
                    await self._write([waiting])
            else:
                _settle(batch[0], error)
        else:
            for waiting, outcome in zip(batch, written.outcomes, strict=True):
                _settle(waiting, outcome)

    async def _again(self, batch: list[_Waiting], error: Exception) -> None:
        """Put a batch back in front: whether it was committed is unknown, and its receipts will tell."""
        _log.warning("the database is away; messages wait", waiting=self._size, error=str(error))
        self._waiting.extendleft(reversed(batch))
        self._size += sum(len(waiting.offer.messages) for waiting in batch)
        await asyncio.sleep(_RETRY_SECONDS)


def _settle(waiting: _Waiting, outcome: Outcome | Exception) -> None:
    if waiting.done.done():
        return
    if isinstance(outcome, Exception):
        waiting.done.set_exception(outcome)
    else:
        waiting.done.set_result(outcome)
