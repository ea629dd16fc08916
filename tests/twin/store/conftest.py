from __future__ import annotations

import pytest

from layers.catalog import Catalog, read_catalog
from layers.database.connection import Role, connect
from layers.definition import read_code_lists


@pytest.fixture
async def ingest(fixture_copy_url):
    """A connection that writes to a copy of the worked fixture."""
    connection = await connect(fixture_copy_url, Role.INGEST)
    yield connection
    await connection.close()


@pytest.fixture
async def catalog(ingest):
    """The catalogue of that copy, with its code lists."""
    return Catalog(await read_catalog(ingest), read_code_lists())
