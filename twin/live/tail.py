"""Reading the log as it grows: one reader a process, woken by PostgreSQL, serves every subscriber.

::

    log ─ frame ─ decoded once ─ matched by index ─ encoded once an audience ─► channel ─ batch ─► its watchers
                       │                                                           (the same bytes for all of them)
                       └─ recent: a watcher that joins late or falls behind catches up alone, then enters its channel

A watcher is a member of its channel and receives every batch of it, or it is behind and reads the log from its own
number. It becomes a member where nothing is awaited and the channel has just been flushed, so that there is no gap and
nothing comes twice. Nothing is kept for a watcher that does not take its batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog
from layers.database.listener import Listener, NotificationHandler
from layers.errors import Unavailable
from twin.live.budget import Budget, caller_here
from twin.live.catch_up import BEHIND_MAX, READ_FRAMES, LateReader
from twin.live.change_batch import ChangeBatch
from twin.live.channel import Watcher
from twin.live.channels import Channels
from twin.live.flusher import Flusher
from twin.live.interest import Interest
from twin.live.recent import Recent
from twin.live.rights_mark import RightsMark
from twin.live.rows import read_rows
from twin.log.changes import CHANNEL, Forgotten, LogFrame, frames_since, last_seq

_REACH_SECONDS = 10.0
NOTE_CHANNEL = "note"
"""Notifications of leaders' notes: what one is about, ``layer/id``; empty where some were removed."""


class LogTail:
    """Follows the log and serves watchers.

    Attributes
    ----------
    seq
        Number of the last change read.
    """

    def __init__(self, url: str, catalog: Callable[[], Catalog]) -> None:
        handlers: dict[str, NotificationHandler | None] = {CHANNEL: None, NOTE_CHANNEL: self._on_note}
        self._listener = Listener(url, self._read, handlers)
        self.on_note: list[Callable[[str], None]] = []  # a leader wrote about ``layer/id``; empty: notes were removed
        self._catalog = catalog
        self._channels = Channels(catalog)
        self._flusher = Flusher(lambda: self.seq)
        self._recent = Recent()
        self._late = LateReader(catalog, lambda: self.seq, self._recent)
        self._watchers: set[Watcher] = set()
        self.budget = Budget()
        self._shown = asyncio.Event()  # not set while a frame is being matched: no watcher enters a channel then
        self._shown.set()
        self._grown = asyncio.Event()
        self._began = self._ended = False
        self.seq = 0

    @property
    def watching(self) -> int:
        """How many watchers there are."""
        return len(self._watchers)

    @property
    def flushed(self) -> int:
        """Number up to which every channel has been flushed."""
        return self._flusher.flushed

    async def start(self) -> None:
        """Begin at the end of the log.

        Raises
        ------
        Unavailable
            When the database does not answer.
        """
        await self._listener.start()

    async def stop(self) -> None:
        """Stop following, and let every watcher end."""
        self.hang_up()
        await self._listener.stop()
        self._flusher.stop()

    def _on_note(self, about: str) -> None:
        for listener in self.on_note:
            listener(about)

    def hang_up(self) -> None:
        """Let every watcher end, also those that still come: the server is stopping."""
        self._ended = True
        for watcher in self._watchers:
            watcher.close()

    def doubt(self) -> None:
        """Let the rights of every watcher be judged again: the policy has changed."""
        for watcher in self._watchers:
            watcher.doubt()

    def doubt_changed(self) -> None:
        """Let those watchers be judged again to whom the catalogue now shows something else, or a layer no more."""
        catalog = self._catalog()
        now = {
            channel: RightsMark.of(channel.visibility.actor, catalog, channel.interest.layers)
            for channel in {watcher.channel for watcher in self._watchers}
        }
        for channel, mark in now.items():
            channel.shown |= mark.shown
        for watcher in self._watchers:
            agrees = watcher.channel.mark.agrees_with(now[watcher.channel])
            if not agrees or not watcher.channel.shown <= catalog.keys():
                watcher.doubt()

    def watch(self, interest: Interest, actor: Actor, seq: int | None = None) -> Watcher:
        """Return a watcher that begins after a number, None for now; `leave` ends it.

        Raises
        ------
        Unavailable
            When its filter is more than the caller's streams, or all of them together, may cost.
        """
        caller = caller_here()
        self.budget.take(caller, interest.units)
        channel = self._channels.enter(interest, actor)
        watcher = Watcher(channel, self.seq if seq is None else seq, caller)
        watcher.closed = self._ended
        self._watchers.add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Forget a watcher; a second call does nothing."""
        if watcher not in self._watchers:
            return
        self._watchers.discard(watcher)
        channel = watcher.channel
        self.budget.give_back(watcher.caller, channel.units)
        channel.members.discard(watcher)
        self._channels.leave(channel)
        if not channel.watchers:
            self._flusher.discard(channel)

    async def take(self, watcher: Watcher, pool: asyncpg.Pool, patience_s: float) -> ChangeBatch | None:
        """Return the next batch for a watcher; None when none came within `patience_s` seconds, or it is closed.

        Its `seq` is then the number up to which it has received everything.

        Raises
        ------
        Forgotten
            When the log does not reach back to its number, never was there, or the watcher is too far behind: it must
            start again from a snapshot.
        Unavailable
            When the log cannot be read now.
        """
        while not watcher.closed:
            batch = await self._catch_up(watcher, pool) if watcher.behind else watcher.pop()
            if batch is not None:
                return batch
            if not watcher.behind and not await watcher.awaken(patience_s) and not watcher.waiting:
                watcher.seq = max(watcher.seq, self.flushed)
                return None
        return None

    async def reaches(self, seq: int, pool: asyncpg.Pool) -> bool:
        """Whether a watcher can go on from a number: the log still has what came after it, and not too much."""
        if seq == self.seq or self._recent.after(seq) is not None:
            return True
        if self.seq - seq > BEHIND_MAX:
            return False
        async with pool.acquire() as connection:
            try:
                await frames_since(connection, seq, limit=1)
            except Forgotten:
                return False
            return seq <= await last_seq(connection)

    async def _catch_up(self, watcher: Watcher, pool: asyncpg.Pool) -> ChangeBatch | None:
        """Read what a watcher missed; once it has everything it becomes a member of its channel."""
        await self._shown.wait()
        if watcher.seq > self.seq:
            await self._reach(watcher.seq, pool)
        batch = await self._late.read(watcher, pool)
        if watcher.seq == self.seq and self._shown.is_set():  # nothing is awaited from here on
            watcher.channel.flush(watcher.seq)
            watcher.channel.members.add(watcher)
            watcher.behind = False
        return batch

    async def _reach(self, seq: int, pool: asyncpg.Pool) -> None:
        """Wait until this process has read what another process has sent already."""
        async with pool.acquire() as connection:
            newest = await last_seq(connection)
        if newest < seq:
            raise Forgotten(f"the log is at {newest} and knows no {seq} yet", parameter="since")
        try:
            async with asyncio.timeout(_REACH_SECONDS):
                while self.seq < seq:
                    await self._grown.wait()
        except TimeoutError as error:
            raise Unavailable("the log cannot be followed now; come again") from error

    async def _read(self, connection: asyncpg.Connection) -> None:
        if not self._began:
            self.seq = self._flusher.flushed = await last_seq(connection)
            self._began = True
        try:
            while not await self._skipped(connection) and (
                frames := await frames_since(connection, self.seq, limit=READ_FRAMES)
            ):
                for frame in frames:
                    await self._take_in(connection, frame)
        except Forgotten:  # we were away for longer than the log reaches back: each watcher finds out for itself
            self._recent.clear()
            self.seq = await last_seq(connection)
            for watcher in self._watchers:
                watcher.fall_behind()
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    async def _skipped(self, connection: asyncpg.Connection) -> bool:
        """Go to the end of the log unread while there is no channel: a watcher that comes reads it alone."""
        if self._channels:
            return False
        newest = await last_seq(connection)
        if self._channels:  # a watcher came meanwhile
            return False
        self.seq = newest
        self._flusher.soon()
        return True

    async def _take_in(self, connection: asyncpg.Connection, frame: LogFrame) -> None:
        changes = [change for number, change in self._recent.put(frame) if number > self.seq]
        await asyncio.sleep(0)  # senders that wait have their turn
        while True:
            needs = self._channels.needs
            rows = await read_rows(connection, self._catalog(), needs, changes)
            if needs is self._channels.needs:  # no watcher came meanwhile with a filter that looks at more
                break
        self._shown.clear()
        try:
            wanted = await self._channels.match(changes, rows)
            for channel, change, visible in wanted:  # nothing is awaited from here on
                if channel.members:
                    channel.pending.add(change, visible)
                    self._flusher.add(channel)
            self.seq = frame.last_seq
        finally:
            self._shown.set()
        self._channels.begin_anew(changes)
        self._flusher.soon()
