"""From feeds to PostGIS: offers are gathered into batches; a batch is one transaction, acknowledged when committed.

While a batch is being written the next one gathers, so that batches grow under load and stay small without it. Two are
written at a time: one is prepared here while PostgreSQL works on the other. The second waits a moment for more offers,
because many small batches cost more than few large ones. Their order does not matter, because no state depends on the
order of arrival.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic

import asyncpg
import structlog

from layers.catalog import Catalog
from layers.database.faults import AWAY, in_words
from layers.errors import Away, Damaged, Unavailable
from twin.cancellation import cancel_tasks
from twin.damage import MET_BY_JOBS
from twin.envelope.message import Message
from twin.intake.queue import BATCH_MAX, FEED_WAITING_MAX, WAITING_MAX, Crowded, Queue, Waiting
from twin.store.batch import Offer, write
from twin.store.grades import Grades
from twin.store.outcome import Outcome
from twin.store.prepared import AreaJoin

WRITERS = 2
WAIT_SECONDS_MAX = 30.0  # for a database that is away; then the offer goes back to its sender
_RETRY_SECONDS = 0.5
_ENOUGH = BATCH_MAX // 2  # messages with which a second batch is written at once
_GATHER_SECONDS = 0.05  # for which fewer wait for more while another batch is being written
_PASSING = (
    Away,
    OSError,
    *AWAY,
    asyncpg.OperatorInterventionError,  # PostgreSQL stops or starts
    asyncpg.InsufficientResourcesError,  # the disk is full, no connection is free
    asyncpg.TransactionRollbackError,  # a deadlock of two writers
)
_log = structlog.get_logger(__name__)

__all__ = ["BATCH_MAX", "FEED_WAITING_MAX", "WAITING_MAX", "Crowded", "Pipeline"]


class Pipeline:
    """Writes the offers of any number of feeds.

    Parameters
    ----------
    pool
        Connections in the ingesting role; two of them are used.
    catalog, areas
        Return the current catalogue and join; called once a batch.
    """

    def __init__(self, pool: asyncpg.Pool, catalog: Callable[[], Catalog], areas: Callable[[], AreaJoin]) -> None:
        self._pool = pool
        self._catalog = catalog
        self._areas = areas
        self._queue = Queue()
        self._grades = Grades()
        self._writing = 0  # how many batches are being written
        self._ready = asyncio.Event()  # enough for another batch waits, or one was written
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def waiting(self) -> int:
        """The number of messages that wait."""
        return self._queue.size

    def start(self) -> None:
        """Begin to write offers."""
        self._tasks = [asyncio.create_task(self._run(), name=f"pipeline {n}") for n in range(WRITERS)]

    async def stop(self) -> None:
        """Stop; offers that are not committed fail with `Unavailable`, and were not taken."""
        await cancel_tasks(self._tasks)
        for waiting in self._queue.clear():
            waiting.settle(Unavailable("the server is stopping; send again"))

    async def offer(self, feed: str, messages: Sequence[Message]) -> Outcome:
        """Write messages; returns when they are durable.

        Raises
        ------
        Crowded
            When too many messages wait already; nothing of the offer was taken.
        Unavailable
            When the server stops, or the database stays away or damaged, before the commit is known.
        BadInput, asyncpg.PostgresError
            When the database refuses a value of this offer; nothing of the offer was taken.
        """
        if not messages:
            return Outcome()
        waiting = Waiting(Offer(feed, messages), asyncio.get_running_loop().create_future(), monotonic())
        self._queue.add(waiting)
        if self._queue.size >= _ENOUGH:
            self._ready.set()
        return await waiting.done

    async def _run(self) -> None:
        while True:
            await self._queue.filled.wait()
            await self._gather()
            batch, thin = self._queue.gather()
            if not batch:
                continue
            self._writing += 1
            try:
                await self._write(batch, thin=thin)
            finally:
                self._writing -= 1
                self._ready.set()

    async def _gather(self) -> None:
        """Wait until enough waits for a batch, no other is being written, or a moment has passed."""
        if self._writing and self._queue.size < _ENOUGH:
            self._ready.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHER_SECONDS):
                    await self._ready.wait()

    async def _write(self, batch: list[Waiting], *, thin: bool = False) -> None:
        """Write a batch; when the database refuses it, offer by offer, so that one bad offer fails alone."""
        try:
            offers = [waiting.offer for waiting in batch]
            async with self._pool.acquire() as connection:
                written = await write(
                    connection, self._catalog(), self._areas(), offers, thin=thin, grades=self._grades
                )
        except _PASSING as error:
            await self._retry(batch, error)
        except asyncio.CancelledError:
            for waiting in batch:
                waiting.settle(Unavailable("the server is stopping; send again"))
            raise
        except Exception as error:  # noqa: BLE001  # whatever one offer causes, the others go on
            if len(batch) > 1:
                for waiting in batch:
                    await self._write([waiting], thin=thin)
            elif isinstance(in_words(error), Unavailable):  # damage, the disk, a fault of PostgreSQL itself
                await self._retry(batch, error)
            else:
                batch[0].settle(error)
        else:
            for waiting, outcome in zip(batch, written.outcomes, strict=True):
                waiting.settle(outcome)

    async def _retry(self, batch: list[Waiting], error: Exception) -> None:
        """Put a batch back in front: whether it was committed is unknown until its receipts are written again.

        Offers that have waited too long fail; their senders still have them.
        """
        MET_BY_JOBS.note(error)
        _log.warning("the database cannot write; messages wait", waiting=self._queue.size, error=str(error))
        patient = []
        for waiting in batch:
            if monotonic() - waiting.since > WAIT_SECONDS_MAX:
                fault = in_words(error)
                away = Unavailable(f"the database cannot write now: {error}; send again")
                waiting.settle(fault if isinstance(fault, Damaged) else away)
            else:
                patient.append(waiting)
        self._queue.put_back(patient)
        if not isinstance(error, asyncpg.TransactionRollbackError):
            await asyncio.sleep(_RETRY_SECONDS)
