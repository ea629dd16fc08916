"""A job: one execution of a process, as OGC API Processes (OGC 18-062r2) knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from layers.errors import NotFound

type JobStatus = Literal["accepted", "running", "successful", "failed", "dismissed"]
type ResponseForm = Literal["raw", "document"]
STATUSES: tuple[JobStatus, ...] = ("accepted", "running", "successful", "failed", "dismissed")


class NoSuchProcess(NotFound):
    """There is no process of this id."""


class NoSuchJob(NotFound):
    """There is no job of this id, or none of this caller's."""


class ResultNotReady(NotFound):
    """The job has not ended."""


@dataclass(frozen=True, slots=True)
class ProcessJob:
    """One execution.

    Attributes
    ----------
    owner
        The id of the subject that started it.
    audience
        What the owner might read then (`layers.actor.Actor.audience`).
    message
        What it does while it runs; why it failed.
    fault_status
        The HTTP status of the fault of a failed job.
    percent
        How far it is, where its work tells it.
    expires_at
        When a job that has ended is removed, with its result.
    """

    id: UUID
    owner: str
    audience: str
    process: str
    response: ResponseForm
    status: JobStatus
    message: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    fault_status: int | None
    percent: int | None
    expires_at: datetime | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens."""
        return self.status in {"successful", "failed", "dismissed"}

    @property
    def progress(self) -> int:
        """Per cent; the least where the work does not tell how far it is."""
        if self.has_ended:
            return 100
        return max(1, self.percent or 0) if self.status == "running" else 0


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a process returned.

    Attributes
    ----------
    taken
        Id of each layer and number of its features in the result.
    """

    media_type: str
    body: bytes
    taken: tuple[tuple[str, int], ...] = ()
