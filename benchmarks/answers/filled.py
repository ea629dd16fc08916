"""Whether a run before has filled a database that is used again (`--reuse`)."""

from __future__ import annotations

import asyncpg

from layers.schema.tables import table_of


async def is_filled(connection: asyncpg.Connection, layer: str, rows: int, like: str = "%") -> bool:
    """Return whether the table of a layer is there and has a number of rows.

    Parameters
    ----------
    like
        The pattern of the ids that count.

    Raises
    ------
    ValueError
        When it has rows of the benchmark, and another number of them: they are of another scale or share.
    """
    if await connection.fetchval("SELECT to_regclass($1)", table_of(layer)) is None:
        return False
    found: int = await connection.fetchval(f"SELECT count(*) FROM {table_of(layer)} WHERE id LIKE $1", like)
    if found not in {0, rows}:
        raise ValueError(
            f"'{layer}' has {found:,} rows of an earlier run, and {rows:,} are wanted; take the same --share, or leave "
            "out --reuse"
        )
    return found == rows
