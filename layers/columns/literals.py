"""Bound values as literals that PostgreSQL writes, for COPY, which takes none.

COPY sends rows twice as fast as a cursor and never holds more than a part of them, but it is a command without
parameters. So the values of a statement make one more trip: the server says which types it takes them for, casts each
and quotes it. Nothing is quoted here.
"""

from __future__ import annotations

import asyncpg

from layers.clause import Clause, quote_identifier


async def with_literals(connection: asyncpg.Connection, statement: Clause) -> str:
    """Return a statement with its values written by the server.

    Raises
    ------
    asyncpg.PostgresError
        When the server refuses the statement or a value; nothing was read then.
    """
    if not statement.values:
        return statement.text
    text, values = statement.render()
    prepared = await connection.prepare(text)
    types = [_qualified(one) for one in prepared.get_parameters()]
    casts = ", ".join(f"quote_nullable(${n}::{name}::text)" for n, name in enumerate(types, 1))
    written = await connection.fetchrow(f"SELECT {casts}", *values)
    return statement.written([f"{literal}::{name}" for literal, name in zip(written, types, strict=True)])


def _qualified(of: asyncpg.Type) -> str:
    """Return the name of a type; PostgreSQL keeps that of an array with a line before it."""
    name = f"_{of.name[:-2]}" if of.name.endswith("[]") else of.name
    return f"{quote_identifier(of.schema)}.{quote_identifier(name)}"
