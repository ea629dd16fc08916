"""A log to write to without feeds, for tests of streams."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from layers.actor import Actor
from layers.catalog import read_catalog
from layers.database.advisory_locks import AdvisoryLock
from layers.database.connection import Role, connect, create_pool
from layers.schema.tables import sync_definitions
from twin.live.change_batch import MERGED
from twin.live.tail import LogTail
from twin.log.change import NOT_SENT
from twin.log.changes import append, last_seq

GRIDS = [f"44010601100{community}{grid:03d}" for community in (1, 2) for grid in (1, 2, 3)]
DEADLINE_SECONDS = 240


def moved(identifier, number, layer="vehicles", grid=GRIDS[0], grade=2):
    place = {"lon": 113.3 + number % 100 * 0.001, "lat": 23.1, "grid_code": grid, "area_code": grid[:12]}
    return {"kind": "position", "layer": layer, "id": identifier, **place, "speed_kmh": float(number), "grade": grade}


def happened(identifier, number=0, grid=GRIDS[0], grade=2, **said):
    place = {"lon": 113.3, "lat": 23.1, "grid_code": grid, "area_code": grid[:12]}
    return {
        "kind": "event",
        "layer": "events",
        "id": identifier,
        **place,
        "source_version": number,
        "grade": grade,
        **said,
    }


async def write(url, *changes):
    """Write one frame; returns the number of its last change."""
    connection = await connect(url, Role.INGEST)
    try:
        async with connection.transaction():
            return await append(connection, list(changes)) + len(changes) - 1
    finally:
        await connection.close()


async def write_many(url, seed, frames, states=None):
    """Write random frames, as one writer among several.

    Parameters
    ----------
    states
        The last change of each thing, shared by the writers: what the feeds' writers read from the tables.
    """
    states = {} if states is None else states
    numbers = random.Random(seed)
    connection = await connect(url, Role.INGEST)
    for frame in range(frames):
        async with connection.transaction():
            await asyncio.sleep(0)
            await connection.execute("SELECT pg_advisory_xact_lock($1)", AdvisoryLock.CHANGE_LOG)
            changes = [random_change(numbers, seed, frame, n) for n in range(numbers.randint(1, 6))]
            await append(connection, [with_before(change, states) for change in changes])
    await connection.close()


def with_before(change, states):
    """Return a change that tells what it replaced, as the feeds' writers tell it."""
    key = change["layer"], change["id"]
    before, states[key] = states.get(key), change
    if before is None:
        return change | {"before": None}
    differing = {name: value for name, value in before.items() if change.get(name) != value}
    return change | {"before": differing}


def random_change(numbers, seed, frame, n):
    grid, grade = numbers.choice(GRIDS), numbers.choice([2, 2, 3])
    if numbers.random() < 0.5:
        return happened(f"e{seed}-{frame}-{n}", frame, grid, grade, stage=numbers.choice(["collect", "accept"]))
    return moved(f"v{numbers.randint(0, 5)}", frame * 10 + n, grid=grid, grade=grade)


async def written(url, after=0):
    """Return the changes of the log after a number, with their numbers."""
    connection = await connect(url)
    rows = await connection.fetch(
        "SELECT first_seq, changes FROM twin.change WHERE first_seq > $1 ORDER BY last_seq", after
    )
    await connection.close()
    return [pair for row in rows for pair in enumerate(orjson.loads(row["changes"]), row["first_seq"])]


async def newest(url):
    connection = await connect(url)
    try:
        return await last_seq(connection)
    finally:
        await connection.close()


@dataclass
class Heard:
    """What a subscriber received: every event, and the last change of each thing."""

    events: list[str] = field(default_factory=list)
    things: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def add(self, changes):
        """Take changes in; what is taken off a reader's stream is forgotten, as it is on his map."""
        for change in changes:
            if change.get("operation") == "delete":
                self.things.pop((change["layer"], change["id"]), None)
            elif change["kind"] in MERGED:
                self.things[change["layer"], change["id"]] = change
            else:
                self.events.append(change["id"])


def due_of(log, clearance):
    """Return the numbers of the changes that an outlet sends: those it may see, and removals of what it saw before."""

    def is_seen(change):
        return change["grade"] <= clearance

    return [n for n, c in log if is_seen(c) or (c.get("before") and is_seen({**c, **c["before"]}))]


def held_of(log, is_due, may_see):
    """Return what a subscriber holds after a log: what was due to him, without what he may see no more.

    Parameters
    ----------
    is_due, may_see
        Whether he asked for a change and may see it; and whether he may see it.
    """
    heard = Heard()
    for change in log:
        if is_due(change):
            heard.add([as_seen(change)])
        elif not may_see(change):
            heard.things.pop((change["layer"], change["id"]), None)
    return heard


def as_seen(change):
    """A change as its readers get it: without its grade, and without what was before it."""
    return {name: value for name, value in change.items() if name not in NOT_SENT}


@asynccontextmanager
async def tails(url, count=1):
    """The tails of so many processes, with one catalogue and a pool to catch up with."""
    owner = await connect(url)
    catalog = await read_catalog(owner)
    await owner.close()
    pool = await create_pool(url, Role.READ, size=2)
    running = [LogTail(url, lambda: catalog) for _ in range(count)]
    try:
        for tail in running:
            await tail.start()
        yield running, pool
    finally:
        for tail in running:
            await tail.stop()
        await pool.close()


async def prepare(url):
    """Make the layers, visible from grade 2."""
    await sync_definitions(url)
    owner = await connect(url)
    await owner.execute("UPDATE onemap.layer SET lowest_grade = 2")
    await owner.close()


OFFICER = Actor("officer", 2)
WORKER = Actor("worker", 3, (GRIDS[0],))
COMMANDER = Actor("commander", 4)
