from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from layers.database.connection import Role, connect
from tests.databases import run_async, temporary_database
from tests.layers.schema.fixture import make_layers


@pytest.fixture(scope="session")
def layers_template(cluster: str, template: str) -> Iterator[str]:
    """URL of a database with every layer and no rows."""
    with temporary_database(cluster, template) as url:
        run_async(_make_layers(url))
        yield url


async def _make_layers(url: str) -> None:
    connection = await connect(url, Role.OWNER)
    try:
        await make_layers(connection)
    finally:
        await connection.close()


@pytest.fixture
async def connection(layers_template: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database with every layer and no rows; all writes of the test are rolled back."""
    opened = await connect(layers_template, Role.OWNER)
    transaction = opened.transaction()
    await transaction.start()
    try:
        yield opened
    finally:
        await transaction.rollback()
        await opened.close()
