from __future__ import annotations

import pytest

from layers.database.connection import connect
from tests.databases import run_async
from tests.twin.connectors.house import House
from tests.twin.named import put_named


@pytest.fixture
def empty_url(layers_url):
    """URL of a database of the test's own with every layer, some cars and gauges, and nothing else."""
    run_async(put_named(layers_url))
    return layers_url


@pytest.fixture
async def owner(empty_url):
    connection = await connect(empty_url)
    yield connection
    await connection.close()


@pytest.fixture
async def house(empty_url, tmp_path, owner):
    """What connectors work with, over a database with little in it."""
    async with House(empty_url, tmp_path) as running:
        yield running
