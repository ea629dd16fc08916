"""Whose turn it is at the connections of a pool: shares by class of caller, so that nobody's work stops another's.

::

    heavy, anonymous   ├────────┤                  a class with a share of n connections starts something new while
    normal, anonymous  ├────────────┤              fewer than n are held by classes of the same or a smaller share,
    heavy, known       ├────────────┤              so that what is left over is always there for lighter work;
    everything else    ├────────────────┤          and one caller alone never holds the last of a share

Who must wait does so in a queue of bounded length for a bounded time. The one who holds least goes first.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum

from layers.errors import Away, Unavailable


class Cost(StrEnum):
    """How long a request may hold a connection, by its look."""

    CHEAP = "cheap"
    NORMAL = "normal"
    HEAVY = "heavy"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a connection is wanted for.

    Attributes
    ----------
    key
        Whom the work is counted for, an address for instance.
    known
        Whether it has shown a token of ours.
    """

    key: str
    known: bool = False
    cost: Cost = Cost.CHEAP


CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)
"""Who the work that is being done is for; `None` is the house itself, which has no share and no limit of its own."""

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
    """Lets callers in to a number of places.

    Parameters
    ----------
    places
        As many as there are connections.
    patience_s
        How long a caller waits at most.
    """

    def __init__(self, places: int, patience_s: float) -> None:
        self._places = places
        self._patience_s = patience_s
        self._held: list[Caller | None] = []
        self._queue: list[_Waiting] = []

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    async def enter(self) -> Caller | None:
        """Wait for a place of the current `CALLER`, which is then to be left with `leave`.

        Raises
        ------
        Unavailable
            When too many wait already; `Away` when none became free in time.
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
                self.leave(caller)  # it was let in at the very moment in which it gave up
            else:
                self._queue.remove(waiting)
            if isinstance(error, TimeoutError):
                raise Away("the database has too much to do for requests like this one; come again") from error
            raise
        return caller

    def leave(self, caller: Caller | None) -> None:
        """Give a place back, and let in who may come now."""
        self._held.remove(caller)
        for waiting in sorted(self._queue, key=self._before):
            if len(self._held) >= self._places:
                return
            if waiting.turn.cancelled():
                continue  # it gave up a moment ago, and takes itself out of the queue when its task goes on
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
        """Refuse one more of a kind of which enough wait; of one caller half as many may."""
        if caller is None:
            return
        alike = [w.caller for w in self._queue if w.caller and w.caller.cost is caller.cost]
        most = _WAITING_MAX[caller.cost]
        if len(alike) >= most or sum(one.key == caller.key for one in alike) >= most // 2:
            raise Unavailable("too many requests like this one wait for the database already; come again")
