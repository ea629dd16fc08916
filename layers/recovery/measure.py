"""What is in a database: rows and a digest of every table, versions of layers, the newest number of the change log.

The digest is a sum over hashes of the rows as text, so that neither the order of the rows nor their place on disk
matters: two databases with equal digests hold the same rows.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import asyncpg

from layers.database.connection import connected
from layers.recovery.manifest import Measured, TableDigest
from layers.schema.migrate import MIGRATIONS

_ATTEMPTS_MAX = 400
_TABLES = """
SELECT format('%s.%s', n.nspname, c.relname) AS name, format('%I.%I', n.nspname, c.relname) AS quoted
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1) AND c.relkind = 'r' AND c.relpersistence = 'p'
ORDER BY 1
"""
_DIGEST = "SELECT count(*) AS rows, coalesce(sum(hashtextextended(t::text, 0)), 0)::text AS digest FROM {} AS t"
_IDLE = re.compile(r"(\d+):\1:")  # a snapshot in which no transaction that writes is open


def owned_schemas() -> list[str]:
    """Return the schemas that the migrations make."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in MIGRATIONS.glob("[0-9]*.sql"))
    made = re.findall(r"^CREATE SCHEMA (?:IF NOT EXISTS )?([a-z_]+)", text, flags=re.MULTILINE)
    return sorted({"onemap", *made})


async def measure(connection: asyncpg.Connection, *, exact: bool = True) -> Measured:
    """Measure a database in the snapshot of the connection's transaction.

    Parameters
    ----------
    exact
        What the result says about the backup's restore point.
    """
    tables = {}
    for row in await connection.fetch(_TABLES, owned_schemas()):
        found = await connection.fetchrow(_DIGEST.format(row["quoted"]))
        tables[row["name"]] = TableDigest(rows=found["rows"], digest=found["digest"])
    return Measured(
        at=await connection.fetchval("SELECT clock_timestamp()"),
        exact=exact,
        tables=tables,
        layers={row["id"]: row["version"] for row in await connection.fetch("SELECT id, version FROM onemap.layer")},
        log_seq=await last_change(connection),
    )


async def read_from[T](url: str, read: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    """Return what a function reads of a database in one snapshot, as the user of its address.

    Raises
    ------
    Unavailable
        When the database cannot be reached.
    """
    async with (
        connected(url, role=None) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        return await read(connection)


async def last_change(connection: asyncpg.Connection) -> int:
    """Return the newest number of the change log; 0 while it is empty."""
    return int(await connection.fetchval("SELECT coalesce(max(last_seq), 0) FROM twin.change"))


async def last_migration(connection: asyncpg.Connection) -> str:
    """Return the name of the newest migration; empty for a database without OneMap."""
    if await connection.fetchval("SELECT to_regclass('onemap.migration') IS NULL"):
        return ""
    return str(await connection.fetchval("SELECT coalesce(max(name), '') FROM onemap.migration"))


async def database_bytes(url: str) -> int:
    """Return the size of a database on its disk."""
    async with connected(url, role=None) as connection:
        return int(await connection.fetchval("SELECT pg_database_size(current_database())"))


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """A named point of the log; `exact` when no transaction ended between it and the snapshot that was taken."""

    name: str
    exact: bool


@asynccontextmanager
async def restore_point(connection: asyncpg.Connection, other: asyncpg.Connection) -> AsyncIterator[RestorePoint]:
    """Write a restore point, and hold a transaction on `connection` that sees the database exactly as of it.

    Between two equal snapshots no transaction began to write or ended, so what the log holds at the point is what the
    second snapshot sees. An open one might have written its commit already; so both must be without open ones. On a
    database that never rests the last attempt counts, and is not exact.
    """
    for attempt in range(1, _ATTEMPTS_MAX + 1):
        name = f"onemap {uuid4().hex[:12]}"  # recovery stops at the first point of a name
        before = await other.fetchval("SELECT pg_current_snapshot()::text")
        idle = _IDLE.fullmatch(before) is not None
        if not idle and attempt < _ATTEMPTS_MAX:
            continue
        await other.execute("SELECT pg_create_restore_point($1)", name)
        transaction = connection.transaction(isolation="repeatable_read", readonly=True)
        await transaction.start()
        after = await connection.fetchval("SELECT pg_current_snapshot()::text")
        exact = idle and after == before
        if exact or attempt == _ATTEMPTS_MAX:
            try:
                yield RestorePoint(name, exact)
            finally:
                await transaction.rollback()
            return
        await transaction.rollback()


def differences(expected: Measured, found: Measured) -> list[str]:
    """Return in words how a restored database differs from what was measured; empty when it is the same."""
    lines = [f"{name}: missing" for name in sorted(expected.tables.keys() - found.tables.keys())]
    lines += [f"{name}: was not there" for name in sorted(found.tables.keys() - expected.tables.keys())]
    for name in sorted(expected.tables.keys() & found.tables.keys()):
        was, now = expected.tables[name], found.tables[name]
        if was.rows != now.rows:
            lines.append(f"{name}: {now.rows:,} rows, {was.rows:,} were there")
        elif was.digest != now.digest:
            lines.append(f"{name}: {now.rows:,} rows, with other values")
    lines += [
        f"layer {name}: version {found.layers.get(name)}, it was {version}"
        for name, version in sorted(expected.layers.items())
        if found.layers.get(name) != version
    ]
    if expected.log_seq != found.log_seq:
        lines.append(f"change log: ends at {found.log_seq:,}, it was {expected.log_seq:,}")
    return lines
