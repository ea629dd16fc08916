"""The frame of jobs that follow the change log and decide.

A run of a job reads frames after its cursor, decides, and writes the cursor with the decision in one transaction:
killed at any moment, the job goes on as if nothing had happened, and every decision is made once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import asyncpg

from twin.log.change import Change
from twin.log.follower import Follower

GRACE = timedelta(seconds=2)
"""How far a job's clock stays behind, so that messages on their way arrive before time passes without them."""
FRAMES_MAX = 20
TICK_SECONDS = 1.0


class LogRun[D](ABC):
    """A run of a job: what it holds in memory; a new run reads it again from PostGIS.

    `D` is a decision: states, messages, transitions; whatever is written with the cursor.

    Parameters
    ----------
    pool
        Connections in the ingesting role.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._state_written: Mapping[str, Any] = {}

    async def go(self, follower: Follower) -> bool:
        """Work on the next frames and on the time that has passed; return whether there may be more at once."""
        frames = await follower.frames(FRAMES_MAX)
        changes = [change for frame in frames for _, change in frame.changes(follower.seq)]
        async with self._pool.acquire() as connection:
            decision = await self._decide(connection, changes, is_behind=len(frames) == FRAMES_MAX)
            seq, state = frames[-1].last_seq if frames else follower.seq, self._state()
            if not frames and decision is None and state == self._state_written:
                return False
            async with connection.transaction():
                await follower.move(connection, seq, state)
                if decision is not None:
                    await self._write(connection, decision)
        follower.seq, self._state_written = seq, state
        if decision is not None:
            self._on_commit(decision)
        return bool(frames)

    @abstractmethod
    async def _decide(self, connection: asyncpg.Connection, changes: Sequence[Change], *, is_behind: bool) -> D | None:
        """Decide on changes and on the time; return None when there is nothing to write.

        Parameters
        ----------
        is_behind
            More changes wait in the log: they may contradict what time alone would decide now.
        """

    @abstractmethod
    async def _write(self, connection: asyncpg.Connection, decision: D) -> None:
        """Write a decision in the open transaction."""

    @abstractmethod
    def _on_commit(self, decision: D) -> None:
        """Note that a decision is committed."""

    @abstractmethod
    def _state(self) -> dict[str, Any]:
        """Return the state that is kept with the cursor, for the health of the job."""


class LogJob:
    """Runs a job over the log until cancelled.

    Parameters
    ----------
    name
        Of the job and of its cursor.
    url, pool
        The database, and connections in the ingesting role.
    begin
        Begins a run with nothing in memory.
    """

    def __init__(self, name: str, url: str, pool: asyncpg.Pool, begin: Callable[[], LogRun[Any]]) -> None:
        self.name, self._url, self._pool, self._begin = name, url, pool, begin

    async def run(self) -> None:
        """Follow the log and the clock until cancelled."""
        run = self._begin()
        async with Follower(self._url, self._pool, self.name) as follower:
            while True:
                if not await run.go(follower):
                    await follower.wait(TICK_SECONDS)
