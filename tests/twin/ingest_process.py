"""The ingest process, as a process or within the test's own loop."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from typing import Self

from server.installation import PROJECT
from server.processes import ingest
from tests.twin.waiting import DEADLINE_S


class Ingest:
    """A running ingest process, and the pipe that keeps it alive."""

    def __init__(self, settings) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "server.processes.ingest"],
            stdin=subprocess.PIPE,
            cwd="/",
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
        )
        self.process.stdin.write(settings.model_dump_json().encode() + b"\n")
        self.process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.process.stdin.close()
        self.process.kill()
        self.process.wait(DEADLINE_S)


@asynccontextmanager
async def working(settings):
    """Do the jobs of the ingest process here while the block lasts."""
    task = asyncio.create_task(ingest.work(settings))
    try:
        yield
    finally:
        done = task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert not done, "the work ended by itself"
