"""Ending tasks that may miss what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import structlog

AGAIN_SECONDS = 3.0
_log = structlog.get_logger(__name__)


async def cancel_tasks(tasks: Sequence[asyncio.Task[None]]) -> None:
    """End tasks, each told once: told twice, it would leave off in the midst of closing what it holds.

    Who has not ended after a while is told again: a connection that breaks in the same moment may raise an error of its
    own in place of what the task was told.
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
