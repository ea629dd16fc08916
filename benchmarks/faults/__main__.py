"""Everything breaks while a city sends: nothing acknowledged is lost, nothing counts twice, nothing waits for a person.

Run it with `./onemap bench faults`. It kills processes of a service of its own, started for the purpose, and no others.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.expected import find_problems
from benchmarks.faults.proxy import FEED
from benchmarks.faults.service import SECONDS_MAX, FaultyService, database, running_service
from benchmarks.faults.subscriber import Subscriber
from benchmarks.faults.workload import Workload
from benchmarks.machine import describe_machine
from benchmarks.results import Figure, at_most, benchmark_parser, report
from layers.database.faults import DATABASE_ERRORS

_EARS = 3
_DISK_MIB = 640
_LOAD_SECONDS = 1.0  # of undisturbed sending before and after each fault


@dataclass(frozen=True, slots=True)
class Round:
    """The result of one round: the faults, how much was sent, and every problem found afterwards."""

    broken: tuple[str, ...]
    acknowledged: int
    failures: int
    resumed: int
    recovery_s: float
    problems: list[str]


async def play(running: FaultyService, rounds: int, seed: int, *, disk: bool) -> list[Round]:
    """Run rounds, each with two faults while messages are sent; every kind of fault comes in turn."""
    chance = random.Random(seed)
    workload, subscribers = Workload(running, seed), [Subscriber(running) for _ in range(_EARS)]
    following = [asyncio.create_task(subscriber.run()) for subscriber in subscribers]
    try:
        async with asyncio.timeout(SECONDS_MAX):
            await _insert_subjects(running, workload)
            await asyncio.gather(
                _wait_for_broker_feed(running), *(subscriber.ready.wait() for subscriber in subscribers)
            )
        return [await _round(running, workload, subscribers, chosen) for chosen in _choose(rounds, chance, disk=disk)]
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


async def _insert_subjects(running: FaultyService, workload: Workload) -> None:
    """Insert the subjects of the workload into the layers; a message about an unknown subject is refused."""
    connection = await database(running)
    try:
        for layer, names in workload.subjects.items():
            await connection.execute(f"INSERT INTO layer.{layer} (id) SELECT unnest($1::text[])", names)
    finally:
        await connection.close()


async def _wait_for_broker_feed(running: FaultyService) -> None:
    """Wait until the service has subscribed at the broker; messages published earlier reach nobody."""
    connection = await database(running)
    try:
        state = None
        while state != "working":
            await asyncio.sleep(0.1)
            state = await connection.fetchval("SELECT state FROM twin.connector WHERE feed = $1", FEED)
    finally:
        await connection.close()


def _choose(rounds: int, chance: random.Random, *, disk: bool) -> list[tuple[str, str]]:
    """Return two faults for each round; a kind repeats only after all others have come."""
    names, drawn = [name for name in FAULTS if disk or name != "disk"], list[str]()
    while len(drawn) < 2 * rounds:
        drawn += chance.sample(names, len(names))
    return [(drawn[2 * n], drawn[2 * n + 1]) for n in range(rounds)]


async def _round(
    running: FaultyService, workload: Workload, subscribers: Sequence[Subscriber], chosen: tuple[str, str]
) -> Round:
    over = asyncio.Event()
    sending = asyncio.create_task(workload.run(over))
    acknowledged_before, failures_before, resumed_before = (
        len(workload.acknowledged),
        workload.failures,
        sum(e.resumed for e in subscribers),
    )
    broken_at = time.monotonic()
    for name in chosen:
        await asyncio.sleep(_LOAD_SECONDS)
        broken_at = time.monotonic()
        await FAULTS[name](running, workload)
    await asyncio.sleep(_LOAD_SECONDS)
    over.set()
    async with asyncio.timeout(SECONDS_MAX):
        await sending
    recovery_s = time.monotonic() - broken_at
    problems = await _judge(running, workload, subscribers)
    counts = (len(workload.acknowledged) - acknowledged_before, workload.failures - failures_before)
    resumed = sum(subscriber.resumed for subscriber in subscribers) - resumed_before
    return Round(chosen, *counts, resumed, recovery_s, [*problems, *(f"refused: {said}" for said in workload.refused)])


async def _judge(running: FaultyService, workload: Workload, subscribers: Sequence[Subscriber]) -> list[str]:
    """Return the problems once every subscriber has reached the end of the log, or those left at the deadline."""
    deadline = time.monotonic() + SECONDS_MAX
    problems = ["nothing was looked at"]
    while problems and time.monotonic() < deadline:
        try:
            connection = await database(running)
            try:
                end = await connection.fetchval("SELECT coalesce(max(last_seq), 0) FROM twin.change")
                behind = sum(subscriber.seq < end for subscriber in subscribers)
                problems = await find_problems(connection, workload.acknowledged, subscribers)
                problems += [f"{behind} subscribers are still behind"] if behind and problems else []
            finally:
                await connection.close()
        except DATABASE_ERRORS as error:
            problems = [f"the database is not back: {error}"]
        if problems:
            await asyncio.sleep(0.3)
    return problems


async def _web_worker(running: FaultyService, _: Workload) -> None:
    running.kill("server.processes.worker")


async def _ingest_process(running: FaultyService, _: Workload) -> None:
    running.kill("server.processes.ingest")


async def _postgresql(running: FaultyService, _: Workload) -> None:
    running.kill_database()


async def _broker(running: FaultyService, _: Workload) -> None:
    await asyncio.to_thread(running.kill_broker)


async def _listeners(running: FaultyService, _: Workload) -> None:
    connection = await database(running)
    await connection.close()
    await running.cut_listeners()


async def _clock(_: FaultyService, workload: Workload) -> None:
    workload.clock_jumps = True
    await asyncio.sleep(_LOAD_SECONDS)
    workload.clock_jumps = False


async def _disk(running: FaultyService, _: Workload) -> None:
    running.fill_disk()
    await running.run_out_of_disk()
    await asyncio.sleep(2 * _LOAD_SECONDS)
    running.free_disk()


FAULTS: dict[str, Callable[[FaultyService, Workload], Awaitable[None]]] = {
    "web worker": _web_worker,
    "PostgreSQL": _postgresql,
    "broker": _broker,
    "listeners": _listeners,
    "ingest process": _ingest_process,
    "clock": _clock,
    "disk": _disk,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds, print and write the results; return the exit code."""
    parser = benchmark_parser("faults", __doc__)
    parser.add_argument("--rounds", type=int, default=20, help="how many (20)")
    parser.add_argument("--seed", type=int, default=440_106, help="of what is sent and what breaks when (440106)")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="onemap-faults-"))
    with running_service(folder, disk_mib=_DISK_MIB) as running:
        disk = folder.is_mount()
        found = asyncio.run(play(running, options.rounds, options.seed, disk=disk))
    notes = [describe_machine(), *(f"round {n}: {fault}" for n, one in enumerate(found, 1) for fault in one.problems)]
    if not disk:
        notes.append("the disk was never full: a small file system takes root and the right to mount")
    return report(_rows(found), notes, options)


def _rows(found: Sequence[Round]) -> list[Figure]:
    rows = [
        at_most(
            f"round {n}: {' + '.join(one.broken)}; {one.acknowledged} acknowledged, {one.failures} sent again, "
            f"{one.resumed} streams resumed",
            "wrong",
            len(one.problems),
            0,
        )
        for n, one in enumerate(found, 1)
    ]
    return [
        *rows,
        at_most("longest time to all acknowledged after a fault", "s", max(o.recovery_s for o in found), None),
    ]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # one way to stop, which stops the service too
    sys.exit(main())
