"""The rights of an actor on a layer as SQL: the rows and fields it sees, and how much of a masked value.

Every query is composed of these clauses (`layers/read/query.py` for items, `tiles/vector.py` for tiles), so that no
output can forget them. Where all visible rows show the same, features are read from the table and the predicate is
written into the query (`scoped`); PostGIS's box operators are not leakproof, and row-level security would keep
`geom && box` out of the GiST index. Where rows show different things, `layers/read/secure_view.py` puts a statement in
the place of the table, and what a row does not show does not exist for filters and sorts either.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, all_of, quote_identifier
from layers.definition import FieldDefinition, FieldType
from layers.errors import Forbidden
from layers.layer_rights import LayerRights, rights_of
from layers.moment import Moment, Throughout
from layers.policy.definition import Showing
from layers.read.caller import properties_of
from layers.read.fact_rights import rights_of_facts
from layers.read.kept import kept
from layers.read.masks import mask_column, shown_type
from layers.read.scope import in_areas, is_kept_to_areas, lies_in_areas, reaches_area, scope_of, unbound
from layers.tiers import AREA_DIGITS, GRID_CODE, TIER_OF_LAYER

__all__ = [
    "VisibleField",
    "in_areas",
    "is_kept_to_areas",
    "is_view",
    "judges_rows",
    "layer_at",
    "lies_in_areas",
    "plain_fields",
    "reaches_area",
    "rights_at",
    "row_scope",
    "scope_of",
    "scope_over",
    "scoped",
    "shows_alike",
    "table_scoped",
    "unbound",
    "visible_fields",
]
SHOWN = "_shown_{}"
"""The column of a secure view that holds a value shown in another type than the field's own."""


@dataclass(frozen=True, slots=True)
class VisibleField:
    """A property as this actor gets it.

    Attributes
    ----------
    expression
        SQL over alias `f` of the layer's relation: the column, or the masked value.
    masked
        Whether the value is only ever shown in part; such a field can be neither filtered nor sorted on.
    type
        The type of the value that is shown.
    """

    definition: FieldDefinition
    expression: str
    masked: bool
    type: FieldType


def rights_at(layer: Layer, actor: Actor) -> LayerRights:
    """Return what an actor may do with a layer; as of a moment, by the cases that let it look back.

    Of the facts of a span, by those for facts (`layers.read.fact_rights`).
    """
    rights = rights_of(layer.definition, actor if layer.moment is None else actor.as_historian())
    return rights_of_facts(rights, layer.moment.facts) if isinstance(layer.moment, Throughout) else rights


def layer_at(layer: Layer, actor: Actor, moment: Moment | None) -> Layer:
    """Return a layer as of a moment for an actor; None is the present.

    Raises
    ------
    Forbidden
        When the actor may read the layer and not its past.
    """
    at = visible_at(layer, actor, moment)
    if at is None:
        raise Forbidden(f"you may read '{layer.id}' as it is now, and not as it was", parameter="at")
    return at


def visible_at(layer: Layer, actor: Actor, moment: Moment | None) -> Layer | None:
    """Return a layer that an actor may read as of a moment, None being the present; None when its past is not his."""
    at = layer.as_of(moment)
    return at if moment is None or rights_at(at, actor).reads(layer.lowest_grade) else None


@kept
def visible_fields(layer: Layer, actor: Actor) -> tuple[VisibleField, ...]:
    """Return the properties this actor gets, in the definition's order."""
    rights = rights_at(layer, actor)
    view = is_view(layer, actor)
    fields = (_visible_field(field, rights, in_view=view) for field in layer.definition.fields)
    return tuple(field for field in fields if field is not None)


@kept
def plain_fields(layer: Layer, actor: Actor) -> Mapping[str, VisibleField]:
    """Return the fields of which this actor gets plain values, by name: rows may be chosen and computed by them."""
    seen = {field.definition.name: field for field in visible_fields(layer, actor) if not field.masked}
    return MappingProxyType(seen)


def _visible_field(field: FieldDefinition, rights: LayerRights, *, in_view: bool) -> VisibleField | None:
    showings = showings_of(rights, field.name)
    if not showings:
        return None
    column, masked = f"f.{quote_identifier(field.name)}", not rights.is_full(field.name)
    if not in_view:
        (how,) = showings
        return VisibleField(field, mask_column(how, column, field.type), masked, shown_type(how, field.type))
    if any(changes_type(how, field.type) for how in showings):
        shown = f"f.{quote_identifier(SHOWN.format(field.name))}"
        return VisibleField(field, f"coalesce({column}::text, {shown})", masked, "string")
    return VisibleField(field, column, masked, field.type)


def showings_of(rights: LayerRights, name: str) -> set[Showing]:
    """Return the ways in which a field is shown, of some row or other; empty when it is never shown."""
    return {case.showing(name) for case in rights.cases} - {"absent"}


def changes_type(how: Showing, kind: FieldType) -> bool:
    """Whether what is shown is of another type than the field."""
    return how != "full" and shown_type(how, kind) != kind


@kept
def is_view(layer: Layer, actor: Actor) -> bool:
    """Whether this actor reads a layer through a statement of its own, and not from the table with a condition."""
    rights = rights_at(layer, actor)
    return not rights.is_uniform or bool(filtered_references(layer, rights))


def filtered_references(layer: Layer, rights: LayerRights) -> tuple[FieldDefinition, ...]:
    """Return the shown fields that refer to features of which the actor may not see every one."""
    if rights.actor.policy is None:
        return ()
    shown = (field for field in layer.definition.fields if field.refers_to and showings_of(rights, field.name))
    return tuple(field for field in shown if not all(_is_open(layer, one, rights.actor) for one in field.refers_to))


def _is_open(layer: Layer, target: str, actor: Actor) -> bool:
    if target in TIER_OF_LAYER:
        return True  # codes of areas are no secret
    definition = layer.referred.get(target)
    return definition is None or rights_of(definition, actor).is_open


def row_scope(layer: Layer, actor: Actor) -> Clause:
    """Return the predicate over alias `f` of the layer's table, or a table with its columns: the rows this actor sees.

    Empty when that is all of them.
    """
    return scope_over(layer, actor, {field.name for field in layer.definition.stored_fields if field.live is None})


def scope_over(layer: Layer, actor: Actor, known: Collection[str]) -> Clause:
    """Return the predicate over alias `f` of a table that has some of the layer's columns; empty for all its rows."""
    return scope_of(rights_at(layer, actor), known)


def shows_alike(layer: Layer, actor: Actor, name: str) -> bool:
    """Whether a field is shown in the same way of all rows that the actor sees."""
    return len({case.showing(name) for case in rights_at(layer, actor).cases}) < 2


def judges_rows(layer: Layer, actor: Actor, known: Collection[str]) -> bool:
    """Whether some columns are enough to tell which features of a layer this actor sees, and each at its place."""
    rights = rights_at(layer, actor)
    return all(
        case.geometry == "full"
        and (case.rows is None or properties_of(case.rows) <= set(known))
        and (GRID_CODE in known or not any(len(prefix) > AREA_DIGITS for prefix in case.prefixes or ()))
        for case in rights.cases
    )


def scoped(layer: Layer, actor: Actor, *conditions: Clause) -> Clause:
    """Return some conditions over the relation of a layer, and the actor's row scope, as one condition; never empty."""
    return all_of(conditions) if is_view(layer, actor) else all_of((_scope(layer, actor), *conditions))


@kept
def _scope(layer: Layer, actor: Actor) -> Clause:
    return scope_of(rights_at(layer, actor), layer.definition.by_name)


def table_scoped(layer: Layer, actor: Actor, *conditions: Clause) -> Clause:
    """Return the same for a table with the layer's columns, whose rows are found and not shown."""
    return all_of((row_scope(layer, actor), *conditions))
