"""The statement that stands in the place of a layer's table where rows show an actor different things.

Each column is the visible value of its field: of every row as much as the most generous case that holds for it gives,
NULL where none does. Filters, sorts, boxes, counts and tiles are written over these columns, so that none of them can
tell hidden values apart. PostgreSQL pulls the statement up into the query around it; a column that all cases show in
full is the column of the table, with its indexes.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, compose, join, quote_identifier
from layers.definition import FieldDefinition
from layers.layer_rights import GEOMETRIES, SHOWINGS, Case, LayerRights, rights_of
from layers.policy.definition import Showing
from layers.read.masks import mask_column, mask_geometry
from layers.read.rights import SHOWN, changes_type, filtered_references, rights_at, row_scope, showings_of
from layers.read.scope import NOTHING, any_of, holds
from layers.schema.tables import COLUMN_TYPES, table_of
from layers.tiers import AREA_CODE, GRID_CODE, TIER_OF_LAYER

KEPT = {"geom": "_kept_geom", AREA_CODE: "_kept_area_code", GRID_CODE: "_kept_grid_code"}
"""Columns of a moving feature as its row has them, for cases that do not show positions beside some that do."""
_ADDRESS = ", f.ctid AS ctid"  # of a row of a table, by which chosen rows are read again


def needs_kept(rights: LayerRights) -> bool:
    """Whether the inner statement must have the columns of `KEPT`."""
    some, every = rights.motion
    return rights.definition.motion is not None and some and not every


def secure_view(layer: Layer, actor: Actor, inner: Clause, reads: Container[str] | None = None) -> Clause:
    """Return the FROM item, with alias `f`, of what an actor sees of a layer.

    Parameters
    ----------
    inner
        The FROM item with alias `f` of all rows and their true values.
    reads
        The fields that the view has, beside id and place; None is all. Then every costly case is tested once a row, in
        a FROM item that PostgreSQL does not write into each column (`OFFSET 0`); of few fields it would cost more.
    """
    rights = rights_at(layer, actor)
    predicates = {case: _holds(case, rights) for case in rights.cases}
    costly = [case for case in rights.cases if not case.is_by_grade] if reads is None else []
    flags = {case: f"case_{number}" for number, case in enumerate(costly)}
    tests = {case: Clause(f"h.{flags[case]}") if case in flags else holds for case, holds in predicates.items()}
    named = [compose(f"({{}}) AS {flag}", predicates[case] or Clause("TRUE")) for case, flag in flags.items()]
    address = _ADDRESS if layer.is_table else ""
    return compose(
        f"(SELECT f.id{address}{{}} FROM {{}}{{}} WHERE {{}}) AS f",
        _Writer(layer, rights, tests).select(reads),
        inner,
        compose(" CROSS JOIN LATERAL (SELECT {} OFFSET 0) AS h", join(", ", named)) if named else EMPTY,
        any_of(predicates[case] for case in rights.widest) or Clause("TRUE"),
    )


def _holds(case: Case, rights: LayerRights) -> Clause:
    moved = KEPT if needs_kept(rights) and not case.shows_motion else {}
    return holds(case, rights, rights.definition.by_name, moved)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the columns of a view.

    Attributes
    ----------
    tests
        The predicate of each case.
    """

    layer: Layer
    rights: LayerRights
    tests: Mapping[Case, Clause]

    def select(self, reads: Container[str] | None) -> Clause:
        definition = self.rights.definition
        columns = []
        if definition.geometry_type != "None":
            place = self._place()
            columns.append(compose("{} AS geom", place))
            if definition.motion is not None:
                columns += self._axes(place)
        filtered = {field.name for field in filtered_references(self.layer, self.rights)}
        for field in definition.fields:
            if not field.internal and (reads is None or field.name in reads):
                columns += self._field(field, is_filtered=field.name in filtered)
        return join("", (compose(", {}", column) for column in columns))

    def _axes(self, place: Clause) -> list[Clause]:
        if place.text == "f.geom" and not needs_kept(self.rights):
            return [Clause(f"f._{axis}_now AS _{axis}_now") for axis in ("lon", "lat")]
        return [compose(f"ST_{letter}({{}}) AS _{axis}_now", place) for axis, letter in (("lon", "X"), ("lat", "Y"))]

    def _place(self) -> Clause:
        def expression(case: Case) -> str:
            kept = needs_kept(self.rights) and not case.shows_motion
            return mask_geometry(case.geometry, f"f.{KEPT['geom']}" if kept else "f.geom")

        def rank(case: Case) -> tuple[int, int]:
            return case.shows_motion, GEOMETRIES.index(case.geometry)

        return self._cases(expression, rank, "NULL::geometry")

    def _field(self, field: FieldDefinition, *, is_filtered: bool) -> list[Clause]:
        name, null = quote_identifier(field.name), f"NULL::{COLUMN_TYPES[field.type]}"
        own = [how for how in showings_of(self.rights, field.name) if not changes_type(how, field.type)]
        shown = self._value(field, lambda how: how in own, null)
        columns = [
            compose(f"{{}} AS {name}", _visible_part(self.layer, field, self.rights, shown) if is_filtered else shown)
        ]
        if len(own) < len(showings_of(self.rights, field.name)):
            other = self._value(field, lambda how: how != "absent" and how not in own, "NULL::text")
            columns.append(compose(f"{{}} AS {quote_identifier(SHOWN.format(field.name))}", other))
        return columns

    def _value(self, field: FieldDefinition, allowed: Callable[[Showing], bool], null: str) -> Clause:
        def expression(case: Case) -> str:
            how = case.showing(field.name)
            column = self._column(field, case)
            return null if column is None or not allowed(how) else mask_column(how, column, field.type)

        def rank(case: Case) -> tuple[int, int]:
            how = case.showing(field.name)
            return SHOWINGS.index(how) if allowed(how) else 0, case.shows_motion

        return self._cases(expression, rank, null)

    def _column(self, field: FieldDefinition, case: Case) -> str | None:
        """Return the column of a field in the rows of a case; None for what only positions tell."""
        name = field.name
        if needs_kept(self.rights) and not case.shows_motion:
            if field.live is not None and field.live.position:
                return None
            name = KEPT.get(name, name)
        return f"f.{quote_identifier(name)}"

    def _cases(self, expression: Callable[[Case], str], rank: Callable[[Case], tuple[int, int]], null: str) -> Clause:
        """Write one column: the expressions of the cases, the most generous first, each where its cases hold."""
        groups: dict[str, list[Case]] = {}
        for case in sorted(self.rights.cases, key=rank, reverse=True):
            groups.setdefault(expression(case), []).append(case)
        nothing = groups.pop(null, [])
        if not groups:
            return Clause(null)
        if len(groups) == 1 and not nothing:
            return Clause(next(iter(groups)))
        parts = [
            compose(f"WHEN {{}} THEN {text}", any_of(self.tests[case] for case in cases) or Clause("TRUE"))
            for text, cases in groups.items()
        ]
        return compose("CASE {} END", join(" ", parts))


def _visible_part(layer: Layer, field: FieldDefinition, rights: LayerRights, value: Clause) -> Clause:
    """Return the references in a value to features that the actor may see; for no value nothing is looked up."""
    scopes = [_referred(layer, target, rights.actor) for target in field.refers_to]
    seen = any_of(scopes)
    if not seen:
        return value
    if field.type == "string_array":
        chosen = compose(
            "(SELECT array_agg(r.x ORDER BY r.n) FROM unnest({}) WITH ORDINALITY AS r (x, n) WHERE {})", value, seen
        )
    else:
        chosen = compose("(SELECT r.x FROM (SELECT {} AS x) AS r WHERE {})", value, seen)
    there = "cardinality({}) > 0" if field.type == "string_array" else "{} IS NOT NULL"
    return compose(f"CASE WHEN {there} THEN {{}} END", value, chosen)


def _referred(layer: Layer, target: str, actor: Actor) -> Clause:
    """Return the condition that `r.x` is the id of a feature of a layer that the actor may see."""
    definition = layer.referred.get(target)
    if definition is None or not rights_of(definition, actor).cases:
        return NOTHING
    if target in TIER_OF_LAYER:
        return EMPTY  # codes of areas are no secret
    scope = row_scope(Layer(definition, 0, layer.changed_at), actor)
    return compose(f"EXISTS (SELECT FROM {table_of(target)} AS f WHERE f.id = r.x AND {{}})", scope or Clause("TRUE"))
