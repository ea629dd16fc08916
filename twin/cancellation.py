"""Cancelling tasks that may lose a cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import structlog

AGAIN_SECONDS = 3.0
_log = structlog.get_logger(__name__)


async def cancel_tasks(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks once and wait for their end; a second cancel would interrupt their cleanup.

    A task that has not ended after 3 s is cancelled again: a connection that breaks in the same moment may raise an
    error of its own in place of the cancellation.
    """
    for task in tasks:
        if not task.cancelling():
            task.cancel()
    waiting: Iterable[asyncio.Task[None]] = tasks
    while waiting:
        _, waiting = await asyncio.wait(waiting, timeout=AGAIN_SECONDS)
        for task in waiting:
            _log.warning("a task does not end and is told again", task=task.get_name())
            task.cancel()
