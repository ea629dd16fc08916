"""The rights of an actor on a layer: the rows and fields it sees, and how much of a masked value.

Every query is composed of these clauses (`layers/read/query.py` for items, `tiles/vector.py` for tiles), so that no
output can forget them. The predicate is written into the query because PostGIS's box operators are not
leakproof: row-level security would keep `geom && box` out of the GiST index. Streams apply the same rights to changes
in memory, by the functions at the end.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

from layers.actor import HIGHEST_GRADE, Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, all_of, compose, join, quote_identifier
from layers.definition import GRADE, FieldDefinition, LayerDefinition
from layers.read.masks import mask_column
from layers.tiers import AREA_CODE, AREA_DIGITS, GRID_CODE


@dataclass(frozen=True, slots=True)
class VisibleField:
    """A property as this actor gets it.

    Attributes
    ----------
    expression
        SQL over the table's alias `f`: the column, or the masked value.
    masked
        Whether the value is only shown in part; such a field can be neither filtered nor sorted on.
    """

    definition: FieldDefinition
    expression: str
    masked: bool


def visible_fields(layer: Layer, actor: Actor) -> tuple[VisibleField, ...]:
    """Return the properties this actor gets, in the definition's order."""
    fields = (_visible_field(field, actor) for field in layer.definition.fields)
    return tuple(field for field in fields if field is not None)


def _visible_field(field: FieldDefinition, actor: Actor) -> VisibleField | None:
    column = f"f.{quote_identifier(field.name)}"
    if actor.may_see(field):
        return VisibleField(field, column, masked=False)
    if field.internal or field.mask == "absent" or not actor.sees_masked:
        return None
    return VisibleField(field, mask_column(field.mask, column), masked=True)


def row_scope(layer: Layer, actor: Actor) -> Clause:
    """Return the predicate over alias `f` that keeps the rows this actor may see; empty when that is all of them."""
    return scope_of(actor, layer.definition.by_name, layer.definition.grade)


def scope_of(actor: Actor, known: Container[str], grade: int = HIGHEST_GRADE) -> Clause:
    """Return the predicate over alias `f` that keeps the rows of any table this actor may see; empty when it sees all.

    Parameters
    ----------
    known
        Names of the columns; `data_grade`, `area_code` and `grid_code` count.
    grade
        Data grade of the table: of every row where there is no `data_grade`. Grade 1 is public in every area.
    """
    return join(" AND ", (_up_to_grade(actor, known, grade), areas_of(actor, known, public=grade == 1)))


def _up_to_grade(actor: Actor, known: Container[str], grade: int) -> Clause:
    if actor.clearance >= HIGHEST_GRADE:
        return EMPTY
    if GRADE in known:
        return Clause(f"f.{GRADE} <= ?0::smallint", (actor.clearance,))
    return EMPTY if grade <= actor.clearance else Clause("FALSE")


def areas_of(actor: Actor, known: Container[str], *, public: bool) -> Clause:
    """Keep an actor to its areas; of rows without an area code it sees none, unless they are public.

    Parameters
    ----------
    known
        Names of the columns; `area_code` and `grid_code` count.
    public
        Whether an actor that is bound to areas may see rows without areas.
    """
    if not actor.is_bound:
        return EMPTY
    if AREA_CODE not in known:
        return EMPTY if public else Clause("FALSE")
    return in_areas(actor.area_prefixes, known)


def in_areas(prefixes: Sequence[str], known: Container[str]) -> Clause:
    """Return the predicate over alias `f` of rows in any of some areas; `lies_in_areas` is the same in memory.

    Parameters
    ----------
    prefixes
        Of area codes, or of grid codes where they are longer than 12 digits; none means everywhere.
    known
        Names of the columns; without the column that a prefix is compared with, no row lies in that area.
    """
    if not prefixes:
        return EMPTY
    areas = [prefix for prefix in prefixes if len(prefix) <= AREA_DIGITS]
    grids = [prefix for prefix in prefixes if len(prefix) > AREA_DIGITS]
    parts = [
        Clause(f"f.{column}::text ^@ ANY (?0::text[])", (chosen,))
        for column, chosen in ((AREA_CODE, areas), (GRID_CODE, grids))
        if chosen and column in known
    ]
    return compose("({})", join(" OR ", parts)) if parts else Clause("FALSE")


def scoped(layer: Layer, actor: Actor, *conditions: Clause) -> Clause:
    """Return some conditions and the actor's row scope as one condition; never empty."""
    return all_of((row_scope(layer, actor), *conditions))


def hides_positions(definition: LayerDefinition, actor: Actor) -> bool:
    """Whether the layer's features move and the actor may not see where: it gets their stored place instead."""
    return definition.motion is not None and actor.clearance < definition.motion.grade


def unbound(actor: Actor) -> Actor:
    """Return the actor as if it were bound to no areas, for the names of areas, which are public."""
    return replace(actor, area_prefixes=())


def reaches_area(actor: Actor, code: str) -> bool:
    """Whether an area shares ground with the actor's own, by its unpadded code: one contains the other."""
    own = actor.area_prefixes
    return not own or any(code.startswith(prefix) or prefix.startswith(code) for prefix in own)


def lies_in_areas(prefixes: Iterable[str], area_code: str, grid_code: str) -> bool:
    """Whether codes lie in any of some areas: `in_areas` in memory; an empty code lies nowhere."""
    return any((area_code if len(p) <= AREA_DIGITS else grid_code).startswith(p) for p in prefixes)


def bound_may_see(prefixes: Iterable[str], definition: LayerDefinition, area_code: str, grid_code: str) -> bool:
    """Whether an actor bound to some areas may see a feature: `areas_of` in memory."""
    if AREA_CODE not in definition.by_name:
        return definition.grade == 1
    return lies_in_areas(prefixes, area_code, grid_code)
