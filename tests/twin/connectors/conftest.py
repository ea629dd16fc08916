from __future__ import annotations

import pytest

from layers.database import connect
from tests.conftest import _database
from tests.twin.connectors.house import House


@pytest.fixture
def empty_url(cluster, layers_url):
    """URL of a database of the test's own with every layer and no rows."""
    with _database(cluster, layers_url) as url:
        yield url


@pytest.fixture
async def owner(empty_url):
    connection = await connect(empty_url)
    yield connection
    await connection.close()


@pytest.fixture
async def house(empty_url, tmp_path, owner):
    """What connectors work with, over an empty database."""
    async with House(empty_url, tmp_path) as running:
        yield running
