"""The jobs of the ingest process: what each works with, and how each is kept alive.

A job works until it is cancelled. An error it raises is logged and the job is started again, later each time; one
job's fault never stops another. A job goes on from its cursor in PostGIS, so it may be killed at any moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Protocol

import asyncpg
import structlog

from layers.catalog import Catalog
from layers.database.faults import in_words
from layers.errors import Unavailable
from layers.policy.policy import Policy
from twin.cancellation import cancel_tasks
from twin.damage import MET_BY_JOBS

if TYPE_CHECKING:  # commands read feeds' definitions, which name `Parts`; the intake is slow to import
    from twin.intake.intake import Intake

PAUSE_SECONDS_MIN = 0.2
PAUSE_SECONDS_MAX = 30.0
_LONG_LIFE_SECONDS = 60.0
_log = structlog.get_logger(__name__)


class Job(Protocol):
    """Work that the ingest process does all the time."""

    @property
    def name(self) -> str:
        """Name in the log and on the health page."""

    async def run(self) -> None:
        """Work until cancelled."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Objects that jobs share; made when the process begins to lead, closed when it ends.

    Attributes
    ----------
    url
        The database.
    home
        Folder with the secrets and the folders that feeds use.
    folder
        Folder of the feeds' definitions.
    catalog
        Returns the current catalogue.
    intake
        Takes deliveries (`take`) and messages made by the twin itself (`offer`).
    pool
        Connections in the ingesting role.
    policy
        Returns the policy in force; None means the plain rights of labels.
    """

    url: str
    home: Path
    folder: Path
    catalog: Callable[[], Catalog]
    intake: Intake
    pool: asyncpg.Pool
    policy: Callable[[], Policy | None] = lambda: None


class Pauses:
    """Pauses before new attempts: each is longer than the one before, and short again after a minute of work."""

    def __init__(self) -> None:
        self._pause_s = 0.0
        self._began = monotonic()

    def begin(self) -> None:
        """Note that an attempt begins now."""
        self._began = monotonic()

    def next(self) -> float:
        """Return the seconds to wait now that the attempt has ended."""
        lived_long = monotonic() - self._began > _LONG_LIFE_SECONDS
        doubled = max(self._pause_s * 2, PAUSE_SECONDS_MIN)
        self._pause_s = PAUSE_SECONDS_MIN if lived_long else min(doubled, PAUSE_SECONDS_MAX)
        return self._pause_s


async def keep_working(jobs: Sequence[Job]) -> None:
    """Run jobs side by side until cancelled; a job that ends is started again."""
    tasks = [asyncio.create_task(_keep(job), name=job.name) for job in jobs]
    try:
        await asyncio.wait(tasks)
    finally:
        await cancel_tasks(tasks)


async def _keep(job: Job) -> None:
    pauses = Pauses()
    while True:
        pauses.begin()
        try:
            await job.run()
        except Exception as error:  # noqa: BLE001  # a job's fault must not stop the others
            MET_BY_JOBS.note(error)
            pause_s = pauses.next()
            how = _log.warning if isinstance(error, Unavailable) or in_words(error) else _log.exception
            how("a job failed and is started again", job=job.name, pause_s=pause_s, error=str(error))
        else:
            pause_s = pauses.next()
            _log.warning("a job ended and is started again", job=job.name, pause_s=pause_s)
        await asyncio.sleep(pause_s)
