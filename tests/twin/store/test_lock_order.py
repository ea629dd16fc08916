"""Writers that meet lock in one order: none is chosen as the victim of a deadlock, and nothing is lost."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from layers.catalog import Catalog, read_catalog
from layers.database.connection import Role, connect
from layers.definition import read_code_lists
from tests.twin.envelopes import envelope
from twin.envelope.read import read_structured
from twin.store import positions
from twin.store.events import events
from twin.store.placed import PlacedMessage

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 6, 8, 4, tzinfo=UTC)
GRIDS = ["440106011001001", "440106011001002", "440106011002001"]
ROUNDS = 40


def fix(vehicle: int, number: int, place: float):
    time = (NOON + timedelta(seconds=number)).isoformat()
    given = envelope(
        "position", {"lon": place, "lat": 23.13}, subject=f"vehicles/V{vehicle:02}", time=time, id=f"{vehicle}-{number}"
    )
    return read_structured(given, now=NOON + timedelta(days=1))


@pytest.fixture
async def writers(fixture_copy_url):
    both = [await connect(fixture_copy_url, Role.INGEST) for _ in range(2)]
    yield both
    for one in both:
        await one.close()


async def write_positions(connection, numbers, who):
    """Write the same vehicles again and again; each time other ones cross into another grid."""
    for number in range(ROUNDS):
        moved = [fix(vehicle, number * 2 + who, 113.33 + numbers.random() / 1000) for vehicle in range(40)]
        grids = [numbers.choice(GRIDS) if numbers.random() < 0.2 else GRIDS[0] for _ in moved]
        rows = positions.PositionRows.of(moved, [(grid, grid[:12]) for grid in grids])
        async with connection.transaction():
            await positions.write(connection, rows)


async def test_two_writers_of_the_same_things_never_wait_for_each_other(writers):
    numbers = random.Random(3)
    await asyncio.gather(*(write_positions(one, numbers, who) for who, one in enumerate(writers)))
    newest = await writers[0].fetch("SELECT DISTINCT phenomenon_time AS at FROM twin.position_now WHERE id LIKE 'V__'")
    assert [row["at"] for row in newest] == [NOON + timedelta(seconds=ROUNDS * 2 - 1)]


async def write_events(connection: asyncpg.Connection, catalog: Catalog, names: list[str], number: int) -> None:
    """Write events one after the other in the order given, in one transaction."""
    async with connection.transaction():
        for name in names:
            time = (NOON + timedelta(seconds=number)).isoformat()
            told = envelope(
                "event.hotline", {"source": "hotline", "stage": "file"}, subject=f"events/{name}", time=time,
                id=f"{name}-{number}",
            )  # fmt: skip
            message = read_structured(told, now=NOON + timedelta(days=1))
            await events.write(connection, catalog, [PlacedMessage(message, None, None, (), None)])


async def test_two_writers_of_the_same_events_wait_for_each_other_in_turn(writers):
    catalog = Catalog(await read_catalog(writers[0]), read_code_lists())

    async def many(connection, names, who):
        for number in range(ROUNDS):
            await write_events(connection, catalog, names, number * 2 + who)

    await asyncio.gather(many(writers[0], ["E1", "E2"], 0), many(writers[1], ["E2", "E1"], 1))
    versions = await writers[0].fetchval("SELECT count(*) FROM twin.event_version WHERE event_id IN ('E1', 'E2')")
    assert versions == 4 * ROUNDS
