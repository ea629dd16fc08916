"""Checks of the `data` of a message, kind by kind: hand-written equivalents of the published schemas."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from layers.coordinates.degrees import LAT_MAX, LON_MAX, NOISE_DEG, settled_one
from twin.envelope.area import area, geometry
from twin.envelope.message import MessageKind
from twin.envelope.refused import Reason, Refused, shown
from twin.envelope.times import moment
from twin.envelope.values import (
    IDENTIFIER,
    OBJECT_FIELDS_MAX,
    Check,
    fields,
    flag,
    free_object,
    identifier,
    list_of,
    nested,
    number,
    of_form,
    one_line,
    text,
    whole,
)

type Tail = tuple[Any, ...]  # the fields of `Message` from `lon` on


def _degrees(limit: float) -> Check:
    within = number(-limit, limit)

    def check(value: Any, name: str) -> float:
        checked: float = within(settled_one(value, limit) if type(value) is float else value, name)
        return checked

    return check


_LON, _LAT = _degrees(LON_MAX), _degrees(LAT_MAX)
_SPEED_KMH, _HEADING_DEG = number(0, 1200), number(0, 360)
_VALUE = number(-1e15, 1e15)
_VALUE_TEXT, _UNIT = text(200), one_line(20)
_UINT32 = whole(0, 2**32 - 1)
_AREA_CODE = of_form(r"[0-9]{6}(?:[0-9]{3}){0,2}", "an area code of 6, 9 or 12 digits")
_IDS = list_of(one_line(200), 1000)
_SHORT = one_line(40)

POSITION_LIMITS: dict[str, tuple[float, float]] = {
    "speed_kmh": (0, 1200),
    "heading_deg": (0, 360),
    "altitude_m": (-1000, 20000),
    "mileage_km": (0, 1e7),
}
POSITION_FIELDS: dict[str, Check] = {
    "lon": _LON,
    "lat": _LAT,
    "speed_kmh": _SPEED_KMH,
    "heading_deg": _HEADING_DEG,
    "altitude_m": number(*POSITION_LIMITS["altitude_m"]),
    "accuracy_m": number(0, 1e6),
    "hdop": number(0, 100),
    "fix_type": identifier,
    "fix_valid": flag,
    "alarm_flags": _UINT32,
    "status_flags": _UINT32,
    "mileage_km": number(*POSITION_LIMITS["mileage_km"]),
    "is_late_report": flag,
    "status_code": identifier,
}
OBSERVATION_FIELDS: dict[str, Check] = {
    "property": identifier,
    "value": _VALUE,
    "value_text": _VALUE_TEXT,
    "unit": _UNIT,
    "quality": identifier,
    "lon": _LON,
    "lat": _LAT,
    "device_id": one_line(200),
    "vertical_datum": of_form("[a-z0-9][a-z0-9_]{0,62}", "a code such as 1985: lower-case letters, digits and _"),
    "interval_min": number(0, 100_000),
    "depth_source": identifier,
    "result_time": moment,
}
EVENT_FIELDS: dict[str, Check] = {
    "source": identifier,
    "lon": _LON,
    "lat": _LAT,
    "title": text(200),
    "description": text(4000),
    "address": text(200),
    "event_class_code": of_form("[0-9]{10}", "10 digits"),
    "event_class": of_form("[0-9]{2}(?:[0-9]{2})?", "2 or 4 digits"),
    "matter_code": _SHORT,
    "severity": one_line(20),
    "stage": identifier,
    "level_current": identifier,
    "confidence": number(0, 1),
    **dict.fromkeys(
        ("occurred_at", "reported_at", "accepted_at", "dispatched_at", "handled_at", "verified_at", "closed_at"),
        moment,
    ),
    "due_at": moment,
    "lead_org": one_line(100),
    "assist_orgs": list_of(one_line(100), 100),
    "handler_id": _SHORT,
    "handling_note": text(1000),
    "reporter_id": one_line(200),
    "location_method": identifier,
    "location_accuracy_m": number(0, 1e6),
    "location_confidence": number(0, 1),
    "address_id": one_line(200),
    "place_fault": identifier,  # the fault of the place, which is left out
    "area_codes": list_of(_AREA_CODE, 1000),
    "area": area,  # GeoJSON Polygon or MultiPolygon, CRS84
    "parent_event_id": one_line(200),
    "duplicate_of": one_line(200),
    "related_ids": _IDS,
    "device_ids": _IDS,
    "snapshot_refs": _IDS,
    "cap": free_object,
    "extra": free_object,
}
_CHANGES = ("upsert", "patch", "delete")
_POSITION_HOT = ("lon", "lat", "speed_kmh", "heading_deg")
_OBSERVATION_HOT = ("property", "value", "value_text", "unit", "quality", "lon", "lat")


def position(data: dict[str, Any]) -> Tail:
    """Return the fields of a position, checked; lon and lat are required.

    Raises
    ------
    Refused
        When a field is missing, unknown or wrong.
    """
    get = data.get
    lon, lat, speed, heading = get("lon"), get("lat"), get("speed_kmh"), get("heading_deg")
    if not (type(lon) is float and -180.0 <= lon <= 180.0 and type(lat) is float and -90.0 <= lat <= 90.0):
        lon, lat = _on_earth(lon, lat)
    known = 2
    if speed is not None:
        known += 1
        if not (type(speed) is float and 0.0 <= speed <= 1200.0):
            speed = _SPEED_KMH(speed, "speed_kmh")
    if heading is not None:
        known += 1
        if not (type(heading) is float and 0.0 <= heading <= 360.0):
            heading = _HEADING_DEG(heading, "heading_deg")
    rest = _rest(data, _POSITION_HOT, POSITION_FIELDS, "a position") if len(data) != known else {}
    return lon, lat, None, None, None, None, None, speed, heading, None, rest


def observation(data: dict[str, Any]) -> Tail:
    """Return the fields of an observation, checked; the property and a value (or null) or a text are required.

    Raises
    ------
    Refused
        When a field is missing, unknown or wrong.
    """
    get = data.get
    code, value, unit, quality = get("property"), get("value"), get("unit"), get("quality")
    if not (type(code) is str and IDENTIFIER.fullmatch(code)):
        code = identifier(code, "property")
    known = 1 + (value is not None) + (unit is not None) + (quality is not None)
    if value is not None and not (type(value) is float and -1e15 <= value <= 1e15):
        value = _VALUE(value, "value")
    if unit is not None:
        unit = _known_unit(unit) if type(unit) is str else _UNIT(unit, "unit")
    if quality is not None:
        quality = _known_quality(quality) if type(quality) is str else identifier(quality, "quality")
    if value is not None and len(data) == known:
        return None, None, code, value, None, unit, quality, None, None, None, {}
    return _rare_observation(data, code, value, unit, quality)


def _rare_observation(data: dict[str, Any], code: str, value: float | None, *rest: str | None) -> Tail:
    if "value" not in data and "value_text" not in data:
        raise Refused(Reason.MISSING, "an observation needs a value (null when missing) or a value_text")
    if (value_text := data.get("value_text")) is not None:
        value_text = _VALUE_TEXT(value_text, "value_text")
    lon, lat = _place(data)
    checked = _rest(data, _OBSERVATION_HOT, OBSERVATION_FIELDS, "an observation")
    return lon, lat, code, value, value_text, *rest, None, None, None, checked


@lru_cache(1024)
def _known_unit(unit: str) -> str:
    checked: str = _UNIT(unit, "unit")
    return checked


@lru_cache(1024)
def _known_quality(quality: str) -> str:
    return identifier(quality, "quality")


def event(data: dict[str, Any]) -> Tail:
    """Return the fields of an event, checked; its source is required.

    Raises
    ------
    Refused
        When a field is missing, unknown or wrong.
    """
    checked = fields(data, EVENT_FIELDS, "an event")
    if "source" not in checked:
        raise Refused(Reason.MISSING, "an event needs a source, for example hotline", parameter="source")
    lon, lat = _place(data)
    if lon is not None:
        del checked["lon"], checked["lat"]
    return lon, lat, None, None, None, None, None, None, None, checked.get("stage"), checked


def feature_change(data: dict[str, Any]) -> Tail:
    """Return a change of a feature, checked: `upsert` and `patch` need properties, `delete` has none; one place.

    Raises
    ------
    Refused
        When a field is missing, unknown or wrong.
    """
    unknown = data.keys() - {"change", "properties", "lon", "lat", "geometry"}
    if unknown:
        raise Refused(Reason.UNKNOWN_FIELD, f"{shown(min(unknown))} is no field of a change", parameter=min(unknown))
    change, properties, shape = data.get("change"), data.get("properties"), data.get("geometry")
    if type(change) is not str or change not in _CHANGES:
        raise Refused(Reason.WRONG_TYPE, f"change is {shown(change)}, not {', '.join(_CHANGES)}", parameter="change")
    if (properties is None) != (change == "delete"):
        raise Refused(Reason.MISSING, f"a {change} has {'no' if change == 'delete' else 'its'} properties")
    tail = {"change": change, "properties": _properties(properties) if properties is not None else {}}
    lon, lat = _place(data)
    if change == "delete" and (lon is not None or shape is not None):
        raise Refused(Reason.UNKNOWN_FIELD, "a delete has no place", parameter="lon")
    if shape is not None:
        if lon is not None:
            raise Refused(Reason.UNKNOWN_FIELD, "a change has lon and lat, or a geometry, not both", parameter="lon")
        tail["geometry"] = geometry(shape, "geometry")
    return lon, lat, None, None, None, None, None, None, None, None, tail


def _properties(given: Any) -> dict[str, Any]:
    if type(given) is not dict:
        raise Refused(Reason.WRONG_TYPE, f"properties is {shown(given)}; needed is an object", parameter="properties")
    if not 0 < len(given) <= OBJECT_FIELDS_MAX:
        raise Refused(Reason.TOO_MANY, f"{len(given)} properties; 1 to {OBJECT_FIELDS_MAX}", parameter="properties")
    return {identifier(name, "properties"): nested(value, name) for name, value in given.items()}


def _place(data: dict[str, Any]) -> tuple[float | None, float | None]:
    lon, lat = data.get("lon"), data.get("lat")
    if lon is None and lat is None:
        return None, None
    return _on_earth(lon, lat)


def _on_earth(lon: Any, lat: Any) -> tuple[float, float]:
    if are_swapped(lon, lat):
        raise Refused(Reason.SWAPPED, f"longitude and latitude are exchanged; given {lon:.9g}, {lat:.9g}")
    checked: tuple[float, float] = _LON(lon, "lon"), _LAT(lat, "lat")
    return checked


def are_swapped(lon: Any, lat: Any) -> bool:
    """Return whether a place is on earth only when its longitude and latitude are exchanged."""
    numbers = {int, float}
    if type(lon) not in numbers or type(lat) not in numbers:
        return False
    return abs(settled_one(lon, LAT_MAX)) <= LAT_MAX < abs(settled_one(lat, LAT_MAX)) <= LON_MAX + NOISE_DEG


def unplaced(data: dict[str, Any], fault: str, given: Any) -> dict[str, Any]:
    """Return the data of an event without its place, with the place's fault."""
    kept = {name: value for name, value in data.items() if name not in {"lon", "lat", "area"}}
    return {**kept, "place_fault": fault, "extra": {**(data.get("extra") or {}), "place_given": given}}


def _rest(data: dict[str, Any], hot: tuple[str, ...], checks: dict[str, Check], what: str) -> dict[str, Any]:
    return fields({name: value for name, value in data.items() if name not in hot}, checks, what)


READ: dict[MessageKind, Callable[[dict[str, Any]], Tail]] = {
    "event": event,
    "observation": observation,
    "position": position,
    "feature_change": feature_change,
}
