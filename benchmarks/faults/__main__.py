"""Everything breaks while a city sends: nothing acknowledged is lost, nothing counts twice, nothing waits for a person.

Run it with `./onemap bench faults`. It kills processes of a house of its own, started for the purpose, and no others.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.expected import faults
from benchmarks.faults.proxy import FEED
from benchmarks.faults.service import SECONDS_MAX, FaultyService, database, running_service
from benchmarks.faults.subscriber import Subscriber
from benchmarks.faults.workload import Workload
from benchmarks.machine import describe_machine
from benchmarks.results import Figure, at_most, exit_code, show, write_json
from layers.database.faults import DATABASE_ERRORS

_EARS = 3
_DISK_MIB = 640
_LOAD_SECONDS = 1.0  # of undisturbed sending before and after each fault


@dataclass(frozen=True, slots=True)
class Round:
    """What one round found: what was broken, how much was sent, and everything that was wrong afterwards."""

    broken: tuple[str, ...]
    acknowledged: int
    failures: int
    resumed: int
    recovery_s: float
    wrong: list[str]


async def play(running: FaultyService, rounds: int, seed: int, *, disk: bool) -> list[Round]:
    """Play rounds, each with two faults in the middle of the sending; every kind of fault comes in turn."""
    chance = random.Random(seed)
    story, ears = Workload(running, seed), [Subscriber(running) for _ in range(_EARS)]
    hearing = [asyncio.create_task(ear.run()) for ear in ears]
    try:
        async with asyncio.timeout(SECONDS_MAX):
            await _furnish(running, story)
            await asyncio.gather(_subscribed(running), *(ear.ready.wait() for ear in ears))
        return [await _round(running, story, ears, chosen) for chosen in _choose(rounds, chance, disk=disk)]
    finally:
        for task in hearing:
            task.cancel()
        await asyncio.gather(*hearing, return_exceptions=True)


async def _furnish(running: FaultyService, story: Workload) -> None:
    """Put what the story is about into the layers: a message about what is not there is refused."""
    connection = await database(running)
    try:
        for layer, names in story.subjects.items():
            await connection.execute(f"INSERT INTO layer.{layer} (id) SELECT unnest($1::text[])", names)
    finally:
        await connection.close()


async def _subscribed(running: FaultyService) -> None:
    """Wait until the house has come to the broker once: what is published before that is for nobody."""
    connection = await database(running)
    try:
        state = None
        while state != "working":
            await asyncio.sleep(0.1)
            state = await connection.fetchval("SELECT state FROM twin.connector WHERE feed = $1", FEED)
    finally:
        await connection.close()


def _choose(rounds: int, chance: random.Random, *, disk: bool) -> list[tuple[str, str]]:
    """Choose two faults a round; all kinds come before one comes again."""
    names, drawn = [name for name in FAULTS if disk or name != "disk"], list[str]()
    while len(drawn) < 2 * rounds:
        drawn += chance.sample(names, len(names))
    return [(drawn[2 * n], drawn[2 * n + 1]) for n in range(rounds)]


async def _round(running: FaultyService, story: Workload, ears: Sequence[Subscriber], chosen: tuple[str, str]) -> Round:
    over = asyncio.Event()
    sending = asyncio.create_task(story.run(over))
    began_with, failed_with, resumed_with = len(story.acknowledged), story.failures, sum(e.resumed for e in ears)
    broken_at = time.monotonic()
    for name in chosen:
        await asyncio.sleep(_LOAD_SECONDS)
        broken_at = time.monotonic()
        await FAULTS[name](running, story)
    await asyncio.sleep(_LOAD_SECONDS)
    over.set()
    async with asyncio.timeout(SECONDS_MAX):
        await sending
    recovery_s = time.monotonic() - broken_at
    wrong = await _when_settled(running, story, ears)
    counts = (len(story.acknowledged) - began_with, story.failures - failed_with)
    resumed = sum(ear.resumed for ear in ears) - resumed_with
    return Round(chosen, *counts, resumed, recovery_s, [*wrong, *(f"refused: {said}" for said in story.refused)])


async def _when_settled(running: FaultyService, story: Workload, ears: Sequence[Subscriber]) -> list[str]:
    """Judge when every subscriber has come to the end of the log; what is still wrong at the deadline is wrong."""
    deadline = time.monotonic() + SECONDS_MAX
    wrong = ["nothing was looked at"]
    while wrong and time.monotonic() < deadline:
        try:
            connection = await database(running)
            try:
                end = await connection.fetchval("SELECT coalesce(max(last_seq), 0) FROM twin.change")
                behind = sum(ear.seq < end for ear in ears)
                wrong = await faults(connection, story.acknowledged, ears)
                wrong += [f"{behind} subscribers are still behind"] if behind and wrong else []
            finally:
                await connection.close()
        except DATABASE_ERRORS as error:
            wrong = [f"the database is not back: {error}"]
        if wrong:
            await asyncio.sleep(0.3)
    return wrong


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


async def _clock(_: FaultyService, story: Workload) -> None:
    story.clock_jumps = True
    await asyncio.sleep(_LOAD_SECONDS)
    story.clock_jumps = False


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
    """Play, print, write; return the exit code."""
    parser = argparse.ArgumentParser(prog="onemap bench faults", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    parser.add_argument("--strict", action="store_true", help="exit 1 where something is wrong")
    parser.add_argument("--rounds", type=int, default=20, help="how many (20)")
    parser.add_argument("--seed", type=int, default=440_106, help="of what is sent and what breaks when (440106)")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="onemap-faults-"))
    with running_service(folder, disk_mib=_DISK_MIB) as running:
        disk = folder.is_mount()
        found = asyncio.run(play(running, options.rounds, options.seed, disk=disk))
    notes = [describe_machine(), *(f"round {n}: {fault}" for n, one in enumerate(found, 1) for fault in one.wrong)]
    if not disk:
        notes.append("the disk was never full: a small file system takes root and the right to mount")
    show(_rows(found), notes)
    if options.json:
        write_json(_rows(found), options.json)
    return exit_code(_rows(found), strict=options.strict)


def _rows(found: Sequence[Round]) -> list[Figure]:
    rows = [
        at_most(
            f"round {n}: {' + '.join(one.broken)}; {one.acknowledged} acknowledged, {one.failures} sent again, "
            f"{one.resumed} streams resumed",
            "wrong",
            len(one.wrong),
            0,
        )
        for n, one in enumerate(found, 1)
    ]
    return [
        *rows,
        at_most("longest time to all acknowledged after a fault", "s", max(o.recovery_s for o in found), None),
    ]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # one way to stop, which stops the house too
    sys.exit(main())
