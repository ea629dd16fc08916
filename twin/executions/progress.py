"""How far a job is: told by the work, in any thread of it, and written with the job's next sign of life."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class JobProgress:
    """How far a job is.

    Attributes
    ----------
    percent
        0 to 99; it never goes back.
    message
        What it does now; empty while nothing was told.
    """

    percent: int = 0
    message: str = ""


_PROGRESS: ContextVar[JobProgress | None] = ContextVar("progress", default=None)


def begin_progress() -> JobProgress:
    """Begin to follow the work of this task and of its threads."""
    progress = JobProgress()
    _PROGRESS.set(progress)
    return progress


def tell_progress(percent: float, message: str) -> None:
    """Tell how far the work is; nobody listens where no job runs."""
    progress = _PROGRESS.get()
    if progress is not None:
        progress.percent = max(progress.percent, min(99, int(percent)))
        progress.message = message
