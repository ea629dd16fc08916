"""Pages of entities: rows in a total order, their number, and those linked with rows that are there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from layers.clause import EMPTY, Clause, all_of, bind, compose, join, quote_identifier
from twin.sensing.entity_types import SensorEntity
from twin.sensing.rows import SensingRows, of_values

type EntityRow = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EntityQuery:
    """A query of a set of entities.

    Attributes
    ----------
    key
        Values of columns of the key that the rows have.
    where, reads
        The condition on rows over alias `f`, and the columns it reads; empty means all rows.
    order
        Columns, each with whether it is descending; the key follows, which makes the order total.
    columns
        The columns to return, beside the key.
    """

    entity: SensorEntity
    rows: SensingRows
    key: Mapping[str, object]
    where: Clause = EMPTY
    reads: frozenset[str] = frozenset()
    order: tuple[tuple[str, bool], ...] = ()
    columns: frozenset[str] = frozenset()
    top: int = 100
    skip: int = 0

    def parts(self, bound: Mapping[str, Clause]) -> list[Clause]:
        """Return the FROM items that the query reads."""
        layer = self.key.get("layer")
        rows = self.rows if layer is None else self.rows.within(str(layer))
        wanted = {*self.columns, *self.reads, *(column for column, _ in self.order)}
        return rows.parts(self.entity, bound, wanted)

    def ordered(self, bound: Mapping[str, Clause]) -> Clause:
        """Return the statement of the rows of a page, and of one more when there are more; empty for no rows."""
        columns = ", ".join(f"f.{quote_identifier(name)}" for name in sorted({*self.columns, *self.entity.key}))
        keyed = [(name, False) for name in self.entity.key if name not in {column for column, _ in self.order}]
        order = ", ".join(self._ordered(name, is_descending=down) for name, down in (*self.order, *keyed))
        selected = {*self.columns, *self.entity.key}
        needed = [f"f.{quote_identifier(name)}" for name, _ in self.order if name not in selected]
        chosen = ", ".join(dict.fromkeys([columns, *needed]))
        enough = Clause(str(self.top + self.skip + 1))  # in the text: the planner must see that these are few
        selects = [
            compose(
                f"(SELECT {chosen} FROM {{}} WHERE {{}} ORDER BY {order} LIMIT {{}})",
                part,
                all_of((self.where,)),
                enough,
            )
            for part in self.parts(bound)
        ]
        if not selects:
            return EMPTY
        tail = compose(
            f" ORDER BY {order} LIMIT {{}} OFFSET {{}}", Clause(str(self.top + 1)), bind(self.skip, "bigint")
        )
        return compose(f"SELECT {columns} FROM ({{}}) AS f{{}}", join(" UNION ALL ", selects), tail)

    def _ordered(self, column: str, *, is_descending: bool) -> str:
        """Return a column and its direction; one of the key is never null, and must be written so for its index."""
        nulls = "" if column in self.entity.key else " NULLS LAST"
        return f"f.{quote_identifier(column)} {'DESC' if is_descending else 'ASC'}{nulls}"

    def counted(self, bound: Mapping[str, Clause]) -> Clause:
        """Return the statement of the number of rows; empty for none."""
        counts = [
            compose("(SELECT count(*) AS n FROM {} WHERE {})", part, all_of((self.where,)))
            for part in self.parts(bound)
        ]
        return compose("SELECT sum(c.n)::bigint AS n FROM ({}) AS c", join(" UNION ALL ", counts)) if counts else EMPTY


async def page(connection: asyncpg.Connection, query: EntityQuery) -> list[EntityRow]:
    """Return the rows of a page, and one more when there are more."""
    statement = query.ordered(of_values(query.key))
    if not statement:
        return []
    text, values = statement.render()
    return list(await connection.fetch(text, *values))


async def count(connection: asyncpg.Connection, query: EntityQuery) -> int:
    """Return the number of all rows of a query."""
    statement = query.counted(of_values(query.key))
    if not statement:
        return 0
    text, values = statement.render()
    return int(await connection.fetchval(text, *values) or 0)


async def linked(
    connection: asyncpg.Connection,
    query: EntityQuery,
    parents: Sequence[EntityRow],
    shared: Sequence[str],
    *,
    counts: bool,
) -> tuple[list[list[EntityRow]], list[int]]:
    """Return, for each of some rows, the page of entities that agree with it in shared columns, in one statement.

    Parameters
    ----------
    counts
        Whether the number of all of them is counted too; it is 0 otherwise.
    """
    found: list[list[EntityRow]] = [[] for _ in parents]
    numbers = [0] * len(parents)
    bound = {name: Clause(f"p.{quote_identifier(name)}") for name in shared}
    statement = query.ordered(bound)
    if not statement or not parents:
        return found, numbers
    names = ", ".join(quote_identifier(name) for name in shared)
    arrays = [bind([row[name] for row in parents], "timestamptz[]" if name == "time" else "text[]") for name in shared]
    given = compose(f"unnest({', '.join('{}' for _ in arrays)}) WITH ORDINALITY AS p ({names}, n)", *arrays)
    for row in await _fetch(connection, given, statement):
        found[row["_parent"] - 1].append(row)
    if counts:
        for row in await _fetch(connection, given, query.counted(bound)):
            numbers[row["_parent"] - 1] = row["n"] or 0
    return found, numbers


async def _fetch(connection: asyncpg.Connection, given: Clause, statement: Clause) -> Sequence[EntityRow]:
    whole = compose(
        """SELECT p.n AS _parent, r.* FROM {} CROSS JOIN LATERAL (
            SELECT row_number() OVER () AS _place, f.* FROM ({}) AS f) AS r ORDER BY p.n, r._place""",
        given,
        statement,
    )
    text, values = whole.render()
    rows: Sequence[EntityRow] = await connection.fetch(text, *values)
    return rows
