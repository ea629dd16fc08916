"""The sender: a process of its own that posts bodies at a rate, and reports the outcome.

It reads its order as JSON from standard input and writes the result as JSON to standard output.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from time import process_time

import orjson
import uvloop

from benchmarks.live.bodies import Bodies, Population
from benchmarks.live.http import KeptConnection
from twin.feeds.signature import sign

_LATE_SECONDS_MAX = 120  # after the last body is due
_CONTENT_TYPE = "application/cloudevents-batch+json"


@dataclass(frozen=True, slots=True)
class Order:
    """An order to send messages.

    Attributes
    ----------
    phases
        Messages a second and seconds, one after the other.
    size
        Messages a body.
    """

    port: int
    secret: str
    city: Population
    phases: Sequence[tuple[float, float]]
    size: int
    connections: int
    run: str
    places: Sequence[tuple[float, float]] = ()


@dataclass(slots=True)
class SendResult:
    """The outcome of an order.

    Attributes
    ----------
    acknowledged, slowed, failed
        Messages that were committed; bodies refused with 429 and sent again; bodies without a response, sent again
        too.
    acks_s
        The time of each body from when it was due to its acknowledgement.
    waiting
        Messages due and not acknowledged, each second.
    phase_ends_s
        When all of each phase was acknowledged, in seconds from the start.
    cpu_s
        The processor time of this process.
    """

    acknowledged: int = 0
    slowed: int = 0
    failed: int = 0
    acks_s: list[float] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    phase_ends_s: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_s: float = 0.0


class LoadSender:
    """Posts bodies when they are due, over a number of connections."""

    def __init__(self, order: Order) -> None:
        self._order, self._sent = order, SendResult()
        self._bodies = Bodies(order.city, order.size, order.run, places=order.places)
        self._due, self._phase = _due(order), _phases(order)
        self._next, self._done, self._nonce = 0, 0, 0
        self._open = [self._phase.count(n) for n in range(len(order.phases))]
        self._sent.phase_ends_s = [0.0] * len(order.phases)

    async def run(self) -> SendResult:
        """Send everything; returns when all of it is acknowledged, or far too late."""
        loop = asyncio.get_running_loop()
        began_cpu, self._began = process_time(), loop.time() + 0.2
        watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout_at(self._began + self._due[-1] + _LATE_SECONDS_MAX):
                await asyncio.gather(*(self._post() for _ in range(self._order.connections)))
        except TimeoutError:
            pass
        watching.cancel()
        self._sent.seconds = loop.time() - self._began
        self._sent.cpu_s = process_time() - began_cpu
        return self._sent

    async def _post(self) -> None:
        loop = asyncio.get_running_loop()
        async with KeptConnection(self._order.port) as connection:
            while self._next < len(self._due):
                mine = self._next
                self._next += 1
                due = self._began + self._due[mine]
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                await self._post_until_accepted(connection, self._bodies.next())
                self._sent.acks_s.append(loop.time() - due)
                self._done += 1
                self._open[self._phase[mine]] -= 1
                if not self._open[self._phase[mine]]:
                    self._sent.phase_ends_s[self._phase[mine]] = loop.time() - self._began

    async def _post_until_accepted(self, connection: KeptConnection, body: bytes) -> None:
        while True:
            self._nonce += 1
            nonce = f"{self._order.run}-{self._nonce:020}"
            signed = sign(self._order.secret.encode(), "demo", body, now=datetime.now(UTC), nonce=nonce)
            try:
                status, response = await connection.post("/feeds/demo", {"content-type": _CONTENT_TYPE, **signed}, body)
            except (OSError, asyncio.IncompleteReadError):
                self._sent.failed += 1
                await asyncio.sleep(0.2)
                continue
            if status == 200:
                counts = orjson.loads(response)
                self._sent.acknowledged += counts["accepted"] + counts["duplicate"]
                return
            if status not in {429, 503}:
                raise RuntimeError(f"the feed answered {status}: {response[:300]!r}")
            self._sent.slowed += 1
            await asyncio.sleep(0.5)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1)
            now = loop.time() - self._began
            due = sum(1 for at in self._due if at <= now)
            self._sent.waiting.append((due - self._done) * self._order.size)


def _due(order: Order) -> list[float]:
    """Return when each body is due, in seconds from the start."""
    due, began = [], 0.0
    for rate, seconds in order.phases:
        number = max(1, round(rate * seconds / order.size))
        due += [began + n * order.size / rate for n in range(number)]
        began += seconds
    return due


def _phases(order: Order) -> list[int]:
    numbers = (max(1, round(rate * seconds / order.size)) for rate, seconds in order.phases)
    return [phase for phase, number in enumerate(numbers) for _ in range(number)]


def run() -> None:
    """Run the order on standard input."""
    order = orjson.loads(sys.stdin.buffer.read())
    city = Population(**order.pop("city"))
    sent = uvloop.run(LoadSender(Order(**order, city=city)).run())
    with open(sys.stdout.fileno(), "wb", closefd=False) as out:  # unlike sys.stdout it never writes a part only
        out.write(orjson.dumps(asdict(sent)))


if __name__ == "__main__":
    run()
