"""A change of the log tells what it replaced: laid over the change, `before` gives the labels of the one before it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.twin.envelopes import envelope
from tests.twin.fixture import lonlat
from twin.envelope.message import Reading
from twin.envelope.read import read_structured
from twin.live.leaving import prior_of
from twin.store import positions
from twin.store.events import events
from twin.store.features import features
from twin.store.features.check import check_changes
from twin.store.grades import Grades
from twin.store.placed import PlacedMessage

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 6, 8, 4, tzinfo=UTC)
GRIDS = ["440106011001001", "440106011001002", "440106011002001", None]
LABELS = ("area_code", "grid_code", "grade")


def message(kind, data, subject, seconds, number):
    time = (NOON + timedelta(seconds=seconds)).isoformat()
    given = envelope(kind, data, subject=subject, time=time, id=f"{subject}-{number}")
    return read_structured({**given, "version": number}, now=NOON + timedelta(days=1))


class Moves:
    """Positions of vehicles, also late ones."""

    first = frozenset({"?"})  # the place before the first position is the stored one, which is not told

    async def write(self, connection, _catalog, numbers, number):
        grid = numbers.choice(GRIDS)
        data = {"lon": 113.33, "lat": 23.13, "speed_kmh": float(number)}
        moved = message("position", data, f"vehicles/V{numbers.randint(0, 2)}", numbers.randint(0, 60), number)
        rows = positions.PositionRows.of([moved], [(grid, grid and grid[:12])])
        return (await positions.write(connection, rows))[0]


class Happenings:
    """Versions of events, also late ones, of which some name another place."""

    first = frozenset({None})

    async def write(self, connection, catalog, numbers, number):
        grid = numbers.choice(GRIDS)
        place = {"lon": 113.33, "lat": 23.13} if grid else {}
        data = {"source": "hotline", "stage": numbers.choice(["collect", "file", "dispatch"]), **place}
        told = message("event.hotline", data, f"events/E{numbers.randint(0, 2)}", numbers.randint(0, 60), number)
        return await events.write(
            connection, catalog, [PlacedMessage(told, grid, grid and grid[:12], (), None)], NOON + timedelta(days=1)
        )


class Patches:
    """Cameras that are made, changed and removed."""

    first = frozenset({None})

    async def write(self, connection, catalog, numbers, number):
        what = numbers.choice(["upsert", "upsert", "patch", "delete"])
        data = {"change": what}
        if what != "delete":
            lon, lat = lonlat(numbers.choice([350, 700]), 350)
            data |= {"properties": {"name": numbers.choice("甲乙")}, **({"lon": lon, "lat": lat} if number % 2 else {})}
        changed = message("feature_change", data, f"video_points/N{numbers.randint(0, 2)}", number, number)
        reading = Reading([changed])
        check_changes(reading, catalog)
        return await features.write(
            connection, catalog, [PlacedMessage(m, None, None, (), None) for m in reading.messages]
        )


@pytest.mark.parametrize("kind", [Moves, Happenings, Patches])
async def test_what_a_change_replaced_is_what_the_change_before_it_told(ingest, catalog, kind):
    numbers, told, crossed, kind = random.Random(5), {}, 0, kind()
    for number in range(1, 61):
        async with ingest.transaction():
            changes = await kind.write(ingest, catalog, numbers, number)
            await Grades().assign(ingest, catalog, changes)
        for change in changes:
            last = told.get(change["id"])
            prior = prior_of(change)
            if last is None:
                assert change.get("before", "?") in kind.first
            else:
                assert [prior.get(name) for name in LABELS] == [last.get(name) for name in LABELS], (last, change)
                crossed += prior["area_code"] != change["area_code"] if prior.get("area_code") else 0
            told[change["id"]] = None if change.get("operation") == "delete" else change
    assert crossed
