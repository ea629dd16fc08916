"""A page and its number of matching rows, in one pass over the rows that match.

A sorted page reads every matching row to find the first ones, and a count reads the same rows again: for a box of
buildings half of the time. Here one pass keeps the address and sort keys of each matching row, and both the page and
the count are built from them. Above `ROWS_MAX` matches the statement only answers that there are more, and the caller
runs the page and the count one by one.
"""

from __future__ import annotations

from layers.clause import Clause, bind, columns_in, compose, quote_literal
from layers.read.query import Form, ItemsQuery, condition, feature_json, order_of
from layers.read.relation import relation

ROWS_MAX = 50_000
"""Addresses and keys that are kept at most: a few MB, and a twentieth of a second lost when there are more matches."""


def counted_page(query: ItemsQuery, form: Form = "geojson", separator: str = ",") -> Clause:
    """Build the statement that answers a first page as bytes, with the number of matching rows.

    Returns
    -------
    Clause
        One row: `features`, `found` and `last` as in `layers.read.query.page`, and `matched` (integer). When `matched`
        is greater than `ROWS_MAX`, the other three have no meaning.
    """
    return composed(query, form, separator, bind(query.limit, "bigint"), bind(query.offset, "bigint"))


def composed(query: ItemsQuery, form: Form, separator: str, limit: Clause, offset: Clause) -> Clause:
    """Build the same with other clauses for the limit and the offset than their values."""
    names = [f"key_{number}" for number in range(len(query.keys))]
    columns = ", ".join(f"{key.column} AS {name}" for key, name in zip(query.keys, names, strict=True))
    signs = ["DESC" if key.descending else "ASC" for key in query.keys]
    order = ", ".join(f"{name} {sign} NULLS LAST" for name, sign in zip(names[:-1], signs[:-1], strict=True))
    matching = condition(query)
    place = "ctid" if query.layer.is_table else "id"  # a joined row has no address
    return compose(
        f"""WITH matching AS MATERIALIZED (
            SELECT f.{place} AS _place, {columns} FROM {{}} WHERE {{}} LIMIT {ROWS_MAX + 1}
        ), counted AS MATERIALIZED (SELECT count(*) AS rows FROM matching),
        chosen AS MATERIALIZED (
            SELECT * FROM matching WHERE (SELECT rows FROM counted) <= {ROWS_MAX}
            ORDER BY {f"{order}, " if order else ""}{names[-1]} LIMIT {{}} OFFSET {{}}
        )
        SELECT textsend(string_agg({{}}, {{}})) AS features,
            (SELECT CASE WHEN rows <= {ROWS_MAX} THEN least(greatest(rows - {{}}, 0), {{}} + 1) ELSE 0 END
             FROM counted) AS found,
            (SELECT json_build_array({", ".join(f"{name}::text" for name in names)})::text
             FROM chosen LIMIT 1 OFFSET {{}} - 1) AS last,
            (SELECT rows FROM counted) AS matched
        FROM ({{}}) AS f""",
        *(relation(query.layer, query.actor, matching, columns_in(matching.text, columns)), matching, limit, offset),
        *(feature_json(query, form), Clause(quote_literal(separator)), offset, limit, limit),
        _whole_rows(query),
    )


def _whole_rows(query: ItemsQuery) -> Clause:
    """Return the chosen rows whole and in order.

    Rows of a table are read by their addresses all at once, which reads each of its pages once. Rows with live state
    have no address and are looked up one by one, whatever the planner expects.
    """
    read = relation(query.layer, query.actor)
    if query.layer.is_table:
        text = f"SELECT f.* FROM {{}} WHERE f.ctid = ANY (ARRAY(SELECT _place FROM chosen)) ORDER BY {order_of(query)}"
        return compose(text, read)
    return compose(
        "SELECT f.* FROM chosen CROSS JOIN LATERAL (SELECT f.* FROM {} WHERE f.id = chosen._place LIMIT 1) AS f", read
    )
