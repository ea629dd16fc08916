"""What is erased is gone from series, tracks and rows; what was replaced decides who sees the past."""

from __future__ import annotations

from datetime import timedelta

import pytest

from layers.database.connection import Role, connect
from tests.databases import count_rows, run_async
from tests.twin.history.conftest import DAY, put
from tests.twin.service import serving
from twin.store.purge import purge_past

SPAN = {"from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat()}


@pytest.fixture(scope="module")
def erased(cluster, layers_template):
    """The application over a history from which a worker and a station were erased, and a car was graded higher."""
    with serving(cluster, layers_template, put, _erase) as running:
        yield running


async def _erase(url):
    connection = await connect(url, Role.OWNER)
    try:
        for layer, one in (("grid_workers", "W1"), ("water_level_stations", "S1")):
            await connection.execute(f"DELETE FROM layer.{layer} WHERE id = $1", one)
            await purge_past(connection, layer, [one])
        await connection.execute("UPDATE layer.vehicles SET data_grade = 4 WHERE id = 'V2'")
    finally:
        await connection.close()


def test_an_erased_person_is_in_no_track_and_in_no_row(erased):
    assert erased.ask("/twin/features/grid_workers/W1/track", **SPAN).status_code == 404
    rows = erased.json("/twin/positions", layers="grid_workers,vehicles", limit=10_000, **SPAN)["rows"]
    assert {row["id"] for row in rows} == {"V1", "V2"}


def test_an_erased_device_is_in_no_series_and_not_in_the_roll_up(erased):
    address = "/twin/features/water_level_stations/S1/observations"
    assert erased.ask(address, property="level_m", step="1h", **SPAN).status_code == 404
    assert erased.json("/twin/observations", ids="S1", **SPAN)["rows"] == []

    async def left():
        connection = await connect(erased.url)
        try:
            return await count_rows(connection, "twin.observation_5min WHERE id = 'S1'")
        finally:
            await connection.close()

    assert run_async(left()) == 0


def test_a_raised_grade_covers_the_past(erased):
    minutes = {"from": SPAN["from"], "to": (DAY + timedelta(hours=8, minutes=2)).isoformat()}
    rows = erased.json("/twin/positions", layers="vehicles", actor="officer", **minutes)["rows"]
    assert {row["id"] for row in rows} == {"V1"}
    assert erased.json("/twin/features/vehicles/V2/track", **SPAN)["properties"]["vertices"] == 2000
    assert erased.ask("/twin/features/vehicles/V2/track", actor="officer", **SPAN).status_code == 404
