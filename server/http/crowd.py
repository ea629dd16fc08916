"""The crowd of strangers at one worker: few of their requests are worked on at a time, and the others wait in turn.

Requests of callers who have proven who they are, and deliveries of feeds, pass by. So however many strangers there
are, such a request waits for the few that are being worked on, and not for all.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import Message, Send

from layers.database.admission import Cost
from layers.errors import TooOften, Unavailable

WAITING_MAX = 2000
ONE_ADDRESS_WAITING_MAX = WAITING_MAX // 4
PATIENCE_SECONDS = 15.0


@dataclass(eq=False, slots=True)
class CrowdPlace:
    """A place among the requests that are worked on; `leave` gives it back, and a second call does nothing."""

    line: WaitingLine
    is_held: bool = True

    def leaving(self, send: Send) -> Send:
        """Return a `send` that leaves when the answer begins: a client that reads slowly holds up nobody."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.leave()
            await send(message)

        return sending

    def leave(self) -> None:
        """Give the place to the next."""
        if self.is_held:
            self.is_held = False
            self.line.pass_on()


class Crowd:
    """The places of strangers, a line for each cost class: a slow query never holds the place of a tile.

    Parameters
    ----------
    at_once
        Places of each class.
    """

    def __init__(self, at_once: int) -> None:
        self._lines = {cost: WaitingLine(at_once) for cost in Cost}

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(line.waiting for line in self._lines.values())

    @asynccontextmanager
    async def place(self, address: str, cost: Cost) -> AsyncIterator[CrowdPlace]:
        """Hold a place for a request of an address.

        Raises
        ------
        TooOften
            When too many requests of this address wait.
        Unavailable
            When too many wait altogether, or no place became free in time.
        """
        line = self._lines[cost]
        await line.enter(address)
        place = CrowdPlace(line)
        try:
            yield place
        finally:
            place.leave()


@dataclass(eq=False, slots=True)
class WaitingLine:
    """The requests of one class: those with a place, and those that wait, by address."""

    free: int
    waiting: int = 0
    queues: OrderedDict[str, deque[asyncio.Future[None]]] = field(default_factory=OrderedDict)

    async def enter(self, address: str) -> None:
        """Wait for a place; addresses take turns.

        Raises
        ------
        TooOften, Unavailable
            As `Crowd.place`.
        """
        if self.free > 0:
            self.free -= 1
            return
        queue = self.queues.get(address, ())
        if len(queue) >= ONE_ADDRESS_WAITING_MAX:
            raise TooOften(f"{len(queue)} requests of your address wait already; send fewer at a time")
        if self.waiting >= WAITING_MAX:
            raise Unavailable("more strangers ask at once than are answered; log in, or come again in a moment")
        turn = asyncio.get_running_loop().create_future()
        self.queues.setdefault(address, deque()).append(turn)
        self.waiting += 1
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.pass_on()  # it was given a place at the very moment in which it gave up
            else:
                self._forget(address, turn)
            if isinstance(error, TimeoutError):
                raise Unavailable("too many others ask at the moment; log in, or come again") from error
            raise

    def pass_on(self) -> None:
        """Give a place to the next address in turn, or keep it free."""
        while self.queues:
            address, queue = self.queues.popitem(last=False)
            turn = queue.popleft()
            self.waiting -= 1
            if queue:
                self.queues[address] = queue  # at the end: others come first
            if not turn.cancelled():
                turn.set_result(None)
                return
        self.free += 1

    def _forget(self, address: str, turn: asyncio.Future[None]) -> None:
        queue = self.queues.get(address)
        if queue is None or turn not in queue:
            return
        queue.remove(turn)
        self.waiting -= 1
        if not queue:
            del self.queues[address]
