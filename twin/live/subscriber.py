"""What one subscriber receives, whatever the transport: a snapshot when asked for, a ready notice, then changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Literal, Protocol

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog
from layers.errors import Forbidden
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
UNKNOWN_RIGHTS = "a number alone does not tell what you could see when you had it: read the state again"


@dataclass(frozen=True, slots=True)
class StreamNotice:
    """What a subscriber receives beside changes.

    Attributes
    ----------
    seq
        The number after which a subscriber resumes that has received it; None for a part of a snapshot, and for a
        resync that one follows: who is cut between them begins with both again.
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


class SnapshotJudge(Protocol):
    """Judges how much a snapshot takes, before it is sent."""

    async def __call__(self, features: Mapping[str, int], *, is_later: bool) -> None:
        """Judge a number of features by layer.

        Parameters
        ----------
        is_later
            Whether the stream has begun already: the snapshot is an answer of its own.

        Raises
        ------
        Forbidden
            When it is more than the reader may take.
        """


class Subscription:
    """One subscription while it lasts.

    Parameters
    ----------
    since
        The point after which changes begin; None is now. Where it was reached under other rights, or nobody knows under
        which, a `resync` comes first: what is seen no more is not taken off one by one.
    snapshot
        Whether to send the state first, and again after a `resync`.
    after
        The subscription it replaces: without `since` it goes on where that one ends.
    rejudge
        Returns the actor as it is now, None when it may read no more. A stream whose actor sees something else now
        ends with a `resync`: its client reads the state again, and comes again. None: the actor stays what it is.
    judge
        Judges every snapshot. Where one within the stream is more than may be taken, the stream ends with a `resync`.
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
        judge: SnapshotJudge | None = None,
    ) -> None:
        self._rejudge, self._judge = rejudge, judge
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
        """Take the first snapshot when one will be sent, so that its errors come before the stream begins.

        Raises
        ------
        BadInput, TooMuch
            When the snapshot cannot be taken as it is asked for.
        Forbidden
            When it is more than the reader may take.
        Unavailable
            When the filter costs more than can be served.
        """
        self._source.tail.budget.check(caller_here(), self._interest.units)
        if self._snapshot and await self._begins_anew():
            self._prepared = await self._take_snapshot(is_later=False)

    async def _begins_anew(self) -> bool:
        """Whether the stream begins with the state: without a number, or with one from which it cannot go on."""
        if self._since is None or self._begin()[1]:
            return True
        return not await self._source.tail.reaches(self._since.seq, self._source.pool)

    async def _take_snapshot(self, *, is_later: bool) -> LayerSnapshot:
        source = self._source
        state = await take_snapshot(source.pool, source.catalog(), self._actor, self._interest)
        if self._judge is not None:
            await self._judge(state.found, is_later=is_later)
        return state

    async def parts(self) -> AsyncIterator[ChangeBatch | StreamNotice]:
        """Yield every part; to be closed (`contextlib.aclosing`) when the client has gone.

        Raises
        ------
        TooMuch
            When a snapshot has become too large.
        Unavailable, asyncpg.PostgresError
            When the log cannot be read now; the client comes again.
        """
        since, doubt = self._begin()
        snapshot, self._after = self._snapshot and self._since is None, None
        if doubt:
            since, snapshot = None, self._snapshot
            yield self._resync(doubt)
        while not self._ended:
            if snapshot:
                try:
                    state, self._prepared = self._prepared or await self._take_snapshot(is_later=True), None
                except Forbidden as error:  # who comes again is told so before his stream begins
                    yield StreamNotice("resync", self._source.tail.seq, error.message, is_end=True)
                    return
                for layer, features in state.layers.items():
                    yield StreamNotice("snapshot", None, layer=layer, features=features)
                since = state.seq
            try:
                async for part in self._watch(since):
                    yield part
            except Forgotten as error:
                since, snapshot = None, self._snapshot
                yield self._resync(error.message)
            else:
                return

    def _resync(self, detail: str) -> StreamNotice:
        """Return the notice of a gap; with the number to go on from only where no snapshot follows."""
        if self._snapshot:
            return StreamNotice("resync", None, detail)
        return StreamNotice("resync", self._source.tail.seq, detail, rights=self._mark(self._actor).text)

    def _begin(self) -> tuple[int | None, str]:
        """Return the number after which to begin, and why the state is read again before; empty when it is not."""
        now = self._mark(self._actor)
        if self._since is not None:
            if self._since.is_resumed and not self._since.rights:
                return self._since.seq, UNKNOWN_RIGHTS
            return self._since.seq, "" if self._since.rights in {"", now.text} else OTHER_RIGHTS
        if self._after is None:
            return None, ""
        watcher = self._after._watcher  # noqa: SLF001  # another one of this class
        return self._after.seq, OTHER_RIGHTS if watcher and not watcher.channel.mark.agrees_with(now) else ""

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
        """Whether the actor still sees what it saw, and all of it is there; asked in doubt, and once a heartbeat."""
        if not (watcher.in_doubt or self._judged_at + self._source.heartbeat_s <= monotonic()):
            return True
        watcher.in_doubt, self._judged_at = False, monotonic()
        now = self._actor if self._rejudge is None else await self._rejudge()
        if now is None or not watcher.channel.shown <= self._source.catalog().keys():
            return False
        return watcher.channel.mark.agrees_with(self._mark(now))

    def _mark(self, actor: Actor) -> RightsMark:
        return RightsMark.of(actor, self._source.catalog(), self._interest.layers)
