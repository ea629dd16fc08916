from __future__ import annotations

import asyncio
import uuid
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.ogc.service import Service, fill

ROWS = 200


def _execute(url, statement):
    async def work():
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(work())


@pytest.fixture(scope="session")
def things_url(cluster, template):
    """URL of a database with the layers of `things`, 200 rows each, for reading only."""
    name = f"t_{uuid.uuid4().hex}"
    _execute(cluster, f'CREATE DATABASE "{name}" TEMPLATE "{urlsplit(template).path[1:]}" STRATEGY file_copy')
    url = urlunsplit(urlsplit(cluster)._replace(path=f"/{name}"))
    fill(url, ROWS)
    yield url
    _execute(cluster, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def service(things_url):
    """The application over the layers of `things`, for reading."""
    running = Service(things_url)
    yield running
    running.close()


@pytest.fixture
def own_service(database_url):
    """The application over layers of `things` that the test may write to."""
    fill(database_url, ROWS)
    running = Service(database_url)
    yield running
    running.close()
