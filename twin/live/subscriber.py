"""What one subscriber is told, whatever the transport: a snapshot when wanted, then that it is ready, then changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog
from twin.live.budget import caller_here
from twin.live.change_batch import ChangeBatch
from twin.live.channel import Watcher
from twin.live.interest import Interest
from twin.live.snapshot import LayerSnapshot, take_snapshot
from twin.live.tail import LogTail
from twin.log.changes import Forgotten


@dataclass(frozen=True, slots=True)
class StreamNotice:
    """Something that is told beside changes.

    Attributes
    ----------
    seq
        Who has heard it resumes after this number; None for a part of a snapshot that is not whole yet.
    detail
        Of a resync: why.
    layer, features
        Of a snapshot: GeoJSON features of one layer, joined by commas.
    """

    kind: Literal["snapshot", "ready", "heartbeat", "resync"]
    seq: int | None
    detail: str = ""
    layer: str = ""
    features: bytes = b""


@dataclass(frozen=True, slots=True)
class LiveSource:
    """Where subscribers are served from: parts of a worker."""

    tail: LogTail
    pool: asyncpg.Pool
    catalog: Callable[[], Catalog]
    heartbeat_s: float = 15.0


class Subscription:
    """One subscription while it lasts.

    Parameters
    ----------
    since
        The number to go on after; None is now.
    snapshot
        Whether to begin, and after a `resync` to begin again, with the state.
    after
        The subscription it takes the place of: without `since` it goes on where that one ends.
    """

    def __init__(
        self,
        source: LiveSource,
        actor: Actor,
        interest: Interest,
        since: int | None,
        *,
        snapshot: bool,
        after: Subscription | None = None,
    ) -> None:
        self._source, self._actor, self._interest = source, actor, interest
        self._since, self._snapshot, self._after = since, snapshot, after
        self._watcher: Watcher | None = None
        self._picture: LayerSnapshot | None = None
        self._ended = False

    @property
    def seq(self) -> int | None:
        """Number up to which everything was told; None when nothing has begun."""
        return self._watcher.seq if self._watcher else self._since

    def end(self) -> None:
        """Let it end after what is being told now."""
        self._ended = True
        if self._watcher:
            self._watcher.close()

    async def prepare(self) -> None:
        """Take the first snapshot now, when one is wanted, so that what is wrong with it is said before anything else.

        Raises
        ------
        BadInput, TooMuch
            When it cannot be taken as it is asked for.
        Unavailable
            When its filter costs more than can be served.
        """
        self._source.tail.budget.check(caller_here(), self._interest.units)
        if self._snapshot and self._since is None:
            self._picture = await self._take_picture()

    async def _take_picture(self) -> LayerSnapshot:
        source = self._source
        return await take_snapshot(source.pool, source.catalog(), self._actor, self._interest)

    async def parts(self) -> AsyncIterator[ChangeBatch | StreamNotice]:
        """Tell everything; close it (`contextlib.aclosing`) when nobody listens any more.

        Raises
        ------
        TooMuch
            When a snapshot has become too large.
        Unavailable, asyncpg.PostgresError
            When the log cannot be read now; the subscriber comes again.
        """
        since, snapshot = self._since, self._snapshot and self._since is None
        if since is None and self._after is not None:
            since = self._after.seq
        self._after = None
        while not self._ended:
            if snapshot:
                picture, self._picture = self._picture or await self._take_picture(), None
                for layer, features in picture.layers.items():
                    yield StreamNotice("snapshot", None, layer=layer, features=features)
                since = picture.seq
            try:
                async for part in self._watch(since):
                    yield part
            except Forgotten as error:
                since, snapshot = None, self._snapshot
                yield StreamNotice("resync", self._source.tail.seq, error.message)
            else:
                return

    async def _watch(self, since: int | None) -> AsyncIterator[ChangeBatch | StreamNotice]:
        tail, pool = self._source.tail, self._source.pool
        watcher = self._watcher = tail.watch(self._interest, self._actor, since)
        try:
            begun = watcher.seq
            portion = await tail.take(watcher, pool, 0)  # before anything is said: the log may not reach back so far
            yield StreamNotice("ready", begun)
            if portion is not None:
                yield portion
            while not (self._ended or watcher.closed):
                portion = await tail.take(watcher, pool, self._source.heartbeat_s)
                if portion is not None or not watcher.closed:
                    yield portion or StreamNotice("heartbeat", watcher.seq)
        finally:
            tail.leave(watcher)
