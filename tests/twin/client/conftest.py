from __future__ import annotations

from collections.abc import Iterator

import pytest

from layers.database.connection import Role, connect
from tests.databases import run_async, temporary_database
from tests.running_app import OPERATOR_TOKEN, running_for_operator
from twin.client import Twin

TOKEN = OPERATOR_TOKEN


@pytest.fixture(scope="session")
def client_database(cluster: str, district_template: str) -> Iterator[str]:
    with temporary_database(cluster, district_template) as url:
        yield url


OBSERVED = 500
MOVED = 300
_WATCHED = """
INSERT INTO twin.observation (id, property, phenomenon_time, value, unit, ingested_at)
SELECT $1, 'level_m', date_trunc('second', now()) - n * interval '5 minutes', round(2 + sin(n)::numeric, 3), 'm', now()
FROM generate_series(1, $2::int) AS n
"""
_DRIVEN = """
INSERT INTO twin.position (layer, id, phenomenon_time, lon, lat, speed_kmh)
SELECT 'vehicles', $1, date_trunc('second', now()) - n * interval '1 minute', 113.33 + n * 1e-5, 23.14, n % 60
FROM generate_series(1, $2::int) AS n
"""


async def _put_history(url: str) -> tuple[str, str]:
    connection = await connect(url, Role.OWNER)
    try:
        await connection.execute("SELECT twin.make_day(current_date - n) FROM generate_series(-1, 4) AS n")
        station = await connection.fetchval("SELECT min(id) FROM layer.water_level_stations")
        vehicle = await connection.fetchval("SELECT min(id) FROM layer.vehicles")
        await connection.execute(_WATCHED, station, OBSERVED)
        await connection.execute(_DRIVEN, vehicle, MOVED)
        await connection.execute(
            "INSERT INTO twin.observation_now (id, property, phenomenon_time, value, unit)"
            " SELECT id, property, phenomenon_time, value, unit FROM twin.observation ORDER BY 3 DESC LIMIT 1"
        )
        return station, vehicle
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def history_of(client_database: str) -> tuple[str, str]:
    """Ids of a station with `OBSERVED` levels, and of a vehicle with `MOVED` positions."""
    return run_async(_put_history(client_database))


@pytest.fixture
def watched_station(history_of: tuple[str, str]) -> str:
    return history_of[0]


@pytest.fixture(scope="session")
def client_address(client_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the real application over the small district."""
    home = tmp_path_factory.mktemp("home")
    with running_for_operator(home, client_database) as running:
        yield running


@pytest.fixture
def twin(client_address: str) -> Iterator[Twin]:
    with Twin(client_address, TOKEN) as found:
        yield found
