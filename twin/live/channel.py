"""Those who ask for the same and may see the same: what they get is matched and encoded once for all of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from layers.actor import Actor
from twin.live.change_batch import ChangeBatch, PendingChanges
from twin.live.interest import Interest
from twin.live.visibility import Visibility
from twin.log.change import Change

PORTIONS_MAX = 8  # that wait for one subscriber: after that it reads the log for itself when it is ready


class Watcher:
    """One subscriber.

    Attributes
    ----------
    seq
        Number up to which it was given everything: where it goes on.
    behind
        It is not in its channel: it must catch up from the log first.
    closed
        It has gone, or the server is stopping.
    caller
        Whom it is counted for.
    """

    def __init__(self, channel: Channel, seq: int, caller: str = "") -> None:
        self.channel = channel
        self.caller = caller
        self.seq = seq
        self.behind = True
        self.closed = False
        self._portions: deque[ChangeBatch] = deque()
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many portions wait to be taken."""
        return len(self._portions)

    def hand(self, portion: ChangeBatch) -> None:
        """Hand it a portion; one that does not take them falls behind, and nothing is kept for it."""
        if len(self._portions) >= PORTIONS_MAX:
            self.fall_behind()
        else:
            self._portions.append(portion)
            self._wake.set()

    def fall_behind(self) -> None:
        """Leave the channel, to catch up from the log after the last portion that was taken."""
        self._portions.clear()
        self.behind = True
        self.channel.members.discard(self)
        self._wake.set()

    def pop(self) -> ChangeBatch | None:
        """Take the next portion that waits."""
        if not self._portions:
            return None
        portion = self._portions.popleft()
        self.seq = max(self.seq, portion.seq)
        return portion

    def close(self) -> None:
        """Let it end."""
        self.closed = True
        self._wake.set()

    async def awaken(self, patience_s: float) -> bool:
        """Return True when there may be something for it, False after that time."""
        self._wake.clear()
        if self._portions or self.closed or self.behind:
            return True
        timer = asyncio.get_running_loop().call_later(patience_s, self._wake.set)  # cheaper than a timeout
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
        return bool(self._portions or self.closed or self.behind)


class Channel:
    """What its members get of the log.

    Attributes
    ----------
    key
        What `channel_key` says.
    units
        What it costs to ask it whether it wants a change.
    scope
        Prefixes of areas that its members may see; empty is everywhere.
    """

    def __init__(self, key: Hashable, interest: Interest, actor: Actor, lens: Visibility) -> None:
        self.key = key
        self.interest = interest
        self.units = interest.units
        self.lens = lens
        self.scope = actor.area_prefixes
        self.members: set[Watcher] = set()
        self.watchers = 0
        self.gathered = PendingChanges()

    def wants(self, change: Change, row_of: Callable[[Change], Mapping[str, Any]]) -> bool:
        """Whether its members asked for a change, a whole one, and may see where it happened."""
        if self.scope and not self.lens.lies_in(change, self.scope):
            return False
        return self.interest.wants(change, row_of)

    def flush(self, seq: int) -> int:
        """Hand what was gathered up to a number to every member, and return to how many."""
        if not len(self.gathered):
            return 0
        portion, members = self.gathered.portion(seq), tuple(self.members)
        for member in members:
            member.hand(portion)
        return len(members)


def channel_key(interest: Interest, actor: Actor) -> Hashable:
    """Return what those have in common who get the same bytes."""
    return interest, actor.clearance, tuple(sorted(actor.area_prefixes))
