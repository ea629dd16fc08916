"""Statements of pages that are kept: conditions that differ in their values alone have one.

To write the statement of a layer with many rights takes longer than to run it for a box.
"""

from __future__ import annotations

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import AskedValue, Clause
from layers.coordinates.crs import Crs
from layers.read.counted_page import composed, counted_page
from layers.read.kept import kept
from layers.read.query import Form, ItemsQuery, page
from layers.read.sort_keys import SortKey

_KEPT_CHARACTERS_MAX = 1000
"""Of a condition whose statement is kept: boxes and polygons have few, and strangers write long ones."""
type Statement = tuple[str, tuple[object, ...]]
type _Criteria = tuple[tuple[str, ...] | None, bool, Crs, tuple[SortKey, ...]]


def counted_statement(query: ItemsQuery, form: Form = "geojson", separator: str = ",") -> Statement:
    """Return `layers.read.counted_page.counted_page` for PostgreSQL; one statement serves every limit and offset."""
    limit, offset = query.limit, query.offset
    if not _is_kept(query):
        return counted_page(query, form, separator).render()
    where = _numbered(query.where)
    kept_one = _kept_counted(query.layer, query.actor, where, where.reads_geometry, _criteria(query), form, separator)
    return _asked(kept_one, (*query.where.values, limit, offset))


def page_statement(query: ItemsQuery, form: Form = "geojson", separator: str = ",") -> Statement:
    """Return `layers.read.query.page` for PostgreSQL; first pages of one limit have one statement."""
    if query.offset or not _is_kept(query):
        return page(query, form, separator).render()
    where = _numbered(query.where)
    criteria = _criteria(query)
    kept_one = _kept_page(query.layer, query.actor, where, where.reads_geometry, criteria, query.limit, form, separator)
    return _asked(kept_one, query.where.values)


@kept
def _kept_counted(
    layer: Layer,
    actor: Actor,
    where: Clause,
    _reads_geometry: bool,  # clauses are equal whether they do or not
    criteria: _Criteria,
    form: Form,
    separator: str,
) -> Statement:
    limit, offset = (Clause("?0::bigint", (AskedValue(len(where.values) + n),)) for n in range(2))
    return composed(ItemsQuery(layer, actor, where, *criteria), form, separator, limit, offset).render_shared()


@kept
def _kept_page(
    layer: Layer,
    actor: Actor,
    where: Clause,
    _reads_geometry: bool,  # as above
    criteria: _Criteria,
    limit: int,
    form: Form,
    separator: str,
) -> Statement:
    return page(ItemsQuery(layer, actor, where, *criteria, limit=limit), form, separator).render_shared()


def _is_kept(query: ItemsQuery) -> bool:
    return query.layer.moment is None and query.after is None and len(query.where.text) <= _KEPT_CHARACTERS_MAX


def _criteria(query: ItemsQuery) -> _Criteria:
    return query.properties, query.skip_geometry, query.crs, query.sort


def _numbered(where: Clause) -> Clause:
    """Return a condition with the numbers of its values in their place."""
    return Clause(where.text, tuple(map(AskedValue, range(len(where.values)))), where.reads_geometry)


def _asked(statement: Statement, asked: tuple[object, ...]) -> Statement:
    text, values = statement
    return text, tuple(asked[value.number] if isinstance(value, AskedValue) else value for value in values)
