"""The statements of a bulk read: how many features match, where a part ends, and the features themselves.

The whole of a layer is read in the order of its key in one pass: unlike a page, whose few rows are first found and
then looked up one by one (`layers.read.query.rows`).
"""

from __future__ import annotations

from dataclasses import dataclass

from layers.clause import Clause, columns_in, compose
from layers.columns.shape import ColumnShape
from layers.read.query import Form, ItemsQuery, condition, feature_json, order_of
from layers.read.relation import relation
from layers.read.rights import scoped


@dataclass(frozen=True, slots=True)
class Portion:
    """The part of a query's features that an answer holds.

    Attributes
    ----------
    limit
        Features at most; None is all after `query.offset`.
    ordered
        Whether their order matters; without it a whole layer is read as it lies.
    """

    query: ItemsQuery
    limit: int | None = None
    ordered: bool = True

    @property
    def range(self) -> str:
        """LIMIT and OFFSET; the numbers stand in the text, where the planner sees them."""
        limit = "" if self.limit is None else f" LIMIT {int(self.limit)}"
        return f"{limit} OFFSET {int(self.query.offset)}" if self.query.offset else limit


def matching(query: ItemsQuery) -> Clause:
    """Build the statement of two numbers: features that match, and those of them after the cursor."""
    after = condition(query)
    where = scoped(query.layer, query.actor, query.where)
    read = relation(query.layer, query.actor, where, columns_in(where.text, after.text))
    if query.after is None:
        return compose("SELECT n, n FROM (SELECT count(*) AS n FROM {} WHERE {}) AS counted", read, where)
    return compose("SELECT count(*), count(*) FILTER (WHERE {}) FROM {} WHERE {}", after, read, where)


def following(part: Portion) -> Clause:
    """Build the statement of one number: features after the cursor, as far as tells whether others follow the part.

    Raises
    ------
    ValueError
        For a part without a limit, of which all are counted.
    """
    query, limit = part.query, part.limit
    if limit is None:
        raise ValueError("all features have nothing after them")
    where = condition(query)
    return compose(
        f"SELECT count(*) FROM (SELECT 1 FROM {{}} WHERE {{}} LIMIT {int(query.offset) + int(limit) + 1}) AS counted",
        relation(query.layer, query.actor, where, columns_in(where.text)),
        where,
    )


def end_of(part: Portion) -> Clause:
    """Build the statement of the keys of the last feature of a part that others follow, as a JSON array of text.

    Raises
    ------
    ValueError
        For a part without a limit, after which nothing follows.
    """
    query, limit = part.query, part.limit
    if limit is None:
        raise ValueError("all features have nothing after them")
    where = condition(query)
    keys = ", ".join(f"{key.column}::text" for key in query.keys)
    return compose(
        f"""SELECT json_build_array({keys})::text FROM {{}} WHERE {{}}
        ORDER BY {order_of(query)} LIMIT 1 OFFSET {int(query.offset) + int(limit) - 1}""",
        relation(query.layer, query.actor, where, columns_in(where.text, keys)),
        where,
    )


def column_rows(part: Portion, shape: ColumnShape) -> Clause:
    """Build the statement of the features of a part, in order, with the columns of a shape."""
    return _ordered(part, Clause(shape.select))


def text_rows(part: Portion, form: Form) -> Clause:
    """Build the statement of the features of a part, in order, with one column: the text of each."""
    return _ordered(part, feature_json(part.query, form))


def _ordered(part: Portion, select: Clause) -> Clause:
    query = part.query
    where = condition(query)
    read = relation(query.layer, query.actor, where)
    order = f" ORDER BY {order_of(query)}" if part.ordered else ""
    text = f"SELECT {{}} FROM {{}} WHERE {{}}{order}{part.range}"
    return compose(text, select, read, where)
