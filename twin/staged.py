"""Rows on their way into a state: copied into a table of the session, which empties itself at the commit.

Arrays as parameters cost a look at every value in Python; COPY costs a quarter of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

_HEAD, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"


async def copy_rows(
    connection: asyncpg.Connection, table: str, columns: Sequence[str], rows: Iterable[bytes], schema: str = "twin"
) -> None:
    """Copy rows that are written in PostgreSQL's binary format already, in the open transaction."""
    source = bytearray().join((_HEAD, *rows, _END))  # bytes would be taken for the name of a file
    await connection.copy_to_table(table, schema_name=schema, columns=columns, source=source, format="binary")


async def stage(
    connection: asyncpg.Connection, name: str, like: str, columns: Sequence[str], rows: Iterable[Any]
) -> None:
    """Copy rows into a session's own table, in the open transaction.

    Parameters
    ----------
    name
        Of the table, which is made once a session.
    like
        The table whose columns it has, without their checks and defaults.
    """
    await connection.execute(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ON COMMIT DELETE ROWS AS "
        f"SELECT {', '.join(columns)} FROM {like} WITH NO DATA"
    )
    await connection.copy_records_to_table(name, schema_name="pg_temp", columns=list(columns), records=rows)


def in_one_order(keys: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Sort the keys of a state, so that two writers that need the same rows take them in the same order."""
    return sorted(keys, key="\0".join)
