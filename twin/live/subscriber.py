"""What one subscriber receives, whatever the transport: a snapshot when asked for, a ready notice, then changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Literal

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog
from twin.live.budget import caller_here
from twin.live.change_batch import ChangeBatch
from twin.live.channel import Watcher
from twin.live.interest import Interest
from twin.live.resume_point import ResumePoint
from twin.live.rights_mark import RightsMark
from twin.live.snapshot import LayerSnapshot, take_snapshot
from twin.live.tail import LogTail
from twin.log.changes import Forgotten

OTHER_RIGHTS = "what you may see has changed: read the state again, and come again"


@dataclass(frozen=True, slots=True)
class StreamNotice:
    """What a subscriber receives beside changes.

    Attributes
    ----------
    seq
        The number after which a subscriber resumes that has received it; None for a part of a snapshot.
    detail
        Of a resync: why.
    layer, features
        Of a snapshot: GeoJSON features of one layer, joined by commas.
    is_end
        Of a resync: the stream ends, and its numbers are of no use to a client that comes again.
    rights
        The mark of the rights that hold, which the client tells when it resumes.
    """

    kind: Literal["snapshot", "ready", "heartbeat", "resync"]
    seq: int | None
    detail: str = ""
    layer: str = ""
    features: bytes = b""
    is_end: bool = False
    rights: str = ""


@dataclass(frozen=True, slots=True)
class LiveSource:
    """The parts of a worker that serve subscribers."""

    tail: LogTail
    pool: asyncpg.Pool
    catalog: Callable[[], Catalog]
    heartbeat_s: float = 15.0


class Subscription:
    """One subscription while it lasts.

    Parameters
    ----------
    since
        The point after which changes begin; None is now. Where it was reached under other rights, a `resync` comes
        first: what is seen no more is not taken off one by one.
    snapshot
        Whether to send the state first, and again after a `resync`.
    after
        The subscription it replaces: without `since` it goes on where that one ends.
    rejudge
        Returns the actor as it is now, None when it may read no more. A stream whose actor sees something else now
        ends with a `resync`: its client reads the state again, and comes again. None: the actor stays what it is.
    """

    def __init__(
        self,
        source: LiveSource,
        actor: Actor,
        interest: Interest,
        since: ResumePoint | None,
        *,
        snapshot: bool,
        after: Subscription | None = None,
        rejudge: Callable[[], Awaitable[Actor | None]] | None = None,
    ) -> None:
        self._rejudge = rejudge
        self._judged_at = monotonic()
        self._source, self._actor, self._interest = source, actor, interest
        self._since, self._snapshot, self._after = since, snapshot, after
        self._watcher: Watcher | None = None
        self._prepared: LayerSnapshot | None = None
        self._ended = False

    @property
    def seq(self) -> int | None:
        """Number up to which everything was sent; None when nothing has begun."""
        if self._watcher:
            return self._watcher.seq
        return None if self._since is None else self._since.seq

    def end(self) -> None:
        """Let the subscription end after the present part."""
        self._ended = True
        if self._watcher:
            self._watcher.close()

    async def prepare(self) -> None:
        """Take the first snapshot when one is asked for, so that its errors come before the stream begins.

        Raises
        ------
        BadInput, TooMuch
            When the snapshot cannot be taken as it is asked for.
        Unavailable
            When the filter costs more than can be served.
        """
        self._source.tail.budget.check(caller_here(), self._interest.units)
        if self._snapshot and self._since is None:
            self._prepared = await self._take_snapshot()

    @property
    def prepared(self) -> Mapping[str, int]:
        """The number of features of the snapshot that was prepared, by layer; empty without one."""
        return self._prepared.found if self._prepared else {}

    async def _take_snapshot(self) -> LayerSnapshot:
        source = self._source
        return await take_snapshot(source.pool, source.catalog(), self._actor, self._interest)

    async def parts(self) -> AsyncIterator[ChangeBatch | StreamNotice]:
        """Yield every part; to be closed (`contextlib.aclosing`) when the client has gone.

        Raises
        ------
        TooMuch
            When a snapshot has become too large.
        Unavailable, asyncpg.PostgresError
            When the log cannot be read now; the client comes again.
        """
        since, has_other_rights = self._begin()
        snapshot, self._after = self._snapshot and self._since is None, None
        if has_other_rights:
            since, snapshot = None, self._snapshot
            yield StreamNotice("resync", self._source.tail.seq, OTHER_RIGHTS, rights=self._mark(self._actor).text)
        while not self._ended:
            if snapshot:
                state, self._prepared = self._prepared or await self._take_snapshot(), None
                for layer, features in state.layers.items():
                    yield StreamNotice("snapshot", None, layer=layer, features=features)
                since = state.seq
            try:
                async for part in self._watch(since):
                    yield part
            except Forgotten as error:
                since, snapshot = None, self._snapshot
                yield StreamNotice("resync", self._source.tail.seq, error.message, rights=self._mark(self._actor).text)
            else:
                return

    def _begin(self) -> tuple[int | None, bool]:
        """Return the number after which to begin, and whether it was reached under other rights."""
        now = self._mark(self._actor)
        if self._since is not None:
            return self._since.seq, self._since.rights not in {"", now.text}
        if self._after is None:
            return None, False
        watcher = self._after._watcher  # noqa: SLF001  # another one of this class
        return self._after.seq, watcher is not None and not watcher.channel.mark.agrees_with(now)

    async def _watch(self, since: int | None) -> AsyncIterator[ChangeBatch | StreamNotice]:
        tail, pool = self._source.tail, self._source.pool
        watcher = self._watcher = tail.watch(self._interest, self._actor, since)
        rights = watcher.channel.mark.text
        try:
            begun = watcher.seq
            batch = await tail.take(watcher, pool, 0)  # before anything is sent: the log may not reach back so far
            yield StreamNotice("ready", begun, rights=rights)
            if batch is not None:
                yield batch
            while not (self._ended or watcher.closed):
                batch = await tail.take(watcher, pool, self._source.heartbeat_s)
                if not await self._is_allowed(watcher):
                    yield StreamNotice("resync", tail.seq, OTHER_RIGHTS, is_end=True)
                    return
                if batch is not None or not watcher.closed:
                    yield batch or StreamNotice("heartbeat", watcher.seq, rights=rights)
        finally:
            tail.leave(watcher)

    async def _is_allowed(self, watcher: Watcher) -> bool:
        """Whether the actor still sees what it saw; asked when in doubt, and once a heartbeat."""
        if not (watcher.in_doubt or self._judged_at + self._source.heartbeat_s <= monotonic()):
            return True
        watcher.in_doubt, self._judged_at = False, monotonic()
        now = self._actor if self._rejudge is None else await self._rejudge()
        return now is not None and watcher.channel.mark.agrees_with(self._mark(now))

    def _mark(self, actor: Actor) -> RightsMark:
        return RightsMark.of(actor, self._source.catalog(), self._interest.layers)
