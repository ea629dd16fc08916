"""Changes of features, checked against the definition of their layer before anything is written.

What a file must pass to be loaded, a feed must pass too: types, code lists and lengths of the fields, kind and place
of the geometry. Texts in Chinese forms (是, 2026年6月8日, labels of codes) are read as in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely

from layers.catalog import Catalog, Layer
from layers.definition import FieldDefinition
from layers.gate import Gate, SourceCrs
from layers.load.repair import repair_geometries
from layers.loaders.batch import Batch
from layers.values import convert
from twin.envelope_message import Message, Reading
from twin.envelope_refused import Reason, Refusal, Refused, raw_of, shown
from twin.envelope_write import write_structured

KEPT_BY_THE_HOUSE = frozenset({"data_grade", "created_at", "updated_at", "version", "crs_source"})
_REASONS = {
    "too_long": Reason.TOO_LONG,
    "unknown_code": Reason.UNKNOWN_CODE,
    "outside_district": Reason.OUTSIDE_DISTRICT,
}
_CGCS2000 = SourceCrs(4490)


def check_changes(reading: Reading, catalog: Catalog) -> None:
    """Bring the changes of features in a reading to their layers' types; move those that do not fit to the refused."""
    if not any(message.kind == "feature_change" for message in reading.messages):
        return
    kept: list[Message] = []
    for index, message in enumerate(reading.messages):
        if message.kind != "feature_change":
            kept.append(message)
            continue
        try:
            kept.append(checked(message, catalog))
        except Refused as error:
            reading.refused.append(Refusal.of(index, error, raw_of(write_structured(message))))
    reading.messages[:] = kept


def checked(message: Message, catalog: Catalog) -> Message:
    """Return a change with its properties in the types of the layer's fields, and its geometry as the layer has it.

    Raises
    ------
    Refused
        When the layer cannot be changed so, or a value does not fit; the message says what would.
    """
    layer = catalog.get(message.layer)
    if layer is None or message.layer == "events":
        what = "events come as messages of kind event" if layer else f"there is no layer {shown(message.layer)}"
        raise Refused(Reason.NOT_SUPPLIED, what, parameter="subject")
    data = dict(message.data)
    if data["change"] == "delete":
        return message
    data["properties"] = _properties(layer, catalog, data["properties"], whole=data["change"] == "upsert")
    located = message.lon is not None or "geometry" in data
    if located:
        shape = _shape(layer, catalog, message)
        if "geometry" in data:
            data["geometry"] = orjson.loads(shapely.to_geojson(shape))
    elif data["change"] == "upsert" and layer.definition.geometry_type != "None":
        raise Refused(Reason.MISSING, "an upsert of a feature with a place has lon and lat, or a geometry")
    return message._replace(data=data)


def _properties(layer: Layer, catalog: Catalog, given: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    known = {f.name: f for f in layer.definition.fields if f.has_column and f.name not in KEPT_BY_THE_HOUSE}
    made = {}
    for name, value in given.items():
        field = known.get(name)
        if field is None or field.derived is not None:
            why = "is computed here" if field else f"is no field that a feed writes; those of {layer.id} are"
            allowed = "" if field else f" {', '.join(n for n, f in known.items() if not f.derived)}"
            raise Refused(Reason.UNKNOWN_FIELD, f"{name} {why}{allowed}", parameter=name)
        made[name] = None if value is None else _value(field, catalog, value)
    for field in known.values():
        is_missing = made.get(field.name) is None and (whole or field.name in made)
        if field.required and field.derived is None and is_missing:
            raise Refused(Reason.MISSING, f"{field.name} ({field.title_zh}) must be given", parameter=field.name)
    return made


def _value(field: FieldDefinition, catalog: Catalog, value: Any) -> Any:
    if field.type == "json":
        return value
    if field.type == "string_array":
        return _list(field, value)
    if isinstance(value, dict | list):
        raise Refused(Reason.WRONG_TYPE, f"{field.name} is {shown(value)}; needed is one value", parameter=field.name)
    codes = catalog.code_lists.get(field.codes) if field.codes else None
    made = convert(pa.array([_text(value)]), field, codes)
    if made.bad[0]:
        reason = _REASONS.get(made.reason, Reason.WRONG_TYPE)
        needed = f"{field.name} is {shown(value)}; needed is {made.expected}"
        raise Refused(reason, needed, parameter=field.name)
    return made.values[0].as_py()


def _list(field: FieldDefinition, value: Any) -> list[str]:
    parts: Sequence[Any] = value if isinstance(value, list) else [value]
    if any(isinstance(part, dict | list) for part in parts):
        raise Refused(Reason.WRONG_TYPE, f"{field.name} is a list of texts", parameter=field.name)
    return [_text(part) for part in parts if part is not None]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, date | datetime):
        return value.isoformat()
    return orjson.dumps(value).decode()


def _shape(layer: Layer, catalog: Catalog, message: Message) -> shapely.Geometry:
    """Return the geometry of a change, valid and of the layer's kind, in the district or at most 2 km outside."""
    if layer.definition.geometry_type == "None":
        raise Refused(Reason.UNKNOWN_FIELD, f"{layer.id} has no geometries", parameter="geometry")
    districts = catalog.get("districts")
    batch = Batch(pa.record_batch({"line": [1]}), np.array([shape_of(message)], dtype=object), np.array([1]))
    Gate(_CGCS2000, district_crs84=districts.extent_crs84 if districts else None).let_in(batch)
    repair_geometries(batch, layer.definition.geometry_type)
    for rejection in batch.rejections():
        reason = _REASONS.get(rejection.reason, Reason.OUT_OF_RANGE)
        raise Refused(reason, rejection.detail, parameter="geometry")
    return batch.geometry[0]  # type: ignore[index]  # it was given


def shape_of(message: Message) -> shapely.Geometry | None:
    """Return the geometry a change brings; None when it brings none."""
    if message.lon is not None:
        return shapely.Point(message.lon, message.lat)
    shape = message.data.get("geometry")
    return None if shape is None else shapely.from_geojson(orjson.dumps(shape))
