"""Connections to the audit in its two roles."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from layers.database.connection import Role, connect


@pytest.fixture
async def writer(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that appends."""
    connection = await connect(database_url, Role.AUDIT)
    yield connection
    await connection.close()


@pytest.fixture
async def auditor(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that reads."""
    connection = await connect(database_url, Role.AUDITOR)
    yield connection
    await connection.close()


@pytest.fixture
async def superuser(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection without limits: the attacker who holds the whole database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()
