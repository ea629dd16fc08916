"""Cancelled jobs end, whatever error they raise, and no cleanup is interrupted."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from twin import cancellation
from twin.jobs import jobs

pytestmark = pytest.mark.anyio
DEADLINE_S = 120


class Job:
    """Waits for ever; it replaces a cancellation by an error of its own, as a breaking connection does."""

    def __init__(self, name, errors) -> None:
        self.name, self._errors = name, errors
        self.begun, self.closed, self.told = asyncio.Event(), False, 0

    async def run(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.told += 1
            if self.told <= self._errors:
                raise ConnectionError("the connection broke") from None
            await _turn()  # cleanup takes time
            self.closed = True
            raise


async def _turn():
    """Let the other tasks run once."""
    turn = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(turn.set_result, None)
    await turn


@pytest.mark.parametrize("errors", [0, 1, 2])
async def test_all_jobs_end(monkeypatch, errors):
    monkeypatch.setattr(cancellation, "AGAIN_SECONDS", 0.5)
    monkeypatch.setattr(jobs, "PAUSE_SECONDS_MIN", 0.0)
    good, odd = Job("good", 0), Job("odd", errors)
    working = asyncio.create_task(jobs.keep_working([good, odd]))
    async with asyncio.timeout(DEADLINE_S):
        await good.begun.wait()
        await odd.begun.wait()
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
    assert good.closed
    assert good.told == 1
    assert not any(task.get_name() in {"good", "odd"} for task in asyncio.all_tasks())
