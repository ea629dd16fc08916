"""Staging: rows of a state are copied into a temporary table of the session, which is emptied at the commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import asyncpg

from twin.store import binary


async def stage(
    connection: asyncpg.Connection,
    name: str,
    like: str,
    columns: Sequence[str],
    rows: Iterable[bytes],
    *,
    given: Sequence[str] | None = None,
) -> None:
    """Copy rows into a temporary table, in the open transaction.

    Parameters
    ----------
    name
        Name of the table, which is made once a session.
    like
        The table whose columns it has, without their checks and defaults.
    rows
        In the binary format.
    given
        The columns that the rows have, the others being NULL; None means all.
    """
    await connection.execute(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ON COMMIT DELETE ROWS AS "
        f"SELECT {', '.join(columns)} FROM {like} WITH NO DATA"
    )
    await binary.copy(connection, name, given or columns, rows, schema="pg_temp")


async def renew[Newest](
    connection: asyncpg.Connection, upsert: str, renewed: str, newest: dict[tuple[str, str], Newest]
) -> tuple[dict[tuple[str, str], Newest], set[tuple[str, str]]]:
    """Write the staged rows into the state where they are newer.

    Parameters
    ----------
    upsert, renewed
        The statements that write the rows, and that return the keys of those that were written.
    newest
        The staged rows by key.

    Returns
    -------
    tuple
        The rows that were written, and the keys of the others, which came late.
    """
    status: str = await connection.execute(upsert)
    return await part_late(connection, int(status.rpartition(" ")[2]), renewed, newest)


async def part_late[Newest](
    connection: asyncpg.Connection, number: int, renewed: str, newest: dict[tuple[str, str], Newest]
) -> tuple[dict[tuple[str, str], Newest], set[tuple[str, str]]]:
    """Part the staged rows into those that were written and those that came late.

    Parameters
    ----------
    number
        How many were written.
    renewed
        The statement that returns their keys; it runs only where some came late.
    newest
        The staged rows by key.
    """
    if number == len(newest):
        return newest, set()
    keys = {(row[0], row[1]) for row in await connection.fetch(renewed)}
    return {key: row for key, row in newest.items() if key in keys}, newest.keys() - keys


def in_one_order(keys: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return keys of a state sorted, so that two writers lock the same rows in the same order."""
    return sorted(keys, key="\0".join)
