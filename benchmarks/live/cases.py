"""The cases of `onemap bench live`: what is sent, what is heard, and how it is judged."""

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
    ears,
    forget_all,
    percentile,
    run_name,
    send,
    serving,
)
from benchmarks.live.stages import measure
from benchmarks.results import Figure, at_least, at_most, faster

_STABLE_SECONDS = 2.0  # a queue of so many seconds of messages at the end is not growing
_MIB_MAX = 1536
_SHOWN_US = 0.05


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of everything; the defaults are those of the issue."""

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
    """Send as much as a city at its worst, then twice that for a moment; compare with one SQL join a message."""
    with cluster(home, amount.scale) as url:
        usual = asyncio.run(one_by_one(url, amount.one_by_one_seconds))
        asyncio.run(forget_all(url))
        with serving(home, url, ingest=amount.ingest) as house:
            _warm_up(house)
            before = house.cpu_s()
            steady = _send(house, amount, [(amount.rate, amount.seconds)])
            used = difference(house.cpu_s(), before)
            burst = _send(house, amount, [(amount.rate / 2, 2), (amount.burst_rate, amount.burst_seconds)])
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
        f"1,000 a body, {amount.connections} connections, signed; waiting by second: {_thinned(steady.waiting)}",
        f"processor time a message at {amount.rate:,.0f}/s: {', '.join(spent)}",
    ]


def streams(home: Path, amount: Amount) -> tuple[list[Figure], list[str]]:
    """Send what a storm brings while many watch and others read; how late is what they hear."""
    with _clean_house(home, amount) as (url, house):
        _warm_up(house)
        idle = reads_a_second(house, min(5.0, amount.mixed_seconds))
        paths = asyncio.run(community_streams(url, amount.subscribers))
        with ears(house, paths) as heard, ItemReader(house) as reading:
            sent = _send(house, amount, [(amount.mixed_rate, amount.mixed_seconds)], size=100)
            _settle()
    title = f"{amount.mixed_rate:,.0f} messages/s, {amount.subscribers} subscribers"
    return [
        at_least(f"{title}: acknowledged", "messages/s", sent.acknowledged / sent.seconds, None),
        at_most("  from sending to a subscriber's ear, p95", "s", percentile(heard.late_s, 0.95), 1),
        at_most("  from sending to a subscriber's ear, p99", "s", percentile(heard.late_s, 0.99), 2),
        at_most("  acknowledgement p99", "s", percentile(sent.acks_s, 0.99), 0.5),
        at_most("  streams that had to start again or ended", "", heard.resyncs + heard.broken, 0),
        faster("  OGC reads meanwhile, × those when idle", reading.rate, idle, 0.5),
    ], [f"{heard.changes:,} changes were heard; reads: bbox of 100 buildings, 2 connections"]  # fmt: skip


def areas(home: Path, amount: Amount) -> tuple[list[Figure], list[str]]:
    """Let each of many subscribers have an area of its own, and each area a change a second."""
    with _clean_house(home, amount) as (url, house):
        _warm_up(house)
        places = asyncio.run(grid_places(url, amount.areas))
        with ears(house, [f"/live?areas={code}&layers=vehicles,grid_workers" for code, _ in places]) as heard:
            before, began = house.cpu_s(), time.monotonic()
            size = len(places)
            order = house.order(
                phases=[(size, amount.areas_seconds)], size=size, connections=2, run=run_name(),
                places=[place for _, place in places],
            )  # fmt: skip
            send(order)
            _settle()
            memory, used = house.memory_mib(), difference(house.cpu_s(), before)
            lasted = time.monotonic() - began
    cores = used.get("web workers", 0.0) / lasted
    expected = len(places) * amount.areas_seconds
    return [
        at_most(
            f"{len(places):,} subscribers, each its own area, one change a second: memory", "MiB", memory, _MIB_MAX
        ),
        at_most("  processor of the web workers", "cores", cores, 1),
        at_most("  from sending to a subscriber's ear, p95", "s", percentile(heard.late_s, 0.95), None),
        at_most("  changes not heard, of those sent", "%", 100 * (1 - heard.changes / expected), None),
        at_most("  streams that had to start again or ended", "", heard.resyncs + heard.broken, 0),
    ], [f"memory of the web workers (PSS); PostgreSQL used {used.get('PostgreSQL', 0.0) / lasted:.2f} cores"]


def restart(home: Path, amount: Amount) -> tuple[list[Figure], list[str]]:
    """Stop everything and start it again, with so many things in the state."""
    with cluster(home, amount.scale) as url:
        asyncio.run(forget_all(url))
        asyncio.run(many_things(url, amount.entities))
    began = time.monotonic()
    with cluster(home, amount.scale) as url, serving(home, url, ingest=amount.ingest) as house:
        asyncio.run(_answered(house, "/ogc/collections/vehicles/items?f=json&limit=10"))
        taken_s = time.monotonic() - began
        _warm_up(house)
        written_s = time.monotonic() - began
    asyncio.run(_clean(home, amount.scale))
    return [
        at_most(f"restart to serving, database included, with {amount.entities:,} entities", "s", taken_s, 10),
        at_most("  to the first message committed", "s", written_s, None),
    ], []


def stages(home: Path, amount: Amount) -> tuple[list[Figure], list[str]]:
    """Send full batches within this process; what each stage of a message costs."""
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
def _clean_house(home: Path, amount: Amount) -> Iterator[tuple[str, LiveService]]:
    """Run everything with nothing sent yet; what follows the log must not be there when it begins anew."""
    with cluster(home, amount.scale) as url:
        asyncio.run(forget_all(url))
        with serving(home, url, ingest=amount.ingest) as house:
            yield url, house


def _send(house: LiveService, amount: Amount, phases: list[tuple[float, float]], size: int = 1_000) -> SendResult:
    fits = max(1, min(size, round(min(rate for rate, _ in phases))))
    return send(house.order(phases=phases, size=fits, connections=amount.connections, run=run_name()))


def _warm_up(house: LiveService) -> None:
    """Have the areas read and every statement planned in both workers."""
    send(house.order(phases=[(200, 1)], size=10, connections=8, run=run_name()))


def _settle() -> None:
    """Let what was committed last reach the subscribers."""
    time.sleep(1.5)


def _thinned(waiting: Sequence[int]) -> str:
    step = max(1, len(waiting) // 12)
    return ", ".join(f"{number:,}" for number in waiting[::step])


async def _answered(house: LiveService, path: str) -> None:
    async with KeptConnection(house.port) as connection:
        status, _ = await connection.get(path, {"authorization": f"Bearer {house.token}"})
        if status != 200:
            raise RuntimeError(f"{path} answered {status}")
