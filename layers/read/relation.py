"""The relation a layer's features are read from: its table, or its table joined with the live state of the twin.

Every read of features (items, counts, tiles, exports, the surroundings of a place) begins with `FROM` and this
relation, whose alias is `f`. Live values are joined by key, and PostgreSQL removes the columns and joins that a
statement does not use from its plan.
"""

from __future__ import annotations

from typing import Literal

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, columns_in, compose, join, quote_identifier
from layers.definition import FieldDefinition
from layers.moment import Throughout
from layers.read.facts import allowed
from layers.read.kept import kept
from layers.read.live_value import LiveValues
from layers.read.past import Past
from layers.read.past_facts import PastFacts
from layers.read.present import Present
from layers.read.rights import is_view, rights_at
from layers.read.secure_view import KEPT, needs_kept, secure_view
from layers.tiers import AREA_CODE, GRID_CODE

type How = Literal["stored", "moved", "either"]  # the source of a row's place: table, position or either

_NOW = Present()
_HERE = "ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4490)"
_PLACED = (GRID_CODE, AREA_CODE)  # of a moving feature these follow its position


def relation(layer: Layer, actor: Actor, where: Clause = EMPTY, reads: frozenset[str] | None = None) -> Clause:
    """Return the FROM item, with alias `f`, that this actor reads a layer's features from.

    Parameters
    ----------
    where
        The condition on rows. When it tests the place of moving features, they are looked up among the positions;
        otherwise, and in the past, among the rows of the layer, which then come in the order of their key at no cost.
    reads
        The columns that the statement reads, where these are few (`layers.clause.columns_in`): a view of the others
        would have to be planned too. None is every column.

    Returns
    -------
    Clause
        Columns `id`, `geom` and every field of the layer; of a layer that moves also `_lon_now` and `_lat_now`.
    """
    parts = relations(layer, actor, where, reads)
    if len(parts) == 1:
        return parts[0]
    return compose(f"({' UNION ALL '.join('SELECT f.* FROM {}' for _ in parts)}) AS f", *parts)


def relations(
    layer: Layer, actor: Actor, where: Clause = EMPTY, reads: frozenset[str] | None = None
) -> tuple[Clause, ...]:
    """Return the same as FROM items with a part of the features each, to be sorted and limited part by part."""
    return _visible(layer, actor, by_place=where.reads_geometry, reads=reads)


@kept
def _visible(layer: Layer, actor: Actor, *, by_place: bool, reads: frozenset[str] | None) -> tuple[Clause, ...]:
    parts = _relations(layer, actor, by_place=by_place, needed=_needed(layer, actor, reads))
    if isinstance(layer.moment, Throughout) and layer.moment.facts == "observation" and (seen := allowed(layer, actor)):
        parts = tuple(compose("(SELECT f.* FROM {} WHERE {}) AS f", part, seen) for part in parts)
    if not is_view(layer, actor):
        return parts
    return tuple(secure_view(layer, actor, part, reads) for part in parts)


def _needed(layer: Layer, actor: Actor, reads: frozenset[str] | None) -> frozenset[str] | None:
    """Return the columns that the view of some columns is made of; None is all that there are.

    PostgreSQL leaves the others out too, and takes longer for it than for the rest of a small statement.
    """
    if reads is None or layer.moment is not None or not is_view(layer, actor):
        return None
    return columns_in(secure_view(layer, actor, Clause("rows"), reads).text)


def _relations(
    layer: Layer, actor: Actor, *, by_place: bool, needed: frozenset[str] | None = None
) -> tuple[Clause, ...]:
    """Return FROM items of all rows and their true values.

    Parameters
    ----------
    needed
        Names of the fields that they have; None is all.
    """
    definition = layer.definition
    if layer.is_table:
        return (Clause(f"{layer.table} AS f"),)
    source = _source(layer)
    rows = source.rows(layer, in_order=by_place)

    def select(how: How, table: Clause, joined: Clause = EMPTY) -> Clause:
        return _select(layer, actor, source, how, table, joined, needed)

    if definition.motion is None or not rights_at(layer, actor).motion[0]:
        selects = [select("stored", table) for table in rows]
    elif source.is_past or not by_place:
        joined = source.position(layer)
        selects = [select("either", table, joined) for table in rows]
    else:
        moved = compose("INNER JOIN {} ON p.id = t.id", source.positions(layer))
        absent = compose(" WHERE {}", source.absent(layer))
        selects = [select("moved", table, moved) for table in rows]
        selects += [compose("{}{}", select("stored", table), absent) for table in rows]
    return tuple(compose("({}) AS f", select) for select in selects)


def _source(layer: Layer) -> Present:
    if layer.moment is None:
        return _NOW
    return PastFacts(layer.moment) if isinstance(layer.moment, Throughout) else Past(layer.moment)


def _select(
    layer: Layer,
    actor: Actor,
    source: Present,
    how: How,
    table: Clause,
    joined: Clause,
    needed: frozenset[str] | None,
) -> Clause:
    definition = layer.definition
    values = LiveValues(definition, actor, source, how != "stored")
    columns = [Clause("t.id")]
    if definition.geometry_type != "None":
        columns.append(Clause(f"{_geometry(how)} AS geom"))
    if definition.motion is not None:
        columns += [Clause(f"{_axis(axis, how)} AS _{axis}_now") for axis in ("lon", "lat")]
    if needs_kept(rights_at(layer, actor)):
        there = {"geom", *definition.by_name}
        columns += [Clause(f"t.{quote_identifier(name)} AS {kept}") for name, kept in KEPT.items() if name in there]
    for field in definition.fields:
        if needed is None or field.name in needed:
            columns.append(compose(f"{{}} AS {quote_identifier(field.name)}", _value(field, values, how)))
    joins = join(" ", (joined, *values.joins.values()))
    return compose("SELECT {} FROM {} {}", join(", ", columns), table, joins)


def _value(field: FieldDefinition, values: LiveValues, how: How) -> Clause:
    if field.name not in _PLACED or how == "stored":
        return values.of(field)
    name = quote_identifier(field.name)
    return Clause(f"p.{name}" if how == "moved" else f"CASE WHEN p.id IS NULL THEN t.{name} ELSE p.{name} END")


def _geometry(how: How) -> str:
    return {"stored": "t.geom", "moved": _HERE, "either": f"CASE WHEN p.id IS NULL THEN t.geom ELSE {_HERE} END"}[how]


def _axis(axis: str, how: How) -> str:
    stored = f"ST_{'X' if axis == 'lon' else 'Y'}(t.geom)"
    return {"stored": stored, "moved": f"p.{axis}", "either": f"coalesce(p.{axis}, {stored})"}[how]
