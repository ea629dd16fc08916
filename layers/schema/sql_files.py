"""Functions and triggers of the database, in SQL files that hold their present text.

Migrations hold tables and moves of data; these files hold the functions and triggers. When the text of one file has
changed, all files are applied after the migrations, so each is idempotent: `CREATE OR REPLACE`, with its grants.
Functions of the schema `onemap` are in `layers/schema/sql`, those of `twin` in `twin/store/sql`.

Three rules follow. A migration drops a function that is no longer needed, or whose arguments change. A migration calls
no function, because on a new database it meets the functions of migration 0165. A change of a function that older
programs cannot work with comes with a migration, which makes them refuse the database.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import asyncpg

_PROJECT = Path(__file__).parents[2]
SQL_FOLDERS = (_PROJECT / "layers" / "schema" / "sql", _PROJECT / "twin" / "store" / "sql")
_SETTING = "sql_files"  # the row of onemap.setting with the checksums of the applied files


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file's text, whatever its line ends."""
    return sha256(path.read_text(encoding="utf-8").encode()).hexdigest()


def sql_files() -> dict[str, Path]:
    """Return the files by their path in the project, in the order in which they are applied."""
    paths = [path for folder in SQL_FOLDERS for path in sorted(folder.glob("[0-9]*.sql"))]
    return {path.relative_to(_PROJECT).as_posix(): path for path in paths}


async def changed_sql_files(connection: asyncpg.Connection) -> list[str]:
    """Return the files whose text differs from the applied text, removed files included; all migrations are applied."""
    stored = await connection.fetchval("SELECT value FROM onemap.setting WHERE name = $1", _SETTING)
    applied = json.loads(stored or "{}")
    current = _checksums()
    return [name for name in {**current, **applied} if current.get(name) != applied.get(name)]


async def apply_sql_files(connection: asyncpg.Connection) -> None:
    """Apply all files in one transaction unless the database has their text; all migrations are applied."""
    if not await changed_sql_files(connection):
        return
    async with connection.transaction():
        await connection.execute("SET LOCAL check_function_bodies = off")  # layer tables are made later
        for path in sql_files().values():
            await connection.execute(path.read_text(encoding="utf-8"))
        await connection.execute(
            """INSERT INTO onemap.setting (name, value) VALUES ($1, $2::jsonb)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now()""",
            _SETTING,
            json.dumps(_checksums()),
        )


def _checksums() -> dict[str, str]:
    return {name: checksum(path) for name, path in sql_files().items()}
