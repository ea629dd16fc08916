"""References into other systems (`FieldDefinition.one_time`): which an actor may exchange, and their stored values."""

from __future__ import annotations

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, compose, quote_identifier
from layers.read.rights import visible_fields
from layers.schema.tables import table_of


def one_time_fields(layer: Layer, actor: Actor) -> tuple[str, ...]:
    """Return the fields whose values this actor may exchange tickets for, of some rows; empty for most layers."""
    if not any(field.one_time for field in layer.definition.fields):
        return ()
    return tuple(field.definition.name for field in visible_fields(layer, actor) if field.definition.one_time)


def stored_reference(layer: Layer, feature_id: str, field: str) -> Clause:
    """Build the statement of a stored value, whoever asks: one row with `value`, or none.

    Raises
    ------
    KeyError
        For a field that is no reference.
    """
    if not layer.definition.by_name[field].one_time:
        raise KeyError(field)
    return compose(
        f"SELECT f.{quote_identifier(field)} AS value FROM {table_of(layer.id)} AS f WHERE {{}}",
        Clause("f.id = ?0::text", (feature_id,)),
    )
