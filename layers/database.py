"""Connections to PostGIS, each in the role its work needs, and PostgreSQL's errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Literal

import asyncpg

from layers.errors import BadInput, OneMapError, TooMuch, Unavailable

type Plans = Literal["custom", "generic"]


class Role(StrEnum):
    """Who a connection acts as: the least that its work needs."""

    OWNER = "onemap_owner"
    INGEST = "onemap_ingest"
    READ = "onemap_read"


_PLANNING = {"max_parallel_workers_per_gather": "0"}
"""Many small queries at once use all cores anyway; starting a parallel worker costs more than most of them take."""


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """A pooled connection that costs no round trip when it goes back: nothing of ours leaves session state."""

    def get_reset_query(self) -> str:
        return ""


def _settings(role: Role | None, statement_timeout_ms: int) -> dict[str, str]:
    settings = {
        "application_name": "onemap",
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
        Role to take at connect; `None` stays the user of the URL (needed before the roles exist).
    statement_timeout_ms
        0 means no limit.

    Raises
    ------
    Unavailable
        When the server does not answer or refuses; the message says which of both.
    """
    try:
        return await asyncpg.connect(
            url, connection_class=_Connection, server_settings=_settings(role, statement_timeout_ms)
        )
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise Unavailable(f"the database does not let us in: {error}") from error


async def create_pool(
    url: str, role: Role = Role.READ, *, size: int = 4, statement_timeout_ms: int = 5000, plans: Plans = "custom"
) -> asyncpg.Pool:
    """Open a pool for one process.

    Parameters
    ----------
    plans
        ``custom`` plans every statement for its values: a box may hold ten rows or all of them. ``generic`` plans
        once: right for look-ups by key, where planning would cost more than the query.

    Raises
    ------
    Unavailable
        When the server does not answer or refuses.
    """
    try:
        return await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            connection_class=_Connection,
            server_settings=_settings(role, statement_timeout_ms)
            | _PLANNING
            | {"plan_cache_mode": f"force_{plans}_plan"},
            statement_cache_size=512,
            max_cacheable_statement_size=200_000,  # a layer of the past with all its fields has 30 kB
            max_inactive_connection_lifetime=0,
        )
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise Unavailable(f"the database does not let us in: {error}") from error


@contextmanager
def in_our_words() -> Iterator[None]:
    """Turn what PostgreSQL refuses into errors of ours, by SQLSTATE class.

    Raises
    ------
    TooMuch
        Statement time ran out.
    BadInput
        The value cannot be what the query makes of it (class 22: out of range, division by zero, bad geometry).
    Unavailable
        The connection or the server went away.
    """
    try:
        yield
    except asyncpg.QueryCanceledError as error:
        raise TooMuch(
            "the query took longer than a statement may; ask for a smaller area or a simpler filter"
        ) from error
    except (asyncpg.DataError, asyncpg.exceptions.InternalServerError) as error:
        # PostGIS reports bad geometries as XX000 with a text of GEOS or PROJ
        raise BadInput(f"the database cannot evaluate this: {error}") from error
    except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError) as error:
        raise Unavailable("the database went away; try again") from error
    except asyncpg.exceptions.PostgresError as error:
        if error.sqlstate and error.sqlstate[:2] in {"53", "57", "54"}:
            raise Unavailable(f"the database is out of resources: {error}") from error
        raise


__all__ = ["OneMapError", "Role", "connect", "create_pool", "in_our_words"]
