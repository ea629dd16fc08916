"""Which layers, rows and fields of a world a reader is asked about: all of them, or one of every class.

A class is what the policy treats alike: layers of one shape under the same rules, rows that the same rules show,
fields of one type that are shown in the same ways. Which member stands for its class goes with the reader, so that over
all readers every layer is asked about.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.rights.oracle import GEOM, reading, seen


@dataclass(frozen=True)
class Asked:
    """A layer to ask about.

    Attributes
    ----------
    rows, fields
        Those that are asked about one by one.
    hidden
        Names of the fields of which no row shows anything.
    """

    definition: object
    rows: list
    fields: list
    hidden: frozenset
    in_full: bool = False


def everything(definitions, rows):
    """Return every layer with all of its rows and fields."""
    return [
        Asked(definition, rows[definition.id], list(definition.fields), frozenset(definition.by_name), in_full=True)
        for definition in definitions.values()
    ]


def one_of_each(definitions, rows, actor, turn):
    """Return one layer, row and field of every class of an actor; the turn chooses among the members."""
    layers = _chosen(definitions.values(), lambda definition: _layer_class(definition, actor), turn)
    return [_of_layer(definition, rows[definition.id], actor, turn) for definition in layers]


def _of_layer(definition, rows, actor, turn):
    shown = {row["id"]: seen(actor, definition, row) for row in rows}
    chosen = _chosen(rows, lambda row: shown[row["id"]] and shown[row["id"]].by, turn)
    fields = _chosen(definition.fields, lambda field: _field_class(field, shown.values()), turn)
    seen_ever = {name for one in shown.values() if one for name in one.fields}
    return Asked(definition, chosen, fields, frozenset(definition.by_name) - seen_ever)


def _layer_class(definition, actor):
    rules = tuple(rule.id for rule in reading(actor, definition))
    return rules, definition.geometry_type, definition.motion is None


def _field_class(field, shown):
    ways = {one.fields.get(field.name) for one in shown if one}
    if ways <= {None}:
        return field.internal, field.live is None  # refused, whatever its type
    return field.type, frozenset(ways), field.tells_place, field.internal, bool(field.refers_to), field.live is None


def _chosen(members, class_of, turn):
    classes = {}
    for member in members:
        classes.setdefault(class_of(member), []).append(member)
    return [same[turn % len(same)] for same in classes.values()]


def places_of(asked):
    """Return the places of the rows to ask about."""
    return [row[GEOM] for row in asked.rows if GEOM in row]
