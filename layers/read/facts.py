"""The facts of a span as rows of their layer: the fields that a fact adds, and who may see which facts.

A fact is read as the feature that it tells of, as it was then, with a few fields more; so rows, masks and filters
apply to it as they do to features (`layers/read/relation.py`).
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, bind, compose
from layers.definition import FieldDefinition, FieldType, LayerDefinition
from layers.errors import Forbidden
from layers.layer_rights import Case, LayerRights
from layers.moment import OF_FACTS, Facts, Throughout
from layers.policy.definition import EVERY
from layers.read.rights import rights_at
from layers.read.scope import any_of, holds

TIME, PROPERTY, VALUE, TEXT, UNIT, QUALITY, VERSION = (
    f"{OF_FACTS}{name}" for name in ("time", "property", "value", "text", "unit", "quality", "version")
)
_TYPES: Mapping[str, FieldType] = {
    TIME: "datetime", PROPERTY: "string", VALUE: "number", TEXT: "string", UNIT: "string", QUALITY: "string",
    VERSION: "integer", "fact_speed_kmh": "number", "fact_heading_deg": "number",
}  # fmt: skip
_LOCAL = timezone(timedelta(hours=8))
_TRUE = Clause("TRUE")
_ADDED: Mapping[Facts, tuple[str, ...]] = {
    "position": (),
    "observation": (PROPERTY, TIME, VALUE, TEXT, UNIT, QUALITY),
    "version": (TIME, VERSION),
}
_kept: dict[tuple[str, Facts], tuple[LayerDefinition, LayerDefinition]] = {}
_OF_POSITIONS = {"phenomenon_time": TIME, "speed_kmh": "fact_speed_kmh", "heading_deg": "fact_heading_deg"}


def throughout(
    layer: Layer,
    actor: Actor,
    facts: Facts,
    start: datetime,
    end: datetime,
    known_at: datetime | None = None,
    *,
    of_few: bool = False,
) -> Layer:
    """Return a layer of which the facts of a span are read, for an actor; of few features or many (`Throughout`).

    Where an actor sees the times of positions roughly, the span becomes one of whole local days, and so does the time
    until which they had arrived: a narrow one would tell the time.

    Raises
    ------
    Forbidden
        When the actor may read the layer and not these facts of its past.
    """
    definition = _with_facts(layer.definition, facts)
    moment = Throughout(end, "phenomenon", start, facts, known_at, of_few)
    found = replace(layer, definition=definition, moment=moment)
    if not rights_at(found, actor).reads(layer.lowest_grade):
        kind = "where it was" if facts == "position" else "its past"
        raise Forbidden(f"you may read '{layer.id}' as it is now, and not {kind}", parameter="layer")
    if facts != "position" or rights_at(found, actor).is_full_everywhere(
        position_fields(definition)["phenomenon_time"]
    ):
        return found
    known = None if known_at is None else _next_day(known_at)
    return replace(found, moment=replace(moment, at=_next_day(end), start=_day(start), known_at=known))


def _day(moment: datetime) -> datetime:
    return moment.astimezone(_LOCAL).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def _next_day(moment: datetime) -> datetime:
    """Return the first midnight that is not before a moment."""
    return _day(moment + timedelta(days=1) - timedelta(microseconds=1))


def _with_facts(definition: LayerDefinition, facts: Facts) -> LayerDefinition:
    """Return a definition with the fields of facts; the same object for the same one, by which rights are kept."""
    known = _kept.get((definition.id, facts))
    if known is None or known[0] is not definition:
        own = position_fields(definition).values() if facts == "position" else _ADDED[facts]
        added = map(_field, sorted(name for name in own if name in _TYPES))
        known = _kept[definition.id, facts] = definition, definition.with_fields((*definition.fields, *added))
    return known[1]


def _field(name: str) -> FieldDefinition:
    return FieldDefinition(name=name, title_zh=name, title_en=name, type=_TYPES[name])


def position_fields(definition: LayerDefinition) -> dict[str, str]:
    """Return the fields that show the time, speed and heading of a position, by what they show.

    A layer's own field is the one whose rights count; what it has no field for is a field that the fact adds.
    """
    own: dict[str, str] = {
        field.live.position: field.name for field in definition.fields if field.live and field.live.position
    }
    return {what: own.get(what, added) for what, added in _OF_POSITIONS.items()}


def observed_fields(definition: LayerDefinition) -> dict[str, tuple[str, ...]]:
    """Return the fields that each observed property feeds, by its code; the time of any message counts for each."""
    found: dict[str, tuple[str, ...]] = {}
    seen = tuple(field.name for field in definition.fields if field.live and field.live.any_observation == "time")
    for field in definition.fields:
        if field.live is not None and (code := field.live.observed):
            found[code] = (*found.get(code, seen), field.name)
    return found


def holding(rights: LayerRights, names: tuple[str, ...], known: Container[str]) -> Clause:
    """Return the condition over alias `f` of the rows where one case shows some fields in full; empty for all rows."""
    return any_of(holds(case, rights, known) for case in _showing(rights, names))


def allowed(layer: Layer, actor: Actor, code: str = f"f.{PROPERTY}", known: Container[str] | None = None) -> Clause:
    """Return the condition over alias `f` of the observations that an actor may see; empty for all of them.

    A property is seen where one case shows every field that it feeds. The rows are those that the actor sees anyway.

    Parameters
    ----------
    code
        The column of the code of the observed property.
    known
        Names of the fields that the rows have; None is all of them.
    """
    rights, fields = rights_at(layer, actor), observed_fields(layer.definition)
    there = layer.definition.by_name if known is None else known
    seen = {name: _where_shown(rights, shown, there) for name, shown in fields.items()}
    others = _where_shown(rights, unnamed_fields(layer.definition), there)
    if not others and not any(seen.values()):
        return EMPTY
    tests: dict[tuple[str, str], tuple[Clause, list[str]]] = {}  # values of clauses may be lists, which have no hash
    for name, test in seen.items():
        tests.setdefault((test.text, repr(test.values)), (test or _TRUE, []))[1].append(name)
    parts = [
        compose(f"{code} = ANY ({{}}) AND {{}}", bind(sorted(names), "text[]"), test) for test, names in tests.values()
    ]
    parts.append(compose(f"{code} <> ALL ({{}}) AND {{}}", bind(sorted(seen), "text[]"), others or _TRUE))
    return any_of(parts)


def _where_shown(rights: LayerRights, names: tuple[str, ...], known: Container[str]) -> Clause:
    """Return `holding`, and empty too where every case shows the fields: its rows are those that the actor sees."""
    if rights.cases and all(case.showing(name) == "full" for case in rights.cases for name in names):
        return EMPTY
    return holding(rights, names, known)


def unnamed_fields(definition: LayerDefinition) -> tuple[str, ...]:
    """Return what must be seen for a property that feeds no field: the time of the last message, and such things."""
    times = (field.name for field in definition.fields if field.live and field.live.any_observation == "time")
    return (*times, EVERY)


def _showing(rights: LayerRights, names: tuple[str, ...]) -> Iterator[Case]:
    return (case for case in rights.cases if all(case.showing(name) == "full" for name in names))
