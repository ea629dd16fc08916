"""The one builder of every read of features: pages, single features, counts and exports.

PostgreSQL builds the JSON (or returns the columns of an export), and Python passes the bytes on. The builder adds the
actor's row scope and masks itself. The table's alias is always `f`; filters are clauses of `layers/cql2/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any, Literal

import asyncpg
import orjson

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, all_of, bind, columns_in, compose, quote_literal
from layers.coordinates.crs import CRS84, STORED_SRID, Crs
from layers.read.relation import relation, relations
from layers.read.rights import VisibleField, scoped, visible_fields
from layers.read.sort_keys import ID, SortKey, beyond

DEGREE_DIGITS = 7  # 1 cm
METRE_DIGITS = 3  # 1 mm
_PAIRS_MAX = 49  # a function of PostgreSQL takes 100 arguments
Form = Literal["geojson", "jsonfg"]
type Axes = Literal["xy", "official"]


@dataclass(frozen=True, slots=True)
class ItemsQuery:
    """A query of a layer's features by an actor.

    Attributes
    ----------
    where
        The condition on rows (bbox, time, properties, CQL2) as one clause over alias `f`; empty means all.
    properties
        Names of the properties to return; `None` means all that the actor sees, `()` none.
    after
        Sort values and id, as text, of the last row of the page before (`None` for a null); `None` is the first page.
    """

    layer: Layer
    actor: Actor
    where: Clause = EMPTY
    properties: tuple[str, ...] | None = None
    skip_geometry: bool = False
    crs: Crs = CRS84
    sort: tuple[SortKey, ...] = ()
    limit: int = 10
    offset: int = 0
    after: tuple[str | None, ...] | None = None

    @property
    def keys(self) -> tuple[SortKey, ...]:
        """The sort keys with the id last, which makes the order total."""
        return (*self.sort, SortKey(ID))

    @property
    def walks_the_key(self) -> bool:
        """Whether a page is the next rows by id, without a filter or an order: one plan is good for all of them."""
        return not self.where and not self.sort and self.layer.moment is None

    @property
    def few(self) -> int:
        """A number above the rows of a page and all before it, the same for many pages: for the text of a statement."""
        return 1 << max(10, (self.limit + self.offset).bit_length())


def page(query: ItemsQuery, form: Form = "geojson", separator: str = ",") -> Clause:
    """Build the statement that returns one page as bytes.

    Returns
    -------
    Clause
        One row: `features` (bytea, features joined by `separator`, null when there are none), `found`
        (rows on the page, plus one when there are more) and `last` (JSON array of the last row's keys as text).
    """
    if query.walks_the_key and query.layer.is_table:
        return _walk(query, form, separator)
    limit = bind(query.limit, "bigint")
    last = ", ".join(f"{key.column}::text" for key in query.keys)
    return compose(
        """SELECT textsend(string_agg({}, {}) FILTER (WHERE f._row_on_page <= {})) AS features,
            count(*) AS found, max({}) FILTER (WHERE f._row_on_page = {}) AS last
        FROM (SELECT *, row_number() OVER () AS _row_on_page FROM ({}) AS f) AS f""",
        feature_json(query, form),
        Clause(quote_literal(separator)),
        limit,
        Clause(f"json_build_array({last})::text"),
        limit,
        rows(query, extra=1),
    )


@dataclass(frozen=True, slots=True)
class FoundFeatures:
    """Features of a layer.

    Attributes
    ----------
    features
        GeoJSON, as the reader sees them.
    is_whole
        Whether no more features match.
    """

    features: Sequence[dict[str, Any]]
    is_whole: bool

    @classmethod
    def of_page(cls, features: bytes | None, found: int | None, limit: int) -> FoundFeatures:
        """Return the features of a row of `page`; both None where no page was read."""
        return cls(orjson.loads(b"[" + (features or b"") + b"]"), (found or 0) <= limit)


async def find_features(connection: asyncpg.Connection | asyncpg.Pool, query: ItemsQuery) -> FoundFeatures:
    """Read the page of a query."""
    text, values = page(query).render()
    row = await connection.fetchrow(text, *values)
    return FoundFeatures.of_page(row["features"], row["found"], query.limit)


def _walk(query: ItemsQuery, form: Form, separator: str) -> Clause:
    """Build a page of a whole table in the order of its key: without numbering rows, and good for a kept plan.

    One look at the key beyond the last row tells whether there are more. The planner must know that few rows are
    selected, so a power of two above their number is written into the text, and the number itself is bound.
    """
    read, key_alone = relation(query.layer, query.actor), relation(query.layer, query.actor, reads=frozenset())
    limit = bind(query.limit, "bigint")
    return compose(
        f"""SELECT p.features, CASE WHEN p.found = {{}} THEN json_build_array(p.last)::text END AS last,
            CASE WHEN p.found = {{}} AND (SELECT f.id FROM {{}} WHERE {{}} AND f.id > p.last ORDER BY f.id LIMIT 1)
                IS NOT NULL THEN p.found + 1 ELSE p.found END AS found
        FROM (SELECT textsend(string_agg({{}}, {{}})) AS features, count(*) AS found, max(f.id) AS last
            FROM (SELECT * FROM (SELECT f.* FROM {{}} WHERE {{}} ORDER BY f.id LIMIT {query.few}) AS f
                LIMIT {{}} OFFSET {{}}) AS f) AS p""",
        *(limit, limit, key_alone, scoped(query.layer, query.actor)),
        *(feature_json(query, form), Clause(quote_literal(separator))),
        *(read, condition(query), limit, bind(query.offset, "bigint")),
    )


def rows(query: ItemsQuery, extra: int = 0) -> Clause:
    """Build the inner statement: the whole rows of one page that the actor may see and that match, in order.

    `extra` rows more than the limit tell whether another page follows.
    """
    matching = condition(query)
    limit, offset = (bind(n, "bigint") for n in (query.limit + extra, query.offset))  # bound: all pages have one text
    live = query.layer.definition.is_live
    columns = ", ".join(dict.fromkeys(key.column for key in query.keys)) if live else "f.*"
    select = f"SELECT {columns} FROM {{}} WHERE {{}} ORDER BY {order_of(query)} LIMIT {{}}"
    reads = columns_in(matching.text, columns) if live else None
    parts = relations(query.layer, query.actor, matching, reads)
    if len(parts) == 1:
        if live and query.walks_the_key:  # the planner must see that these are few, however many the page has
            key_alone = compose(select, parts[0], matching, Clause(str(query.few)))
            chosen = compose("SELECT * FROM ({}) AS f LIMIT {} OFFSET {}", key_alone, limit, offset)
        else:
            chosen = compose(f"{select} OFFSET {{}}", parts[0], matching, limit, offset)
        return completed(query, chosen) if live else chosen
    enough = Clause(str(int(query.limit + extra + query.offset)))  # in the text: the planner must see it
    union = compose(" UNION ALL ".join("({})" for _ in parts), *(compose(select, p, matching, enough) for p in parts))
    chosen = compose(
        f"SELECT * FROM ({{}}) AS f ORDER BY {order_of(query)} LIMIT {{}} OFFSET {{}}", union, limit, offset
    )
    return completed(query, chosen) if live else chosen


def order_of(query: ItemsQuery) -> str:
    """Return the order of a query's rows over alias `f`, for ORDER BY."""
    signed = [f"{k.column} {'DESC' if k.descending else 'ASC'} NULLS LAST" for k in query.sort]
    return ", ".join([*signed, "f.id"])


def completed(query: ItemsQuery, chosen: Clause) -> Clause:
    """Look up, row by row and in the same order, the whole features whose ids a statement selects.

    So the live state is joined only for the rows of the page: a box of cameras is found without it.
    """
    return compose(
        """SELECT f.* FROM (SELECT c.*, row_number() OVER () AS _place FROM ({}) AS c) AS chosen
        CROSS JOIN LATERAL (SELECT f.* FROM {} WHERE f.id = chosen.id LIMIT 1) AS f ORDER BY chosen._place""",
        chosen,
        relation(query.layer, query.actor),
    )


def single(layer: Layer, actor: Actor, feature_id: object, crs: Crs, form: Form = "geojson") -> Clause:
    """Build the statement for one feature: one row with `feature` (bytea) or none.

    Parameters
    ----------
    feature_id
        A text, or an object in its place until the statement is run.
    """
    query = ItemsQuery(layer, actor, Clause("f.id = ?0::text", (feature_id,)), crs=crs)
    return compose(
        "SELECT textsend({}) AS feature FROM {} WHERE {}",
        feature_json(query, form),
        relation(layer, actor),
        condition(query),
    )


def count(query: ItemsQuery, cap: int) -> Clause:
    """Build the statement that counts the rows of a query up to `cap`: one value, `cap + 1` meaning "more"."""
    matching = scoped(query.layer, query.actor, query.where)
    return compose(
        "SELECT count(*) FROM (SELECT 1 FROM {} WHERE {} LIMIT {}) AS counted",
        relation(query.layer, query.actor, query.where, columns_in(matching.text)),
        matching,
        Clause(str(int(cap) + 1)),
    )


def chosen_fields(query: ItemsQuery) -> tuple[VisibleField, ...]:
    """Return the properties of the response: those the actor sees, as far as the query names them."""
    visible = visible_fields(query.layer, query.actor)
    if query.properties is None:
        return visible
    return tuple(field for field in visible if field.definition.name in query.properties)


def has_geometry(query: ItemsQuery) -> bool:
    """Whether the response has geometries."""
    return not query.skip_geometry and query.layer.definition.geometry_type != "None"


def geometry(crs: Crs, *, axes: Axes = "official") -> str:
    """Return the geometry in a served CRS, in its official axis order or in x, y, as an expression over alias `f`.

    What `f` shows is shifted to a datum, so that a masked place stays as coarse as it was.
    """
    if crs.datum is not None:
        return f"onemap.to_datum(f.geom, {quote_literal(crs.datum)})"
    same = crs.srid in {STORED_SRID, 4326}  # taken as equal, domain.md 3.1
    moved = "f.geom" if same else f"ST_Transform(f.geom, {int(crs.srid)})"
    return f"ST_FlipCoordinates({moved})" if crs.flips and axes == "official" else moved


def feature_json(query: ItemsQuery, form: Form = "geojson") -> Clause:
    """Return the text expression of one feature over alias `f`; null properties are written as null."""
    shape = f"ST_AsGeoJSON({geometry(query.crs)}, {_digits(query.crs)}, 0)" if has_geometry(query) else "NULL"
    # Each feature declares it, for one may be copied without its page.
    declared = f'"datum":"{query.crs.datum}",' if query.crs.datum else ""
    parts = [(f'{{"type":"Feature",{declared}"id":', "to_json(f.id)")]
    parts += _jsonfg_members(query, shape) if form == "jsonfg" else [(',"geometry":', _or_null(shape))]
    before = ',"properties":{'
    for field in chosen_fields(query):
        parts.append((f'{before}"{field.definition.name}":', _value(field)))  # a name is an identifier: no escapes
        before = ","
    end = "}}" if before == "," else f"{before}}}}}"
    pairs = [f"{quote_literal(text)}, {value}" for text, value in parts]
    calls = [f"concat({', '.join(some)})" for some in batched(pairs, _PAIRS_MAX)]
    return Clause(f"{' || '.join(calls)} || {quote_literal(end)}")


def _value(field: VisibleField) -> str:
    """Return a property as JSON; the expression stands once, so that it is computed once."""
    match field.type:
        case "integer":
            return f"coalesce(({field.expression})::text, 'null')"  # the one type whose text is always JSON
        case _:
            return f"coalesce(to_json({field.expression}), 'null')"


def _or_null(json: str) -> str:
    return f"coalesce({json}, 'null')"


def _jsonfg_members(query: ItemsQuery, shape: str) -> list[tuple[str, str]]:
    """Return the members of JSON-FG: in CRS84 the geometry is enough, in any other CRS it goes into `place`."""
    geojson, place = (shape, "NULL") if query.crs == CRS84 else ("NULL", shape)
    return [
        (f',"featureType":"{query.layer.id}","time":', _or_null(_time(query))),  # an id is an identifier
        (',"place":', _or_null(place)),
        (',"geometry":', _or_null(geojson)),
    ]


def _time(query: ItemsQuery) -> str:
    """Return the time of the feature as JSON; it is a member of its own, independent of the chosen properties."""
    visible = visible_fields(query.layer, query.actor)
    field = next((f for f in visible if f.definition.name == query.layer.definition.time), None)
    if field is None:
        return "NULL"
    if field.definition.type == "date":
        return f"""'{{"date":"' || {field.expression} || '"}}'"""
    value = f"""to_char({field.expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return f"""'{{"timestamp":"' || {value} || '"}}'"""


def _digits(crs: Crs) -> int:
    return DEGREE_DIGITS if crs.unit == "degree" else METRE_DIGITS


def condition(query: ItemsQuery) -> Clause:
    """Return the condition of rows on this page or a later one: matching, visible to the actor, after the cursor."""
    return all_of((scoped(query.layer, query.actor, query.where), beyond(query.keys, query.after)))
