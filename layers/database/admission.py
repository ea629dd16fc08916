"""Admission to the connections of a pool: shares by class of caller, so that no caller's work stops another's.

::

    heavy, anonymous   ├────────┤                  a class with a share of n connections starts new work while
    normal, anonymous  ├────────────┤              fewer than n are held by classes of the same or a smaller share,
    heavy, known       ├────────────┤              so that the rest is always free for lighter work;
    everything else    ├────────────────┤          one caller alone never holds the last connection of a share

Other callers wait in a queue of bounded length for a bounded time. The caller that holds least goes first.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum

from layers.errors import Away, Unavailable


class Cost(StrEnum):
    """How long a request may hold a connection, estimated from its parameters."""

    CHEAP = "cheap"
    NORMAL = "normal"
    HEAVY = "heavy"


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller that a connection serves.

    Attributes
    ----------
    key
        Identifies the caller that the work counts for, for example its address.
    known
        Whether it sent a valid token.
    """

    key: str
    known: bool = False
    cost: Cost = Cost.CHEAP


CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)
"""The caller that the current work serves; `None` is OneMap itself, which has neither a share nor a limit."""

_SHARES = {
    (Cost.HEAVY, False): 0.5,
    (Cost.NORMAL, False): 0.75,
    (Cost.HEAVY, True): 0.75,
}
_WAITING_MAX = {Cost.CHEAP: 512, Cost.NORMAL: 128, Cost.HEAVY: 32}


@dataclass(eq=False, slots=True)
class _Waiting:
    caller: Caller | None
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Admission:
    """Admits callers to a number of places.

    Parameters
    ----------
    places
        The number of connections.
    patience_s
        The longest time in seconds that a caller waits.
    """

    def __init__(self, places: int, patience_s: float) -> None:
        self._places = places
        self._patience_s = patience_s
        self._held: list[Caller | None] = []
        self._queue: list[_Waiting] = []

    @property
    def waiting(self) -> int:
        """Number of waiting callers."""
        return len(self._queue)

    async def enter(self) -> Caller | None:
        """Wait for a place for the current `CALLER`, and return the caller; `leave` gives the place back.

        Raises
        ------
        Unavailable
            When too many callers wait already.
        Away
            When no place became free in time.
        """
        caller = CALLER.get()
        if self._may(caller):
            self._held.append(caller)
            return caller
        self._refuse_crowd(caller)
        waiting = _Waiting(caller)
        self._queue.append(waiting)
        try:
            async with asyncio.timeout(self._patience_s):
                await waiting.turn
        except BaseException as error:
            if waiting.turn.done() and not waiting.turn.cancelled():
                self.leave(caller)  # it was admitted at the very moment in which it gave up
            else:
                self._queue.remove(waiting)
            if isinstance(error, TimeoutError):
                raise Away("the database has too much to do for requests like this one; come again") from error
            raise
        return caller

    def leave(self, caller: Caller | None) -> None:
        """Give a place back, and admit the waiting callers that now have room."""
        self._held.remove(caller)
        for waiting in sorted(self._queue, key=self._before):
            if len(self._held) >= self._places:
                return
            if waiting.turn.cancelled():
                continue  # it gave up a moment ago, and leaves the queue when its task goes on
            if self._may(waiting.caller):
                self._queue.remove(waiting)
                self._held.append(waiting.caller)
                waiting.turn.set_result(None)

    def _before(self, waiting: _Waiting) -> tuple[bool, int]:
        caller = waiting.caller
        return caller is not None and not caller.known, sum(held == caller for held in self._held)

    def _may(self, caller: Caller | None) -> bool:
        share = self._share(caller)
        rivals = [held for held in self._held if self._share(held) <= share]
        if len(self._held) >= self._places or len(rivals) >= share:
            return False
        return caller is None or sum(held is not None and held.key == caller.key for held in rivals) < max(1, share - 1)

    def _share(self, caller: Caller | None) -> int:
        share = 1.0 if caller is None else _SHARES.get((caller.cost, caller.known), 1.0)
        return max(1, int(self._places * share))

    def _refuse_crowd(self, caller: Caller | None) -> None:
        """Raise when enough callers of this cost wait, or half as many of this caller alone."""
        if caller is None:
            return
        alike = [w.caller for w in self._queue if w.caller and w.caller.cost is caller.cost]
        most = _WAITING_MAX[caller.cost]
        if len(alike) >= most or sum(one.key == caller.key for one in alike) >= most // 2:
            raise Unavailable("too many requests like this one wait for the database already; come again")
