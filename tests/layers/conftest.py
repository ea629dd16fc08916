from __future__ import annotations

from datetime import UTC, datetime

import pytest

from layers.catalog import Layer, read_catalog
from layers.database.connection import Role, connect
from layers.schema.tables import create_layer, refresh_statistics
from tests.layers.cameras import CAMERAS, ROWS


@pytest.fixture
async def owner(database_url):
    connection = await connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def reader(database_url, owner):
    connection = await connect(database_url, Role.READ)
    yield connection
    await connection.close()


@pytest.fixture
async def cameras(owner) -> Layer:
    """A layer of 200 cameras."""
    await create_layer(owner, CAMERAS)
    await owner.execute(ROWS, 200)
    await refresh_statistics(owner, CAMERAS)
    return (await read_catalog(owner))["cameras"]


@pytest.fixture
def cameras_definition() -> Layer:
    """The same layer without a database."""
    return Layer(CAMERAS, version=1, changed_at=datetime.now(UTC), lowest_grade=1)
