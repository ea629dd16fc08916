"""A page and the number of rows it is a page of, in one pass over the rows that match.

A filter with an order has to look at every matching row to find the first ones, and counting them looks at the same
rows again: for a box of buildings half of the time. Here the matching rows are noted once, by their address in the
table, and the page is built from the notes. More than `ROWS_MAX` matches are not noted: then nothing but "more" is
answered, and the page and the count are better asked for one by one.
"""

from __future__ import annotations

from layers.clause import Clause, bind, compose, quote_literal
from layers.read.query import Form, ItemsQuery, condition, feature_json, order_of
from layers.read.relation import relation

ROWS_MAX = 50_000
"""At most this many addresses and keys are noted: a few MB, and a twentieth of a second lost when there are more."""


def counted_page(query: ItemsQuery, form: Form = "geojson", separator: str = ",") -> Clause:
    """Build the statement that answers a first page as bytes, with the number of matching rows.

    Returns
    -------
    Clause
        One row: `features`, `found` and `last` as in `layers.read.query.page`, and `matched` (integer). The other three
        mean nothing when `matched` is greater than `ROWS_MAX`.
    """
    names = [f"key_{number}" for number in range(len(query.keys))]
    columns = ", ".join(f"{key.column} AS {name}" for key, name in zip(query.keys, names, strict=True))
    signs = ["DESC" if key.descending else "ASC" for key in query.keys]
    order = ", ".join(f"{name} {sign} NULLS LAST" for name, sign in zip(names[:-1], signs[:-1], strict=True))
    limit, offset = bind(query.limit, "bigint"), bind(query.offset, "bigint")
    wanted = condition(query)
    place = "ctid" if query.layer.is_table else "id"  # what is joined together has no address of its own
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
        *(relation(query.layer, query.actor, wanted), wanted, limit, offset),
        *(feature_json(query, form), Clause(quote_literal(separator)), offset, limit, limit),
        _whole(query),
    )


def _whole(query: ItemsQuery) -> Clause:
    """Return the chosen rows whole and in order.

    By their addresses all at once, which reads each page of the table once. Live state has none and is looked up row
    by row, whatever the planner expects.
    """
    read = relation(query.layer, query.actor)
    if query.layer.is_table:
        text = f"SELECT f.* FROM {{}} WHERE f.ctid = ANY (ARRAY(SELECT _place FROM chosen)) ORDER BY {order_of(query)}"
        return compose(text, read)
    return compose(
        "SELECT f.* FROM chosen CROSS JOIN LATERAL (SELECT f.* FROM {} WHERE f.id = chosen._place LIMIT 1) AS f", read
    )
