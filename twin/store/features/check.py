"""Changes of features, checked against the definition of their layer before anything is written.

The checks are those of loaded files: types, code lists and lengths of the fields, kind and place of the geometry.
Texts in Chinese forms (是, 2026年6月8日, labels of codes) are read as in a file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely

from layers.catalog import Catalog, Layer
from layers.conversion.convert import convert
from layers.coordinates.source_crs import SourceCrs
from layers.definition import FieldDefinition
from layers.live_source import EVENTS
from layers.load.coordinate_checks import CoordinateChecks
from layers.load.repair import repair_geometries
from layers.loaders.batch import Batch
from layers.types import BBox
from twin.envelope.message import Message, Reading
from twin.envelope.refused import Reason, Refusal, Refused, raw_of, shown
from twin.envelope.write import write_structured

_OWN_FIELDS = frozenset({"data_grade", "created_at", "updated_at", "version", "crs_source"})
_REASONS = {
    "too_long": Reason.TOO_LONG,
    "unknown_code": Reason.UNKNOWN_CODE,
    "outside_district": Reason.OUTSIDE_DISTRICT,
    "zero": Reason.ZERO,
    "swapped": Reason.SWAPPED,
}
_CGCS2000 = SourceCrs(4490)


def check_changes(reading: Reading, catalog: Catalog, *, anywhere: bool = False) -> None:
    """Convert changes of features to their layers' types; move those that do not fit to the refused.

    Parameters
    ----------
    anywhere
        Whether a feature may lie farther than 2 km outside the district.
    """
    by_layer: dict[str, dict[int, Message]] = defaultdict(dict)
    for index, message in enumerate(reading.messages):
        if message.kind == "feature_change":
            by_layer[message.layer][index] = message
    if not by_layer:
        return
    kept = dict(enumerate(reading.messages))
    district_crs84 = None if anywhere else district_of(catalog)
    for layer_id, messages in sorted(by_layer.items()):
        made, faults = _check_layer(catalog, layer_id, messages, district_crs84)
        kept |= made
        for index, error in sorted(faults.items()):
            raw = raw_of(write_structured(reading.messages[index]))
            place = reading.place(index)
            reading.refused.append(Refusal(place, error.reason, error.message, raw, canonical=True))
            del kept[index]
    reading.messages[:] = kept.values()


type _Messages = Mapping[int, Message]  # by their place in the reading
type _Faults = dict[int, Refused]


def _check_layer(
    catalog: Catalog, layer_id: str, messages: _Messages, district_crs84: BBox | None
) -> tuple[dict[int, Message], _Faults]:
    """Check the changes of a layer together: a column of a field costs little more than one value."""
    layer = catalog.get(layer_id)
    if layer is None or layer_id == EVENTS:
        why = f"there is no layer {shown(layer_id)}" if layer is None else "events come as messages of kind event"
        return {}, {index: Refused(Reason.NOT_SUPPLIED, why, parameter="subject") for index in messages}
    faults: _Faults = {}
    named = {index: message for index, message in messages.items() if message.data["change"] != "delete"}
    for index, message in named.items():
        try:
            _structure(layer, message)
        except Refused as error:
            faults[index] = error
    values = {index: dict(m.data["properties"]) for index, m in named.items() if index not in faults}
    for field in layer.definition.fields:
        _convert(field, catalog, {i: given for i, given in values.items() if given.get(field.name) is not None}, faults)
    shapes = _shapes(layer, district_crs84, {i: named[i] for i in values if i not in faults}, faults)
    return {i: _made(named[i], values[i], shapes.get(i)) for i in values if i not in faults}, faults


def _made(message: Message, values: dict[str, Any], shape: shapely.Geometry | None) -> Message:
    data = {**message.data, "properties": values}
    if "geometry" in data:
        data["geometry"] = orjson.loads(shapely.to_geojson(shape))
    return message._replace(data=data)


def _structure(layer: Layer, message: Message) -> None:
    """Check that a change names only fields that feeds write, all required ones, and a place where one is needed."""
    known = {f.name: f for f in layer.definition.fields if f.has_column and f.name not in _OWN_FIELDS}
    given, is_whole = message.data["properties"], message.data["change"] == "upsert"
    for name in given:
        field = known.get(name)
        if field is None:
            allowed = ", ".join(n for n, f in known.items() if not f.derived)
            raise Refused(Reason.UNKNOWN_FIELD, f"{name} is no field that a feed writes; {allowed} are", parameter=name)
        if field.derived is not None:
            raise Refused(Reason.UNKNOWN_FIELD, f"{name} is computed here", parameter=name)
    for field in known.values():
        is_missing = given.get(field.name) is None and (is_whole or field.name in given)
        if field.required and field.derived is None and is_missing:
            raise Refused(Reason.MISSING, f"{field.name} ({field.title_zh}) must be given", parameter=field.name)
    is_located, has_places = _is_located(message), layer.definition.geometry_type != "None"
    if is_located and not has_places:
        raise Refused(Reason.UNKNOWN_FIELD, f"{layer.id} has no geometries", parameter="geometry")
    if is_whole and has_places and not is_located:
        raise Refused(Reason.MISSING, "an upsert of a feature with a place has lon and lat, or a geometry")


def _is_located(message: Message) -> bool:
    return message.lon is not None or "geometry" in message.data


def _convert(field: FieldDefinition, catalog: Catalog, given: Mapping[int, dict[str, Any]], faults: _Faults) -> None:
    """Convert the values of a field to its type, in place."""
    if not given or field.type == "json":
        return
    name = field.name
    texts: dict[int, str] = {}
    for index, properties in given.items():
        value = properties[name]
        parts: Sequence[Any] = value if isinstance(value, list) and field.type == "string_array" else [value]
        if any(isinstance(part, dict | list) for part in parts):
            faults[index] = Refused(Reason.WRONG_TYPE, f"{name} is {shown(value)}; needed is one value", parameter=name)
        elif field.type == "string_array":
            properties[name] = [_text(part) for part in parts if part is not None]
        else:
            texts[index] = _text(value)
    if not texts:
        return
    codes = catalog.code_lists.get(field.codes) if field.codes else None
    converted = convert(pa.array(list(texts.values())), field, codes)
    for index, value, is_bad in zip(texts, converted.values.to_pylist(), converted.bad.tolist(), strict=True):
        if is_bad:
            why = f"{name} is {shown(texts[index])}; needed is {converted.expected}"
            faults[index] = Refused(_REASONS.get(converted.reason, Reason.WRONG_TYPE), why, parameter=name)
        given[index][name] = value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, date | datetime) else orjson.dumps(value).decode()


def _shapes(
    layer: Layer, district_crs84: BBox | None, named: _Messages, faults: _Faults
) -> dict[int, shapely.Geometry]:
    """Return geometries that are valid, of the layer's kind, and in the district or at most 2 km outside."""
    rows = [index for index, message in named.items() if _is_located(message)]
    if not rows:
        return {}
    geometry = np.array([shape_of(named[index]) for index in rows], dtype=object)
    batch = Batch(pa.record_batch({"index": rows}), geometry, np.array(rows))
    CoordinateChecks(_CGCS2000, district_crs84=district_crs84).check(batch)
    repair_geometries(batch, layer.definition.geometry_type)
    for rejection in batch.rejections():
        reason = _REASONS.get(rejection.reason, Reason.OUT_OF_RANGE)
        faults[rejection.line] = Refused(reason, rejection.detail, parameter="geometry")
    return dict(zip(rows, batch.geometry, strict=True)) if batch.geometry is not None else {}


def district_of(catalog: Catalog) -> BBox | None:
    """Return the extent of the district, CRS84 degrees; None while no district is loaded."""
    districts = catalog.get("districts")
    return None if districts is None else districts.extent_crs84


def shape_of(message: Message) -> shapely.Geometry | None:
    """Return the geometry of a change, CRS84; None when it has none."""
    if message.lon is not None:
        return shapely.Point(message.lon, message.lat)
    shape = message.data.get("geometry")
    return None if shape is None else shapely.from_geojson(orjson.dumps(shape))
