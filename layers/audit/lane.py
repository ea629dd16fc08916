"""One process's way to one chain: records wait in a bounded queue and are appended together.

A record that somebody waits for is appended at once, with all that wait by then; the others are gathered for a moment.
So a chain has one transaction at a time from each process, however many requests there are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import asyncpg
import structlog

from layers.audit.canonical import canonical
from layers.audit.record import AuditChain, AuditRecord
from layers.audit.store import append
from layers.database.connection import Role, connect
from layers.database.faults import DATABASE_ERRORS
from layers.errors import Unavailable
from layers.seldom import Seldom

GATHER_SECONDS = 0.5
QUEUE_MAX = 20_000
_BATCH_MAX = 1000  # made without a pause: 4 ms; a transaction costs as much as a hundred records
_UNMADE_MAX = 2000  # records that are not made yet hold their requests in memory
_RETRY_SECONDS = 0.5
_STATEMENT_MS_MAX = 3000
_GRACE_SECONDS = 1.0  # a server that has not ended the statement by then is hung
_log = structlog.get_logger(__name__)


class AuditUnavailable(Unavailable):
    """The audit cannot record an action now, so the action is refused."""


@dataclass(slots=True)
class _Waiting:
    body: str | Callable[[], str]
    stored: asyncio.Future[None] | None = None

    @property
    def is_given_up(self) -> bool:
        return self.stored is not None and self.stored.done()

    def is_made(self) -> bool:
        """Make the text of the record, if need be; False when it cannot be made, which must not end the lane."""
        if not isinstance(self.body, str):
            try:
                self.body = self.body()
            except Exception:  # noqa: BLE001  # whatever it is: the records behind it must be stored
                _log.exception("a record of the audit cannot be made and is lost")
                return False
        return True


class AuditLane:
    """Appends the records of one process to one chain, in the order in which they came.

    Parameters
    ----------
    queue_max
        The most records that wait; what a process that is killed loses at most, if the database was away.
    """

    def __init__(self, url: str, chain: AuditChain, queue_max: int = QUEUE_MAX) -> None:
        self._url, self._chain, self._queue_max = url, chain, queue_max
        self._queue: deque[_Waiting] = deque()
        self._any, self._urgent = asyncio.Event(), asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._storing = 0
        self._away = Seldom()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def waiting(self) -> int:
        """Number of records that are not stored yet."""
        return len(self._queue) + self._storing

    @property
    def is_full(self) -> bool:
        """Whether no record finds room."""
        return len(self._queue) >= self._queue_max

    def add(self, record: AuditRecord, *, in_any_case: bool = False) -> None:
        """Add a record that is stored soon.

        Parameters
        ----------
        in_any_case
            Whether to add it to a full queue too.

        Raises
        ------
        AuditUnavailable
            When the queue is full: the database takes no records.
        """
        self._put(_Waiting(canonical(record)), in_any_case=in_any_case)

    def add_later(self, make: Callable[[], str]) -> None:
        """Add a record whose canonical text is made when it is stored: many at once cost less than one by one.

        Raises
        ------
        AuditUnavailable
            When the queue is full: the database takes no records.
        """
        if len(self._queue) > _UNMADE_MAX:
            self._put(_Waiting(make()))
        else:
            self._put(_Waiting(make))

    async def write(self, record: AuditRecord, patience_s: float) -> None:
        """Return when a record is stored.

        Raises
        ------
        AuditUnavailable
            When it cannot be stored, or not in time.
        """
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(_Waiting(canonical(record), stored))
        self._urgent.set()
        try:
            async with asyncio.timeout(patience_s):
                await stored
        except TimeoutError as error:
            raise AuditUnavailable(f"the audit did not record this within {patience_s:g} s; try again") from error

    def _put(self, waiting: _Waiting, *, in_any_case: bool = False) -> None:
        if self.is_full and not in_any_case:
            raise AuditUnavailable("the audit takes no more records now; try again in a moment")
        self._queue.append(waiting)
        self._any.set()

    def start(self) -> None:
        """Begin to append; the database may be away."""
        self._task = asyncio.create_task(self._run(), name=f"audit {self._chain.value}")

    def hurry(self) -> None:
        """Append what waits at once."""
        self._urgent.set()

    async def stop(self) -> None:
        """Append what waits, as far as the database takes it now, and end."""
        self._stopping = True
        self._any.set()
        self._urgent.set()
        if self._task is not None:
            await self._task
        if self._queue:
            _log.error("records of the audit are lost", chain=self._chain.value, records=len(self._queue))
        if self._connection is not None:
            self._connection.terminate()

    async def _run(self) -> None:
        while True:
            await self._any.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_SECONDS):
                    await self._urgent.wait()
            stored = await self._flush()
            if self._stopping:
                while stored and self._queue:
                    stored = await self._flush()
                return
            if not stored:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _flush(self) -> bool:
        """Append everything that waits by now; False when the database refuses it, which leaves the rest waiting.

        What comes meanwhile is gathered for the next time: a transaction costs twenty times as much as a record.
        """
        self._any.clear()
        self._urgent.clear()
        due = len(self._queue)
        while due:
            taken = [self._queue.popleft() for _ in range(min(due, _BATCH_MAX))]
            due -= len(taken)
            batch = [waiting for waiting in taken if waiting.is_made()]
            self._storing = len(batch)
            try:
                await self._append([waiting for waiting in batch if not waiting.is_given_up])
            except DATABASE_ERRORS as error:
                self._keep(batch, error)
                return False
            finally:
                self._storing = 0
        return True

    async def _append(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._url, Role.AUDIT, statement_timeout_ms=_STATEMENT_MS_MAX)
        async with asyncio.timeout(_STATEMENT_MS_MAX / 1000 + _GRACE_SECONDS):
            await append(self._connection, self._chain, [str(waiting.body) for waiting in batch])
        for waiting in batch:
            if waiting.stored is not None and not waiting.stored.done():
                waiting.stored.set_result(None)

    def _keep(self, batch: list[_Waiting], error: Exception) -> None:
        """Refuse those that are waited for; keep the others for the next attempt."""
        if (others := self._away.due()) is not None:
            _log.error("the audit cannot be written", chain=self._chain.value, error=str(error), others=others)
        for waiting in batch:
            if waiting.stored is not None and not waiting.stored.done():
                waiting.stored.set_exception(AuditUnavailable("the audit cannot record this now; try again"))
        self._queue.extendleft(reversed([waiting for waiting in batch if waiting.stored is None]))
        if self._queue:
            self._any.set()
