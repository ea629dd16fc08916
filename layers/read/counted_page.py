"""A page and its number of matching rows, in one pass over the rows that match.

A sorted page reads every matching row to find the first ones, and a count reads the same rows again: for a box of
buildings half of the time. Here one pass keeps the address and sort keys of each matching row, and both the page and
the count are built from them. Above `ROWS_MAX` matches the statement only answers that there are more, and the caller
runs the page and the count one by one.
"""

from __future__ import annotations

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import AskedValue, Clause, bind, columns_in, compose, quote_literal
from layers.coordinates.crs import Crs
from layers.read.kept import kept
from layers.read.query import Form, ItemsQuery, condition, feature_json, order_of
from layers.read.relation import relation
from layers.read.sort_keys import SortKey

ROWS_MAX = 50_000
"""Addresses and keys that are kept at most: a few MB, and a twentieth of a second lost when there are more matches."""
_KEPT_CHARACTERS_MAX = 1000
"""Of a condition whose statement is kept: boxes and polygons have few, and strangers write long ones."""
type Statement = tuple[str, tuple[object, ...]]
type _Criteria = tuple[tuple[str, ...] | None, bool, Crs, tuple[SortKey, ...]]


def counted_statement(query: ItemsQuery, form: Form = "geojson", separator: str = ",") -> Statement:
    """Return `counted_page` for PostgreSQL.

    Conditions that differ in their values alone have one statement, which is kept: to write that of a layer with many
    rights takes longer than to run it. What it is asked for are the values of the condition, the limit and the offset.
    """
    where = query.where
    if query.layer.moment is not None or query.after is not None or len(where.text) > _KEPT_CHARACTERS_MAX:
        return counted_page(query, form, separator).render()
    asked = (*where.values, query.limit, query.offset)
    numbered = Clause(where.text, tuple(map(AskedValue, range(len(where.values)))), where.reads_geometry)
    criteria = query.properties, query.skip_geometry, query.crs, query.sort
    text, values = _kept_statement(query.layer, query.actor, numbered, where.reads_geometry, criteria, form, separator)
    return text, tuple(asked[value.number] if isinstance(value, AskedValue) else value for value in values)


@kept
def _kept_statement(
    layer: Layer,
    actor: Actor,
    where: Clause,
    _reads_geometry: bool,  # clauses are equal whether they do or not
    criteria: _Criteria,
    form: Form,
    separator: str,
) -> Statement:
    limit, offset = (Clause("?0::bigint", (AskedValue(len(where.values) + n),)) for n in range(2))
    return _composed(ItemsQuery(layer, actor, where, *criteria), form, separator, limit, offset).render_shared()


def counted_page(query: ItemsQuery, form: Form = "geojson", separator: str = ",") -> Clause:
    """Build the statement that answers a first page as bytes, with the number of matching rows.

    Returns
    -------
    Clause
        One row: `features`, `found` and `last` as in `layers.read.query.page`, and `matched` (integer). When `matched`
        is greater than `ROWS_MAX`, the other three have no meaning.
    """
    return _composed(query, form, separator, bind(query.limit, "bigint"), bind(query.offset, "bigint"))


def _composed(query: ItemsQuery, form: Form, separator: str, limit: Clause, offset: Clause) -> Clause:
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
