"""The runner of jobs in one web worker: few at a time, each under the rights of who started it.

A job is run by the worker that accepted it. When that worker is stopped or killed, the job fails and says so; when it
is dismissed, by whichever worker, the runner gives it up within two seconds and its statement in the database ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from uuid import UUID, uuid4

import structlog

from layers.database.connection import Role, create_pool
from layers.database.faults import in_words
from layers.database.pool import Pool
from layers.errors import OneMapError, Unavailable
from server.audit.touched import begin_note
from server.errors import status_of
from server.settings import ProcessSettings
from twin.executions.job import JobResult, ProcessJob, ResponseForm
from twin.executions.ledger import JobLedger
from twin.executions.progress import JobProgress, begin_progress

type Work = Callable[[], Awaitable[tuple[str, bytes]]]
_BEAT_S = 2.0
_SILENT_S = 30.0  # a worker without a sign of life for so long runs nothing any more
_CONNECTIONS = 2
_BEATS_BETWEEN_SWEEPS = 5
_NOTHING = JobProgress()  # of a job that waits for its turn
_log = structlog.get_logger(__name__)


class JobRunner:
    """Runs the jobs that this worker accepted."""

    def __init__(self, url: str, settings: ProcessSettings) -> None:
        self._url, self._settings, self._id = url, settings, uuid4()
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._progress: dict[UUID, JobProgress] = {}
        self._turns = asyncio.Semaphore(settings.at_once)
        self._pool: Pool | None = None
        self._beating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect, and let jobs fail that a stopped worker has left.

        Raises
        ------
        Unavailable
            When the database does not respond.
        """
        self._pool = await create_pool(self._url, Role.INGEST, size=_CONNECTIONS)
        self._beating = asyncio.create_task(self._beat(), name="jobs of processes")

    async def stop(self) -> None:
        """Give up what runs: its owner is told that the worker was stopped."""
        if self._beating is not None:
            self._beating.cancel()
        running = list(self._tasks.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, *([self._beating] if self._beating else []), return_exceptions=True)
        if self._pool is not None:
            with suppress(Exception):  # without the database another worker lets them fail later
                await self.ledger.fail_of(self._id)
            await self._pool.close()

    @property
    def ledger(self) -> JobLedger:
        """The jobs of all workers.

        Raises
        ------
        Unavailable
            Before the start.
        """
        if self._pool is None:
            raise Unavailable("jobs are not run here yet")
        limits = self._settings
        return JobLedger(self._pool, open_max=limits.open_max, owner_max=limits.owner_max, kept_s=limits.results_s)

    async def submit(self, owner: str, audience: str, process: str, response: ResponseForm, work: Work) -> ProcessJob:
        """Accept a job and return it; it runs when it is its turn.

        Raises
        ------
        TooOften
            When too many wait or run.
        """
        job = await self.ledger.add(uuid4(), owner, audience, process, response, self._id)
        task = asyncio.create_task(self._run(job.id, work), name=f"job {job.id}")
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._forget(job.id))
        return job

    def _forget(self, job_id: UUID) -> None:
        self._tasks.pop(job_id, None)
        self._progress.pop(job_id, None)

    async def dismiss(self, job_id: UUID, owner: str) -> ProcessJob:
        """Dismiss a job of an owner; what runs of it ends.

        Raises
        ------
        NoSuchJob
            When the owner has none of this id.
        """
        job = await self.ledger.dismiss(job_id, owner)
        if job_id in self._tasks:
            self._tasks[job_id].cancel()
        return job

    async def _run(self, job_id: UUID, work: Work) -> None:
        try:
            async with self._turns:
                if await self.ledger.begin(job_id):
                    await self._end(job_id, work)
        except Exception:  # noqa: BLE001  # the database is away: without a task the job is silent, and so it fails
            _log.exception("a job could not be kept", job=str(job_id))

    async def _end(self, job_id: UUID, work: Work) -> None:
        """Do the work of a job, and keep its result or its fault."""
        note, self._progress[job_id] = begin_note(), begin_progress()
        note.is_judged = True  # how much is taken is judged when the result is fetched
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                media_type, body = await work()
        except TimeoutError:
            await self.ledger.fail(job_id, 503, f"it took longer than {self._settings.timeout_s:g} s")
        except Exception as error:  # noqa: BLE001  # whatever it is, the job has failed
            known = error if isinstance(error, OneMapError) else in_words(error)
            if known is None:
                _log.exception("a job failed", job=str(job_id))
            message = known.message if known else f"something went wrong on our side; the log has job {job_id}"
            await self.ledger.fail(job_id, status_of(known) if known else 500, message)
        else:
            taken = tuple((name, one.features) for name, one in note.taken.items())
            await self.ledger.succeed(job_id, JobResult(media_type, body, taken))

    async def _beat(self) -> None:
        """Give signs of life, give up what others dismissed, and remove what has expired."""
        for number in count():
            try:
                if self._tasks:
                    await self.ledger.beat({job_id: self._progress.get(job_id, _NOTHING) for job_id in self._tasks})
                    for job_id in await self.ledger.ended(list(self._tasks)):
                        if job_id in self._tasks:
                            self._tasks[job_id].cancel()
                if number % _BEATS_BETWEEN_SWEEPS == 0:
                    await self.ledger.fail_abandoned(_SILENT_S)
                    await self.ledger.expire()
            except Exception as error:  # noqa: BLE001  # the database may be away for a while
                _log.warning("jobs of processes: no sign of life could be given", error=str(error))
            await asyncio.sleep(_BEAT_S)
