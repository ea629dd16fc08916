"""Reading the log as it grows: one reader a process, woken by PostgreSQL, showing each change to every watcher."""

from __future__ import annotations

import asyncio

import asyncpg

from layers.listener import Listener
from twin.changes import CHANNEL, Forgotten, Frame, frames_since, last_seq
from twin.watch import Watcher


class Tail:
    """Follows the log and shows it to watchers.

    Attributes
    ----------
    seq
        Number of the last change shown.
    """

    def __init__(self, url: str) -> None:
        self._listener = Listener(url, self._read, {CHANNEL: None})
        self._watchers: set[Watcher] = set()
        self._grown = asyncio.Event()
        self._began = False
        self.seq = 0

    @property
    def watching(self) -> int:
        """How many watch."""
        return len(self._watchers)

    async def start(self) -> None:
        """Begin at the end of the log.

        Raises
        ------
        Unavailable
            When the database does not answer.
        """
        await self._listener.start()

    async def stop(self) -> None:
        """Stop following; watchers see nothing new."""
        await self._listener.stop()

    async def join(self, watcher: Watcher, pool: asyncpg.Pool) -> None:
        """Let a watcher catch up from its own number, then see everything new, with no gap and nothing twice.

        Raises
        ------
        Forgotten
            When the log no longer reaches back to the watcher's number, or has not reached it yet: it is another log.
        """
        if watcher.seq > self.seq:
            raise Forgotten(f"the log is at {self.seq} and knows no {watcher.seq} yet", parameter="since")
        while watcher.seq < self.seq:
            async with pool.acquire() as connection:
                frames = await frames_since(connection, watcher.seq)
            for frame in frames:
                for seq, change in frame.changes(watcher.seq):
                    watcher.look(seq, change)
        self._watchers.add(watcher)  # nothing was awaited since the last comparison

    def leave(self, watcher: Watcher) -> None:
        """Forget a watcher."""
        self._watchers.discard(watcher)

    async def grown(self) -> None:
        """Return when the log has grown."""
        await self._grown.wait()

    async def _read(self, connection: asyncpg.Connection) -> None:
        if not self._began:
            self.seq, self._began = await last_seq(connection), True
        try:
            while frames := await frames_since(connection, self.seq):
                for frame in frames:
                    self._show(frame)
        except Forgotten:  # we were away for longer than the log reaches back: everybody starts again
            self.seq = await last_seq(connection)
            for watcher in self._watchers:
                watcher.overrun = True
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    def _show(self, frame: Frame) -> None:
        for seq, change in frame.changes(self.seq):
            for watcher in self._watchers:
                watcher.look(seq, change)
        self.seq = frame.last_seq
