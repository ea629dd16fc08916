"""Reading the log as it grows: one reader a process, woken by PostgreSQL, giving each subscriber what it asked for.

::

    log ─ frame ─ decoded once ─ matched by index ─ encoded once a clearance ─► channel ─ portion ─► its watchers
                       │                                                           (the same bytes for all of them)
                       └─ kept for a while: who joins late or falls behind catches up alone, then goes into its channel

A watcher is in its channel, and gets everything the channel hands out, or it is behind, and reads the log from its own
number. It goes from one to the other where nothing is awaited and the channel has just handed out all it had, so that
there is no gap and nothing comes twice. Nothing is kept for who does not listen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

import asyncpg
import structlog

from layers.actor import Actor
from layers.catalog import Catalog
from layers.database.listener import Listener
from layers.errors import Unavailable
from twin.live.budget import Budget, TimeSlices, caller_here
from twin.live.change_batch import ChangeBatch, PendingChanges
from twin.live.channel import Channel, Watcher, channel_key
from twin.live.interest import Interest
from twin.live.matching import Matching
from twin.live.recent import Decoded, Recent
from twin.live.regraded import Regrading, regraded
from twin.live.rows import FeatureProperties, Needs, read_rows
from twin.live.visibility import Visibility
from twin.log.change import Change, is_whole
from twin.log.changes import CHANNEL, Forgotten, LogFrame, frames_since, last_seq

FRAME_SECONDS = 0.1  # changes of one thing within this time are sent as one
BUSY_FRAME_SECONDS = 0.25  # the same where many subscribers are handed something each time
_BUSY = 100  # subscribers
_AT_A_TURN = 50  # subscribers that are handed something before requests and acknowledgements have their turn
BEHIND_MAX = 1_000_000  # changes: who is further behind is quicker with a snapshot
_READ_FRAMES = 20
_CATCH_UP_CHANGES = 2_000  # in one portion
_REACH_SECONDS = 10.0
_log = structlog.get_logger(__name__)


class LogTail:
    """Follows the log and serves watchers.

    Attributes
    ----------
    seq
        Number of the last change read.
    flushed
        Number up to which every channel has handed everything out.
    """

    def __init__(self, url: str, catalog: Callable[[], Catalog]) -> None:
        self._listener = Listener(url, self._read, {CHANNEL: None})
        self._catalog = catalog
        self._channels: dict[Hashable, Channel] = {}
        self._matching = Matching()
        self._needs: Needs | None = None  # of all channels; None until it is worked out
        self._unflushed: set[Channel] = set()
        self._leaving: list[Channel] = []  # of the flush that is going on: what is left of it
        self._lenses: dict[int, Visibility] = {}
        self._recent = Recent()
        self._regrading = Regrading()
        self._watchers: set[Watcher] = set()
        self.budget = Budget()
        self._shown = asyncio.Event()  # not set while a frame is being shown: nobody enters a channel then
        self._shown.set()
        self._grown = asyncio.Event()
        self._flushing: asyncio.Handle | None = None
        self._flush_seq = self._handed = 0
        self._flushed_at = 0.0
        self._began = self._ended = False
        self.seq = self.flushed = 0

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
        """Stop following, and let every watcher end."""
        self.hang_up()
        await self._listener.stop()
        if self._flushing:
            self._flushing.cancel()

    def hang_up(self) -> None:
        """Let every watcher end, and those that come: the server is stopping."""
        self._ended = True
        for watcher in self._watchers:
            watcher.close()

    def watch(self, interest: Interest, actor: Actor, seq: int | None = None) -> Watcher:
        """Begin to watch after a number, or from now on; to be left with `leave`.

        Raises
        ------
        Unavailable
            When its filter is more than the caller's streams, or all of them together, may cost.
        """
        caller = caller_here()
        self.budget.take(caller, interest.units)
        key = channel_key(interest, actor)
        channel = self._channels.get(key)
        if channel is None:
            clearance = actor.clearance
            lens = self._lenses.setdefault(clearance, Visibility(clearance, self._catalog))
            channel = self._channels[key] = Channel(key, interest, actor, lens)
            self._matching.add(channel)
            self._needs = None
        channel.watchers += 1
        watcher = Watcher(channel, self.seq if seq is None else seq, caller)
        watcher.closed = self._ended
        self._watchers.add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Forget a watcher; done twice, it is done once."""
        if watcher not in self._watchers:
            return
        self._watchers.discard(watcher)
        channel = watcher.channel
        self.budget.give_back(watcher.caller, channel.units)
        channel.members.discard(watcher)
        channel.watchers -= 1
        if not channel.watchers:
            del self._channels[channel.key]
            self._matching.discard(channel)
            self._unflushed.discard(channel)
            self._needs = None

    async def take(self, watcher: Watcher, pool: asyncpg.Pool, patience_s: float) -> ChangeBatch | None:
        """Return the next portion for a watcher; None when there was none for that time, or it is closed.

        Its `seq` is then the number up to which it has been given everything.

        Raises
        ------
        Forgotten
            When the log does not reach back to its number, never was there, or it is too far behind: it must start
            again from a snapshot.
        Unavailable
            When the log cannot be read now.
        """
        while not watcher.closed:
            portion = await self._catch_up(watcher, pool) if watcher.behind else watcher.pop()
            if portion is not None:
                return portion
            if not watcher.behind and not await watcher.awaken(patience_s) and not watcher.waiting:
                watcher.seq = max(watcher.seq, self.flushed)
                return None
        return None

    async def _catch_up(self, watcher: Watcher, pool: asyncpg.Pool) -> ChangeBatch | None:
        """Give a watcher what it missed; once it has everything it is in its channel."""
        await self._shown.wait()
        if watcher.seq > self.seq:
            await self._reach(watcher.seq, pool)
        if self.seq - watcher.seq > BEHIND_MAX:
            raise Forgotten(f"{self.seq - watcher.seq} changes have been missed; at most {BEHIND_MAX} are sent again")
        gathered, seq, turns = PendingChanges(), watcher.seq, TimeSlices()
        while seq < self.seq and len(gathered) < _CATCH_UP_CHANGES:
            decoded, rows = await self._after(seq, watcher.channel, pool)
            grades = await self._regrading.of(decoded, self._catalog(), pool)
            await asyncio.sleep(0)  # a long way back is gone in steps
            for number, change in decoded:
                if number > seq:
                    self._sort_out(watcher.channel, gathered, regraded(change, grades), rows)
                    seq = number
                    await turns.spend(watcher.channel.units)
        portion = gathered.portion(seq) if len(gathered) else None
        watcher.seq = seq
        if seq == self.seq and self._shown.is_set():  # nothing is awaited from here on
            watcher.channel.flush(seq)
            watcher.channel.members.add(watcher)
            watcher.behind = False
        return portion

    @staticmethod
    def _sort_out(channel: Channel, gathered: PendingChanges, change: Change, rows: FeatureProperties) -> None:
        wanted = is_whole(change) and channel.wants(change, rows.of)
        if wanted and (encoded := channel.lens.encoded(change)) is not None:
            gathered.add(change, encoded)

    async def _after(self, seq: int, channel: Channel, pool: asyncpg.Pool) -> tuple[Decoded, FeatureProperties]:
        """Return the frame after a number, and what else its changes' features say."""
        decoded, needs = self._recent.after(seq), Needs([channel])
        if decoded is not None and not any(needs.missing(change) for _, change in decoded):
            return decoded, FeatureProperties()
        async with pool.acquire() as connection:
            if decoded is None:
                first, *others = await frames_since(connection, seq, limit=_READ_FRAMES)
                decoded = self._recent.put(first)
                for frame in others:
                    self._recent.put(frame)
            return decoded, await read_rows(connection, self._catalog(), needs, (change for _, change in decoded))

    async def _reach(self, seq: int, pool: asyncpg.Pool) -> None:
        """Wait until this process has read what another one has shown already."""
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
            self.seq = self.flushed = await last_seq(connection)
            self._began = True
        try:
            while not await self._skipped(connection) and (
                frames := await frames_since(connection, self.seq, limit=_READ_FRAMES)
            ):
                for frame in frames:
                    await self._take_in(connection, frame)
        except Forgotten:  # we were away for longer than the log reaches back: everybody finds out for itself
            self._recent.clear()
            self.seq = await last_seq(connection)
            for watcher in self._watchers:
                watcher.fall_behind()
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    async def _skipped(self, connection: asyncpg.Connection) -> bool:
        """Go to the end of the log unread while nobody watches: whoever comes and wants it reads it alone."""
        if self._channels:
            return False
        newest = await last_seq(connection)
        if self._channels:  # somebody came meanwhile
            return False
        self.seq = newest
        self._flush_soon()
        return True

    async def _take_in(self, connection: asyncpg.Connection, frame: LogFrame) -> None:
        changes = [change for number, change in self._recent.put(frame) if number > self.seq]
        await asyncio.sleep(0)  # those who wait to send have their turn
        while True:
            needs = self._needs = self._needs or Needs(self._channels.values())
            rows = await read_rows(connection, self._catalog(), needs, changes)
            if needs is self._needs:  # nobody came meanwhile with a filter that looks at more
                break
        self._shown.clear()
        try:
            wanted = await self._wanted(changes, rows)
            for channel, change, shown in wanted:  # nothing is awaited from here on
                if channel.members:
                    channel.gathered.add(change, shown)
                    self._unflushed.add(channel)
            self.seq = frame.last_seq
        finally:
            self._shown.set()
        self._flush_soon()

    async def _wanted(self, changes: list[Change], rows: FeatureProperties) -> list[tuple[Channel, Change, bytes]]:
        """Find who wants which change; each is encoded once a clearance, when somebody does."""
        wanted: list[tuple[Channel, Change, bytes]] = []
        if not self._channels:
            return wanted
        catalog, turns = self._catalog(), TimeSlices()
        for change in filter(is_whole, changes):
            try:
                await self._ask(catalog, change, rows, turns, wanted)
            except Exception:  # noqa: BLE001  # whatever one change is, the others go on
                _log.exception("a change of the log cannot be shown", change=str(change)[:500])
        return wanted

    async def _ask(
        self,
        catalog: Catalog,
        change: Change,
        rows: FeatureProperties,
        turns: TimeSlices,
        wanted: list[tuple[Channel, Change, bytes]],
    ) -> None:
        layer = catalog.get(change["layer"])
        has_areas = layer is None or "area_code" in layer.definition.by_name
        encoded: dict[int, bytes | None] = {}
        for channel in self._matching.find(change, rows.place(change), has_areas=has_areas):
            if channel.units:
                await turns.spend(channel.units)
            if not channel.members or not channel.wants(change, rows.of):
                continue
            clearance = channel.lens.clearance
            if clearance not in encoded:
                encoded[clearance] = channel.lens.encoded(change)
            if (shown := encoded[clearance]) is not None:
                wanted.append((channel, change, shown))

    def _flush_soon(self) -> None:
        if self._flushing is None:
            loop = asyncio.get_running_loop()
            frame_s = BUSY_FRAME_SECONDS if self._handed > _BUSY else FRAME_SECONDS
            pause_s = max(0.0, self._flushed_at + frame_s - loop.time())
            self._flushing = loop.call_later(pause_s, self._flush)

    def _flush(self) -> None:
        self._flushed_at, self._handed, self._flush_seq = asyncio.get_running_loop().time(), 0, self.seq
        self._leaving, self._unflushed = [*self._unflushed], set()
        self._flush_some()

    def _flush_some(self) -> None:
        """Hand out to some, and to the others in a later turn of the loop."""
        enough = self._handed + _AT_A_TURN
        while self._leaving:
            self._handed += self._leaving.pop().flush(self.seq)
            if self._handed >= enough:
                self._flushing = asyncio.get_running_loop().call_soon(self._flush_some)
                return
        self._flushing, self.flushed = None, self._flush_seq
        if self.seq > self.flushed:
            self._flush_soon()
