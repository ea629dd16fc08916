"""Connections to PostGIS, each in the role its work needs."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Literal

import asyncpg

from layers.database.faults import in_our_words
from layers.database.pool import Pool
from layers.database.statements import PreparingConnection
from layers.errors import OneMapError, Unavailable

type Plans = Literal["custom", "generic"]


class Role(StrEnum):
    """Roles of connections; each work takes the least that it needs.

    `AUDIT` appends to the audit and reads nothing; `AUDITOR` reads the audit and nothing else.
    """

    OWNER = "onemap_owner"
    INGEST = "onemap_ingest"
    READ = "onemap_read"
    IDENTITY = "onemap_identity"
    AUDIT = "onemap_audit"
    AUDITOR = "onemap_auditor"


CONNECT_SECONDS_MAX = 10.0
_GRACE_SECONDS = 3.0  # after the server's own limit: a server that has not ended the statement by then is hung
_PLANNING = {"max_parallel_workers_per_gather": "0"}
"""Many small queries at once use all cores anyway; starting a parallel worker takes longer than most of them."""


def _settings(role: Role | None, statement_timeout_ms: int) -> dict[str, str]:
    settings = {
        "application_name": f"onemap {os.getpid()} {socket.gethostname()}"[:63],  # owner of the connection
        "TimeZone": "UTC",
        "jit": "off",
        "statement_timeout": str(statement_timeout_ms),
    }
    return settings | ({"role": role.value} if role else {})


async def connect(url: str, role: Role | None = Role.OWNER, *, statement_timeout_ms: int = 0) -> asyncpg.Connection:
    """Open one connection.

    Parameters
    ----------
    url
        A PostgreSQL URL; a socket folder goes into its `host` parameter.
    role
        The role to take; `None` keeps the user of the URL (needed before the roles exist).
    statement_timeout_ms
        0 means no limit.

    Raises
    ------
    Unavailable
        When the server does not respond or refuses; the message says which.
    """
    try:
        return await asyncpg.connect(
            url,
            connection_class=PreparingConnection,
            server_settings=_settings(role, statement_timeout_ms),
            timeout=CONNECT_SECONDS_MAX,
        )
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise Unavailable(f"the database does not let us in: {error}") from error


@asynccontextmanager
async def connected(
    url: str, role: Role | None = Role.OWNER, *, statement_timeout_ms: int = 0
) -> AsyncIterator[asyncpg.Connection]:
    """Open one connection, as `connect` does, and close it at the end of the context.

    Raises
    ------
    Unavailable
        When the server does not respond or refuses.
    """
    connection = await connect(url, role, statement_timeout_ms=statement_timeout_ms)
    try:
        yield connection
    finally:
        await connection.close()


async def create_pool(
    url: str, role: Role = Role.READ, *, size: int = 4, statement_timeout_ms: int = 5000, plans: Plans = "custom"
) -> Pool:
    """Open a pool for one process.

    Parameters
    ----------
    statement_timeout_ms
        The time after which the server ends a statement, and the longest time that a caller waits for its turn. When
        the server hangs, the client gives the statement up 3 s later.
    plans
        ``custom`` plans every statement for its values: a box may hold ten rows or all of them. ``generic`` plans
        once: right for look-ups by key, where planning would cost more than the query.

    Raises
    ------
    Unavailable
        When the server does not respond or refuses.
    """
    pool = Pool(
        url,
        min_size=0,  # lost connections are made again on demand, not in the background
        max_size=size,
        max_queries=50_000,
        loop=None,
        record_class=asyncpg.Record,
        connection_class=PreparingConnection,
        server_settings=_settings(role, statement_timeout_ms) | _PLANNING | {"plan_cache_mode": f"force_{plans}_plan"},
        patience_s=statement_timeout_ms / 1000,
        timeout=CONNECT_SECONDS_MAX,
        command_timeout=statement_timeout_ms / 1000 + _GRACE_SECONDS,
        statement_cache_size=512,
        max_cacheable_statement_size=200_000,  # the statement of a past layer with all fields has 30 kB
        max_inactive_connection_lifetime=0,
    )
    await pool
    try:
        async with pool.acquire():
            return pool
    except BaseException:
        pool.terminate()
        raise


__all__ = ["OneMapError", "Pool", "Role", "connect", "create_pool", "in_our_words"]
