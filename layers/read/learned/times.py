"""The times in which an actor may see a measured property of a feature, by what the feature was then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, all_of, bind, compose, join, quote_identifier
from layers.layer_rights import LayerRights
from layers.read.facts import holding, observed_fields, unnamed_fields
from layers.read.past import strictest
from layers.read.rights import rights_at
from layers.schema.tables import keeps_past, past_of

_BEGINS = "coalesce((SELECT max(l._known_to) FROM {0} AS l WHERE l.id = r.id{1}), '-infinity')"


def fields_of(layer: Layer, code: str) -> tuple[str, ...]:
    """Return the fields that must all be seen for a property to be seen."""
    return observed_fields(layer.definition).get(code, unnamed_fields(layer.definition))


def shows_property(layer: Layer, actor: Actor, code: str) -> bool:
    """Whether an actor sees a property of some features of a layer."""
    names = fields_of(layer, code)
    return any(all(case.showing(name) == "full" for name in names) for case in _rights(layer, actor).cases)


def visible_times(layer: Layer, actor: Actor, feature_id: str, code: str) -> Clause:
    """Build the statement of the times in which an actor may see a property of a feature: `start, end_`.

    Parameters
    ----------
    layer
        As of any moment: the cases count that let the actor look back.

    Returns
    -------
    Clause
        A row for each version of the feature that may be seen, infinite at open sides; none when nothing may be.
    """
    definition = layer.definition
    stored = [field.name for field in definition.stored_fields]
    known = {field.name for field in definition.stored_fields if field.live is None}
    seen = holding(_rights(layer, actor), fields_of(layer, code), known)
    shape = ["r.geom"] if definition.geometry_type != "None" else []
    columns = ["r.id", *shape, *(f"r.{quote_identifier(name)}" for name in stored)]
    versions = _versions(layer, columns) if keeps_past(layer.id) else _only(layer, columns)
    own = bind(feature_id, "text")
    parts = join(" UNION ALL ", (compose(f"{text} WHERE r.id = {{}}", own) for text in versions))
    return compose(
        "SELECT f._from AS start, f._to AS end_ FROM ({}) AS f WHERE {} ORDER BY 1",
        parts,
        all_of((seen,)),
    )


def _only(layer: Layer, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the statement of the rows of a layer without a past, as they are known to have always been."""
    always = "'-infinity'::timestamptz AS _from, 'infinity'::timestamptz AS _to"
    return (f"SELECT {', '.join(columns)}, {always} FROM {layer.table} AS r",)


def _versions(layer: Layer, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the statements of the present rows and of those they replaced, each with its time."""
    past = past_of(layer.id)
    replaced = [strictest(layer) if column == 'r."data_grade"' else column for column in columns]
    begins = _BEGINS.format(past, ""), _BEGINS.format(past, " AND l._known_to < r._known_to")
    return (
        f"SELECT {', '.join(columns)}, {begins[0]} AS _from, 'infinity'::timestamptz AS _to FROM {layer.table} AS r",
        f"SELECT {', '.join(replaced)}, {begins[1]}, r._known_to FROM {past} AS r",
    )


def _rights(layer: Layer, actor: Actor) -> LayerRights:
    """Return the rights; of what moves, those that hold wherever it is, for its place is not looked up."""
    rights = rights_at(layer, actor)
    if layer.definition.motion is None:
        return rights
    return replace(rights, all_cases=tuple(case for case in rights.all_cases if case.prefixes is None))
