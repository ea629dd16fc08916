"""What an actor sees of a layer: which rows, which fields, and how much of a masked value.

Every query is composed of these clauses (`layers/read/query.py` for items, `tiles/vector.py` for tiles), so that no
output can forget them. The predicate is written into the query because PostGIS's box operators are not
leakproof: row-level security would keep `geom && box` out of the GiST index.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, all_of, compose, join, quote_identifier
from layers.definition import FieldDefinition, Mask

_AREA_CODE_DIGITS = 12  # a longer prefix is a grid's code
_MASKS: dict[Mask, str] = {
    "name": "left({0}, 1) || '**'",  # 张**
    "phone": "left({0}, 3) || '****' || right({0}, 4)",  # 138****1234
    "plate": "left({0}, 2) || '**' || right({0}, 3)",  # 粤A**123
}


@dataclass(frozen=True, slots=True)
class VisibleField:
    """A property as this actor gets it.

    Attributes
    ----------
    expression
        SQL over the table's alias `f`: the column, or what a mask leaves of it.
    masked
        Whether the value is only shown in part; such a field can be neither filtered nor sorted on.
    """

    definition: FieldDefinition
    expression: str
    masked: bool


def visible_fields(layer: Layer, actor: Actor) -> tuple[VisibleField, ...]:
    """Return the properties this actor gets, in the definition's order."""
    seen = (_seen(field, actor) for field in layer.definition.fields)
    return tuple(field for field in seen if field is not None)


def _seen(field: FieldDefinition, actor: Actor) -> VisibleField | None:
    column = f"f.{quote_identifier(field.name)}"
    if actor.may_see(field):
        return VisibleField(field, column, masked=False)
    if field.internal or field.mask == "absent" or not actor.sees_masked:
        return None
    return VisibleField(field, _MASKS[field.mask].format(column), masked=True)


def row_scope(layer: Layer, actor: Actor) -> Clause:
    """Return the predicate over alias `f` that keeps the rows this actor may see; empty when that is all of them."""
    public = layer.definition.grade == 1
    return join(" AND ", (_grade(layer, actor), areas_of(actor, layer.definition.by_name, public=public)))


def _grade(layer: Layer, actor: Actor) -> Clause:
    if actor.clearance >= 4:
        return EMPTY
    if "data_grade" in layer.definition.by_name:
        return Clause("f.data_grade <= ?0::smallint", (actor.clearance,))
    return EMPTY if layer.definition.grade <= actor.clearance else Clause("FALSE")


def areas_of(actor: Actor, known: Container[str], *, public: bool) -> Clause:
    """Keep an actor to its areas; of rows that know no areas it sees nothing, unless they are public.

    Parameters
    ----------
    known
        Names of the columns; `area_code` and `grid_code` count.
    public
        Whether whoever is bound to areas may see rows without areas.
    """
    if not actor.area_prefixes:
        return EMPTY
    if "area_code" not in known:
        return EMPTY if public else Clause("FALSE")
    areas = [prefix for prefix in actor.area_prefixes if len(prefix) <= _AREA_CODE_DIGITS]
    grids = [prefix for prefix in actor.area_prefixes if len(prefix) > _AREA_CODE_DIGITS]
    parts = [Clause("f.area_code::text ^@ ANY (?0::text[])", (areas,))] if areas else []
    if grids and "grid_code" in known:
        parts.append(Clause("f.grid_code::text ^@ ANY (?0::text[])", (grids,)))
    return compose("({})", join(" OR ", parts)) if parts else Clause("FALSE")


def scoped(layer: Layer, actor: Actor, *wanted: Clause) -> Clause:
    """Return what the caller wants and what the actor may see, as one condition; never empty."""
    return all_of((row_scope(layer, actor), *wanted))
