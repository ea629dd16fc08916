"""The cases of `onemap bench live`: the load, the measurements and their goals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.live.bodies import OBSERVATIONS, POSITIONS
from benchmarks.live.database import community_streams, grid_places, many_things, missing, one_by_one
from benchmarks.live.http import KeptConnection
from benchmarks.live.reads import ItemReader, reads_a_second
from benchmarks.live.send import SendResult
from benchmarks.live.service import (
    LiveService,
    cluster,
    difference,
    forget_all,
    percentile,
    run_name,
    send,
    serving,
    subscribers,
)
from benchmarks.live.stages import measure
from benchmarks.results import Figure, at_least, at_most, faster

_STABLE_SECONDS = 2.0  # a queue of so many seconds of messages at the end counts as stable
_MIB_MAX = 1536
_SHOWN_US = 0.05


@dataclass(frozen=True, slots=True)
class Amount:
    """The amounts of load; the defaults are those that the goals are stated for."""

    scale: float = 1.0
    rate: float = 30_000.0
    seconds: float = 60.0
    burst_rate: float = 60_000.0
    burst_seconds: float = 5.0
    one_by_one_seconds: float = 10.0
    mixed_rate: float = 3_000.0
    mixed_seconds: float = 30.0
    subscribers: int = 500
    areas: int = 2_000
    areas_seconds: float = 30.0
    entities: int = 100_000
    connections: int = 16
    batches: int = 20
    ingest: bool = False


def write(home: Path, amount: Amount) -> tuple[list[Figure], list[str]]:
    """Send as much as a city at its worst, then twice that in a burst; compare with one SQL join per message."""
    with cluster(home, amount.scale) as url:
        usual = asyncio.run(one_by_one(url, amount.one_by_one_seconds))
        asyncio.run(forget_all(url))
        with serving(home, url, ingest=amount.ingest) as service:
            _warm_up(service)
            before = service.cpu_s()
            steady = _send(service, amount, [(amount.rate, amount.seconds)])
            used = difference(service.cpu_s(), before)
            burst = _send(service, amount, [(amount.rate / 2, 2), (amount.burst_rate, amount.burst_seconds)])
            lost = asyncio.run(missing(url, steady.acknowledged + burst.acknowledged))
    rate = steady.acknowledged / steady.seconds
    at_end = steady.waiting[: int(amount.seconds)][-1:]
    waits_s = (at_end[0] if at_end else 0) / amount.rate
    asked = f"{amount.rate:,.0f}"
    rows = [
        at_least(f"{asked} messages/s for {amount.seconds:g} s, acknowledged", "messages/s", rate, 0.97 * amount.rate),
        at_most("  still waiting when the last was due", "s", waits_s, _STABLE_SECONDS),
        at_most("  acknowledgement p99, from when it was due", "s", percentile(steady.acks_s, 0.99), None),
        at_most(
            f"burst of {amount.burst_rate:,.0f}/s for {amount.burst_seconds:g} s: all acknowledged after",
            "s", burst.seconds, None,
        ),
        at_most("  bodies that were told to slow down", "", burst.slowed, None),
        at_most("acknowledged and not in history", "", lost, 0),
        faster("× one SQL join a message, the usual way", rate, usual, None, "messages/s"),
    ]  # fmt: skip
    parts = {**used, "sender": steady.cpu_s}
    spent = (f"{part} {seconds / max(1, steady.acknowledged) * 1e6:.1f} µs" for part, seconds in parts.items())
    return rows, [
        f"mix: {POSITIONS:.0%} positions, {OBSERVATIONS:.0%} observations, {1 - POSITIONS - OBSERVATIONS:.0%} events",
        f"1,000 a body, {amount.connections} connections, signed; waiting by second: {_every_nth(steady.waiting)}",
        f"processor time a message at {amount.rate:,.0f}/s: {', '.join(spent)}",
    ]


def streams(home: Path, amount: Amount) -> tuple[list[Figure], list[str]]:
    """Send the load of a storm with many subscribers and readers; measure the delay of the changes."""
    with _clean_service(home, amount) as (url, service):
        _warm_up(service)
        idle = reads_a_second(service, min(5.0, amount.mixed_seconds))
        paths = asyncio.run(community_streams(url, amount.subscribers))
        with subscribers(service, paths) as delays, ItemReader(service) as reading:
            sent = _send(service, amount, [(amount.mixed_rate, amount.mixed_seconds)], size=100)
            _wait_for_delivery()
    title = f"{amount.mixed_rate:,.0f} messages/s, {amount.subscribers} subscribers"
    return [
        at_least(f"{title}: acknowledged", "messages/s", sent.acknowledged / sent.seconds, None),
        at_most("  from sending to a subscriber's ear, p95", "s", percentile(delays.late_s, 0.95), 1),
        at_most("  from sending to a subscriber's ear, p99", "s", percentile(delays.late_s, 0.99), 2),
        at_most("  acknowledgement p99", "s", percentile(sent.acks_s, 0.99), 0.5),
        at_most("  streams that had to start again or ended", "", delays.resyncs + delays.broken, 0),
        faster("  OGC reads meanwhile, × those when idle", reading.rate, idle, 0.5),
    ], [f"{delays.changes:,} changes were heard; reads: bbox of 100 buildings, 2 connections"]  # fmt: skip


def areas(home: Path, amount: Amount) -> tuple[list[Figure], list[str]]:
    """Give each of many subscribers an area of its own, and each area a change per second."""
    with _clean_service(home, amount) as (url, service):
        _warm_up(service)
        places = asyncio.run(grid_places(url, amount.areas))
        with subscribers(service, [f"/live?areas={code}&layers=vehicles,grid_workers" for code, _ in places]) as delays:
            before, began = service.cpu_s(), time.monotonic()
            size = len(places)
            order = service.order(
                phases=[(size, amount.areas_seconds)], size=size, connections=2, run=run_name(),
                places=[place for _, place in places],
            )  # fmt: skip
            send(order)
            _wait_for_delivery()
            memory, used = service.memory_mib(), difference(service.cpu_s(), before)
            lasted = time.monotonic() - began
    cores = used.get("web workers", 0.0) / lasted
    expected = len(places) * amount.areas_seconds
    return [
        at_most(
            f"{len(places):,} subscribers, each its own area, one change a second: memory", "MiB", memory, _MIB_MAX
        ),
        at_most("  processor of the web workers", "cores", cores, 1),
        at_most("  from sending to a subscriber's ear, p95", "s", percentile(delays.late_s, 0.95), None),
        at_most("  changes not heard, of those sent", "%", 100 * (1 - delays.changes / expected), None),
        at_most("  streams that had to start again or ended", "", delays.resyncs + delays.broken, 0),
    ], [f"memory of the web workers (PSS); PostgreSQL used {used.get('PostgreSQL', 0.0) / lasted:.2f} cores"]


def restart(home: Path, amount: Amount) -> tuple[list[Figure], list[str]]:
    """Stop everything and start it again, with many entities in the state."""
    with cluster(home, amount.scale) as url:
        asyncio.run(forget_all(url))
        asyncio.run(many_things(url, amount.entities))
    began = time.monotonic()
    with cluster(home, amount.scale) as url, serving(home, url, ingest=amount.ingest) as service:
        asyncio.run(_wait_until_answered(service, "/ogc/collections/vehicles/items?f=json&limit=10"))
        taken_s = time.monotonic() - began
        _warm_up(service)
        written_s = time.monotonic() - began
    asyncio.run(_clean(home, amount.scale))
    return [
        at_most(f"restart to serving, database included, with {amount.entities:,} entities", "s", taken_s, 10),
        at_most("  to the first message committed", "s", written_s, None),
    ], []


def stages(home: Path, amount: Amount) -> tuple[list[Figure], list[str]]:
    """Send full batches within this process; measure the cost of each stage of a message."""
    with cluster(home, amount.scale) as url:
        asyncio.run(forget_all(url))
        ours, database = asyncio.run(measure(url, home, amount.batches))
        asyncio.run(forget_all(url))
    whole = {"a message, processor time of this process": ours, "a message, processor time of PostgreSQL": database}
    return [
        row
        for title, parts in whole.items()
        for row in (
            at_most(title, "µs", sum(parts.values()), None),
            *(at_most(f"  {name}", "µs", us, None) for name, us in parts.items() if us >= _SHOWN_US),
        )
    ], [f"{amount.batches} batches one after the other, without HTTP; of each stage the lowest quartile"]


async def _clean(home: Path, scale: float) -> None:
    def forget() -> None:
        with cluster(home, scale) as url:
            asyncio.run(forget_all(url))

    await asyncio.to_thread(forget)


CASES = {"write": write, "streams": streams, "areas": areas, "restart": restart, "stages": stages}


@contextmanager
def _clean_service(home: Path, amount: Amount) -> Iterator[tuple[str, LiveService]]:
    """Run a service without any messages; the followers of the log must not run while the log is emptied."""
    with cluster(home, amount.scale) as url:
        asyncio.run(forget_all(url))
        with serving(home, url, ingest=amount.ingest) as service:
            yield url, service


def _send(service: LiveService, amount: Amount, phases: list[tuple[float, float]], size: int = 1_000) -> SendResult:
    fits = max(1, min(size, round(min(rate for rate, _ in phases))))
    return send(service.order(phases=phases, size=fits, connections=amount.connections, run=run_name()))


def _warm_up(service: LiveService) -> None:
    """Send a few messages, so that both workers have read the areas and planned every statement."""
    send(service.order(phases=[(200, 1)], size=10, connections=8, run=run_name()))


def _wait_for_delivery() -> None:
    """Wait until the last committed changes have reached the subscribers."""
    time.sleep(1.5)


def _every_nth(waiting: Sequence[int]) -> str:
    step = max(1, len(waiting) // 12)
    return ", ".join(f"{number:,}" for number in waiting[::step])


async def _wait_until_answered(service: LiveService, path: str) -> None:
    async with KeptConnection(service.port) as connection:
        status, _ = await connection.get(path, {"authorization": f"Bearer {service.token}"})
        if status != 200:
            raise RuntimeError(f"{path} answered {status}")
