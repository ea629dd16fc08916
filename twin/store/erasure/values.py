"""Values of a person in one table: counted, or erased by one statement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import asyncpg

from twin.store.erasure.columns import TextColumn, TextTable
from twin.store.erasure.terms import WORD, PersonTerms


@dataclass
class _Bound:
    """Values of a statement, each bound once."""

    values: list[Any] = field(default_factory=list)

    def bind(self, value: object, kind: str) -> str:
        """Return the parameter of a value."""
        self.values.append(value)
        return f"${len(self.values)}::{kind}"


async def count_values(connection: asyncpg.Connection, table: TextTable, terms: PersonTerms) -> dict[str, int]:
    """Return the number of rows in which each column has one of the terms; columns that have none are left out."""
    bound = _Bound()
    counts = ", ".join(f"count(*) FILTER (WHERE {_has(c, terms, bound)})" for c in table.columns)
    row = await connection.fetchrow(f"SELECT {counts} FROM {table.quoted}", *bound.values)
    return {column.name: count for column, count in zip(table.columns, row, strict=True) if count}


async def erase_values(connection: asyncpg.Connection, table: TextTable, terms: PersonTerms) -> int:
    """Erase the terms in a table, keys excepted, and return how many rows changed or were deleted.

    A whole value becomes NULL; within a text a word stands in its place; an element of an array goes. A message in
    bytes goes as a whole, with its row where it may not be missing.
    """
    free = [column for column in table.columns if not column.is_key]
    lost = [column for column in free if column.kind == "bytes" and not column.nullable]
    changed = await _run(connection, f"DELETE FROM {table.quoted}", lost, terms, _Bound())
    kept = [column for column in free if column not in lost]
    bound = _Bound()
    blanked = ", ".join(f"{column.quoted} = {_without(column, terms, bound)}" for column in kept)
    return changed + await _run(connection, f"UPDATE {table.quoted} SET {blanked}", kept, terms, bound)


async def _run(
    connection: asyncpg.Connection, verb: str, columns: list[TextColumn], terms: PersonTerms, bound: _Bound
) -> int:
    if not columns:
        return 0
    where = " OR ".join(f"coalesce({_has(column, terms, bound)}, false)" for column in columns)
    status: str = await connection.execute(f"{verb} WHERE {where}", *bound.values)
    return int(status.rpartition(" ")[2])


def _has(column: TextColumn, terms: PersonTerms, bound: _Bound) -> str:
    """Return the condition that a column has one of the terms."""
    name = column.quoted
    match column.kind:
        case "bytes":
            raw = bound.bind(terms.raw, "bytea[]")
            return f"(SELECT bool_or(position(r IN {name}) > 0) FROM unnest({raw}) AS r)"
        case "json":
            found = bound.bind(list(terms.json_terms), "text[]")
            return f"(SELECT bool_or(position(t IN {name}::text) > 0) FROM unnest({found}) AS t)"
        case "text_array":
            return f"EXISTS (SELECT FROM unnest({name}) AS x WHERE {_matches('x', terms, bound)})"
        case _:
            return _matches(name, terms, bound)


def _matches(text: str, terms: PersonTerms, bound: _Bound) -> str:
    whole, patterns = bound.bind(list(terms.ids), "text[]"), bound.bind(terms.patterns, "text[]")
    return f"({text} = ANY ({whole}) OR {text} LIKE ANY ({patterns}))"


def _without(column: TextColumn, terms: PersonTerms, bound: _Bound) -> str:
    """Return the value of a column without the terms."""
    name = column.quoted
    match column.kind:
        case "bytes":
            return f"CASE WHEN {_has(column, terms, bound)} THEN NULL ELSE {name} END"
        case "json":
            text = _replaced(f"{name}::text", terms.json_terms, bound)
            return f"CASE WHEN {_has(column, terms, bound)} THEN ({text})::{column.type} ELSE {name} END"
        case "text_array":
            whole = bound.bind(list(terms.all), "text[]")
            elements = _replaced("u.x", terms.values, bound)
            each = f"unnest({name}) WITH ORDINALITY AS u (x, n) WHERE u.x <> ALL ({whole}) ORDER BY u.n"
            kept = f"ARRAY(SELECT {elements} FROM {each})"
            return f"CASE WHEN {_has(column, terms, bound)} THEN {kept} ELSE {name} END"
        case _:
            whole = bound.bind(list(terms.all), "text[]")
            nothing = "NULL" if column.nullable else bound.bind(WORD, "text")
            return f"CASE WHEN {name} = ANY ({whole}) THEN {nothing} ELSE {_replaced(name, terms.values, bound)} END"


def _replaced(text: str, terms: tuple[str, ...], bound: _Bound) -> str:
    """Return a text in which a word stands for each term; that of a quoted identifier is quoted too."""
    for term in sorted(terms, key=len, reverse=True):
        word = f'"{WORD}"' if term.startswith('"') else WORD
        text = f"replace({text}, {bound.bind(term, 'text')}, {bound.bind(word, 'text')})"
    return text
