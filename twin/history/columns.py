"""The columns of history as rows: each a visible field of a fact, with its type, unit and titles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import quote_literal
from layers.cql2 import Queryable, queryables_of
from layers.definition import FieldType
from layers.moment import Facts
from layers.read.facts import PROPERTY, QUALITY, TEXT, TIME, UNIT, VALUE, VERSION, position_fields
from layers.read.rights import VisibleField, plain_fields, rights_at, visible_fields

_MEASURED = {
    "property": PROPERTY, "time": TIME, "value": VALUE, "text": TEXT, "unit": UNIT, "quality_flag": QUALITY,
}  # fmt: skip
_TITLES = {
    "layer": ("图层", "Layer"), "id": ("编号", "Id"), "property": ("观测项", "Property"), "time": ("时间", "Time"),
    "value": ("数值", "Value"), "text": ("文本值", "Text"), "unit": ("单位", "Unit"),
    "quality_flag": ("质量标记", "Quality flag"), "lon": ("经度", "Longitude"), "lat": ("纬度", "Latitude"),
    "version": ("版本", "Version"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HistoryColumn:
    """A column of rows.

    Attributes
    ----------
    expression
        SQL over alias `f` of the layer's relation.
    unit
        In UCUM; None for none.
    """

    name: str
    expression: str
    type: FieldType
    title_zh: str
    title_en: str
    unit: str | None = None


def columns_of(layer: Layer, actor: Actor, facts: Facts) -> tuple[HistoryColumn, ...]:
    """Return the columns of the facts of a layer throughout a span, in their order.

    Those of positions and observations are the same for every layer: what an actor does not see of one is null.
    """
    shown = {field.definition.name: field for field in visible_fields(layer, actor)}
    columns = [HistoryColumn("id", "f.id", "string", *_TITLES["id"])]
    if facts == "version":
        columns += [_added("time", TIME, shown), _added("version", VERSION, shown)]
        columns += [_own(field) for name, field in shown.items() if name not in {TIME, VERSION}]
    elif facts == "observation":
        columns += [_added(name, field, shown) for name, field in _MEASURED.items()]
    else:
        columns += _moved(layer, shown)
    if facts != "version":
        columns.insert(0, HistoryColumn("layer", quote_literal(layer.id), "string", *_TITLES["layer"]))
    return (*columns, *_place(layer, actor))


def time_field(layer: Layer, facts: Facts) -> str:
    """Return the field that holds the time of a fact."""
    return position_fields(layer.definition)["phenomenon_time"] if facts == "position" else TIME


def fact_queryables(layer: Layer, actor: Actor, facts: Facts) -> dict[str, Queryable]:
    """Return what facts may be chosen by: the visible fields of their features, and of observations their own."""
    full = plain_fields(layer, actor).keys()
    known = queryables_of(layer.definition, actor.as_historian())
    kept = {name: one for name, one in known.items() if name in full or name in {"id", "geom", "geometry"}}
    own = {name: field for name, field in _MEASURED.items() if facts == "observation" and field in kept}
    named = {name: Queryable(name, kept[field].column, kept[field].type) for name, field in own.items()}
    return {name: one for name, one in {**named, **kept}.items() if not name.startswith("fact_")}


def _moved(layer: Layer, shown: dict[str, VisibleField]) -> Iterator[HistoryColumn]:
    fields = position_fields(layer.definition)
    yield _added("time", fields["phenomenon_time"], shown)
    yield _named("speed_kmh", fields["speed_kmh"], shown, "number", ("速度", "Speed"), "km/h")
    yield _named("heading_deg", fields["heading_deg"], shown, "number", ("航向", "Heading"), "deg")
    for name, titles in (("grid_code", ("网格", "Grid")), ("area_code", ("区划", "Area"))):
        yield _named(name, name, shown, "string", titles, None)


def _added(name: str, field: str, shown: dict[str, VisibleField]) -> HistoryColumn:
    kinds: dict[str, FieldType] = {"time": "datetime", "value": "number", "version": "integer"}
    return _named(name, field, shown, kinds.get(name, "string"), _TITLES[name], None)


def _named(  # what a column is made of
    name: str,
    field: str,
    shown: dict[str, VisibleField],
    kind: FieldType,
    titles: tuple[str, str],
    unit: str | None,
) -> HistoryColumn:
    """Return a column that shows a field in its type; null where the actor does not see it so."""
    visible = shown.get(field)
    expression = visible.expression if visible is not None and visible.type == kind else "NULL"
    casts = {"datetime": "timestamptz", "number": "float8", "integer": "bigint"}
    return HistoryColumn(name, f"({expression})::{casts.get(kind, 'text')}", kind, *titles, unit)


def _own(field: VisibleField) -> HistoryColumn:
    one = field.definition
    return HistoryColumn(one.name, field.expression, field.type, one.title_zh, one.title_en, one.unit)


def _place(layer: Layer, actor: Actor) -> Iterator[HistoryColumn]:
    """Yield longitude and latitude in CRS84; null where features are no points or have no place that is shown."""
    shows = layer.definition.geometry_type == "Point" and rights_at(layer, actor).shows_place
    for name, axis in (("lon", "X"), ("lat", "Y")):
        value = f"round(ST_{axis}(f.geom)::numeric, 7)::float8" if shows else "NULL::float8"
        yield HistoryColumn(name, value, "number", *_TITLES[name], "deg")
