"""Migrations of the database: numbered SQL files, each applied once, in order, in a transaction of its own.

A migration makes and changes tables and moves data. Functions and triggers are in the files of
`layers/schema/sql_files.py`, which are applied after the migrations; the migrations up to 0165 hold earlier texts of
them, as released.
"""

from __future__ import annotations

from pathlib import Path

import asyncpg
import structlog

from layers.database.advisory_locks import AdvisoryLock
from layers.database.connection import connect, connected
from layers.errors import Conflict, Unavailable
from layers.schema.sql_files import apply_sql_files, changed_sql_files, checksum

MIGRATIONS = Path(__file__).parent / "migrations"
_LEDGER = """
CREATE TABLE IF NOT EXISTS onemap.migration (name text PRIMARY KEY, applied_at timestamptz DEFAULT now());
ALTER TABLE onemap.migration ADD COLUMN IF NOT EXISTS checksum text
"""
_log = structlog.get_logger(__name__)


def migration_files(folder: Path = MIGRATIONS) -> list[Path]:
    """Return the migration files in the order they are applied."""
    return sorted(folder.glob("[0-9]*.sql"))


async def pending(url: str) -> list[str]:
    """Return the migrations that the database lacks, or else the SQL files that changed since they were applied.

    Raises
    ------
    Unavailable
        When the database cannot be reached.
    """
    async with connected(url, role=None) as connection:
        if await connection.fetchval("SELECT to_regclass('onemap.migration') IS NULL"):
            return [path.stem for path in migration_files()]
        applied = await _applied(connection)
        lacking = [path.stem for path in migration_files() if path.stem not in applied]
        return lacking or await changed_sql_files(connection)


async def migrate(url: str) -> list[str]:
    """Bring the database to this version of the code.

    Returns
    -------
    list of str
        Names of the migrations applied now; empty when there were none.

    Raises
    ------
    Conflict
        When the database has migrations that this code does not have: it is newer than the code.
    Unavailable
        When the database cannot be reached, or its user lacks the rights for a migration.
    """
    connection = await connect(url, role=None)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", AdvisoryLock.MIGRATION)
        await connection.execute("CREATE SCHEMA IF NOT EXISTS onemap")
        await connection.execute(_LEDGER)
        applied = await _applied(connection)
        _refuse_newer(applied)
        await _adopt(connection)
        for name in await edited_migrations(connection):
            _log.warning("a migration was edited after it was applied here; see docs/decisions", migration=name)
        fresh = [path for path in migration_files() if path.stem not in applied]
        for path in fresh:
            await _apply(connection, path)
        await apply_sql_files(connection)
        return [path.stem for path in fresh]
    except asyncpg.InsufficientPrivilegeError as error:
        raise Unavailable(f"the database user may not set up OneMap: {error}; ask for CREATE and CREATEROLE") from error
    finally:
        await connection.close()


async def edited_migrations(connection: asyncpg.Connection) -> list[str]:
    """Return the names of migrations whose file differs from the text that was applied to this database."""
    known = {path.stem: checksum(path) for path in migration_files()}
    rows = await connection.fetch(
        "SELECT name, checksum FROM onemap.migration WHERE checksum IS NOT NULL ORDER BY name"
    )
    return [row["name"] for row in rows if known.get(row["name"], row["checksum"]) != row["checksum"]]


async def _adopt(connection: asyncpg.Connection) -> None:
    """Record the present files' checksums for migrations from before there were checksums: no better ones are known."""
    rows = await connection.fetch("SELECT name FROM onemap.migration WHERE checksum IS NULL")
    files = {path.stem: path for path in migration_files()}
    present = [(row["name"], checksum(files[row["name"]])) for row in rows]
    await connection.executemany("UPDATE onemap.migration SET checksum = $2 WHERE name = $1", present)


async def _applied(connection: asyncpg.Connection) -> set[str]:
    return {row["name"] for row in await connection.fetch("SELECT name FROM onemap.migration")}


def _refuse_newer(applied: set[str]) -> None:
    unknown = sorted(applied - {path.stem for path in migration_files()})
    if unknown:
        raise Conflict(f"the database is newer than this program: it has {unknown}; update OneMap or use another home")


async def _apply(connection: asyncpg.Connection, path: Path) -> None:
    async with connection.transaction():
        await connection.execute(path.read_text(encoding="utf-8"))
        await connection.execute(
            "INSERT INTO onemap.migration (name, checksum) VALUES ($1, $2)", path.stem, checksum(path)
        )
