"""Channels: subscribers with the same interest and rights share what is matched and encoded for them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from twin.live.change_batch import ChangeBatch, PendingChanges
from twin.live.interest import Interest
from twin.live.rights_mark import RightsMark
from twin.live.visibility import SeenChange, Visibility
from twin.log.change import Change

BATCHES_MAX = 8  # that wait for one subscriber; then it must catch up from the log


class Watcher:
    """One subscriber of a channel.

    Attributes
    ----------
    seq
        Number up to which it has received everything, and after which it goes on.
    behind
        It is not a member of its channel, and must catch up from the log first.
    closed
        It has gone, or the server is stopping.
    in_doubt
        Whether rights may have changed since the last batch.
    caller
        The caller whose budget it uses.
    """

    def __init__(self, channel: Channel, seq: int, caller: str = "") -> None:
        self.channel = channel
        self.caller = caller
        self.seq = seq
        self.behind = True
        self.closed = False
        self.in_doubt = False
        self._batches: deque[ChangeBatch] = deque()
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many batches wait to be taken."""
        return len(self._batches)

    def hand(self, batch: ChangeBatch) -> None:
        """Add a batch; a watcher with too many untaken ones falls behind, and nothing is kept for it."""
        if len(self._batches) >= BATCHES_MAX:
            self.fall_behind()
        else:
            self._batches.append(batch)
            self._wake.set()

    def fall_behind(self) -> None:
        """Leave the channel, to catch up from the log after the last batch that was taken."""
        self._batches.clear()
        self.behind = True
        self.channel.members.discard(self)
        self._wake.set()

    def pop(self) -> ChangeBatch | None:
        """Return the next batch that waits; None when none does."""
        if not self._batches:
            return None
        batch = self._batches.popleft()
        self.seq = max(self.seq, batch.seq)
        return batch

    def doubt(self) -> None:
        """Let its rights be judged before it takes anything more."""
        self.in_doubt = True
        self._wake.set()

    def close(self) -> None:
        """Let the watcher end."""
        self.closed = True
        self._wake.set()

    async def awaken(self, patience_s: float) -> bool:
        """Return True when there may be something to take, False after `patience_s` seconds."""
        self._wake.clear()
        if self._batches or self.closed or self.behind:
            return True
        timer = asyncio.get_running_loop().call_later(patience_s, self._wake.set)  # cheaper than a timeout
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
        return bool(self._batches or self.closed or self.behind)


class Channel:
    """The changes of the log that its members receive.

    Attributes
    ----------
    key
        The `channel_key` of its members.
    units
        What it costs to find out whether the channel wants a change (`twin.live.budget`).
    visibility
        What its members see of a change.
    mark
        The rights under which its members have come.
    shown
        Ids of the layers of which they may have something on their maps.
    members
        Watchers that receive every batch.
    watchers
        How many watchers there are, with those that are behind.
    pending
        Changes since the last batch.
    """

    def __init__(self, key: Hashable, interest: Interest, visibility: Visibility, mark: RightsMark) -> None:
        self.key = key
        self.interest = interest
        self.units = interest.units
        self.visibility = visibility
        self.mark = mark
        self.shown = mark.shown
        self.members: set[Watcher] = set()
        self.watchers = 0
        self.pending = PendingChanges()

    def wants(self, change: Change, row_of: Callable[[Change], Mapping[str, Any]]) -> bool:
        """Return whether the members may see a whole change, and asked for what they see of it."""
        seen = self.visibility.see(change, row_of)
        return seen is not None and self.wants_seen(seen)

    def reads_anew(self, change: Change) -> bool:
        """Return whether a change of a whole layer is of rows that the members asked for and may see."""
        return self.interest.has_layer(change["layer"]) and self.visibility.sees_layer(change)

    def wants_seen(self, seen: SeenChange) -> bool:
        """Return whether the members asked for a change, by what they see of it."""
        return self.interest.wants(seen.change, lambda _: seen.row)

    def flush(self, seq: int) -> int:
        """Hand the pending changes up to a number to every member; return the number of members that received them."""
        if not len(self.pending):
            return 0
        batch, members = self.pending.batch(seq, self.mark.text), tuple(self.members)
        for member in members:
            member.hand(batch)
        return len(members)


def channel_key(interest: Interest, mark: RightsMark) -> Hashable:
    """Return what watchers have in common that receive the same bytes."""
    return interest, mark.audience, mark.text
