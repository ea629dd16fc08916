"""Entities as JSON objects: their ids, links and properties."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson

from twin.sensing.entities import EntityRow
from twin.sensing.entity_types import SensorEntity

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GEOJSON = "application/geo+json"
_MEASUREMENT = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
_OBSERVATION = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Observation"
PROPERTY_URI = "urn:x-onemap:observed-property:"
_UCUM = "http://www.opengis.net/def/uom/UCUM/"

type _Writer = tuple[tuple[str, ...], Callable[[EntityRow, str], Any]]
"""The columns that a member needs, and its value by them and the address of the server."""


def _column(name: str) -> _Writer:
    return (name,), lambda row, _: row[name]


def _constant(value: str) -> _Writer:
    return (), lambda *_: value


def _loaded(name: str) -> _Writer:
    return (name,), lambda row, _: None if row[name] is None else orjson.loads(row[name])


def _unit(row: EntityRow, _: str) -> dict[str, str | None]:
    unit = row["unit"]
    return {"name": unit, "symbol": unit, "definition": None if unit is None else _UCUM + quote(unit, safe="")}


def _result(row: EntityRow, _: str) -> Any:
    return row["text"] if row["value"] is None else row["value"]


def _properties(row: EntityRow, _: str) -> dict[str, Any]:
    return {"layer": row["layer"], **orjson.loads(row["properties"])}


def _item(row: EntityRow, base: str) -> str:
    return f"{base}/ogc/collections/{row['layer']}/items/{quote(row['id'], safe='')}"


def time_text(moment: datetime) -> str:
    """Return a time as RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_NAMED: Mapping[str, _Writer] = {"name": _column("name"), "description": _column("about")}
_TIME: _Writer = (("time",), lambda row, _: time_text(row["time"]))
_MEMBERS: Mapping[str, Mapping[str, _Writer]] = {
    "Thing": {**_NAMED, "properties": (("properties",), _properties)},
    "Location": {**_NAMED, "encodingType": _constant(_GEOJSON), "location": _loaded("shape")},
    "HistoricalLocation": {"time": _TIME},
    "Datastream": {
        "name": _column("series_name"),
        "description": _column("series_about"),
        "observationType": (("is_number",), lambda row, _: _MEASUREMENT if row["is_number"] else _OBSERVATION),
        "unitOfMeasurement": (("unit",), _unit),
    },
    "Sensor": {**_NAMED, "encodingType": _constant(_GEOJSON), "metadata": ((), _item)},
    "ObservedProperty": {
        "name": _column("property_name"),
        "definition": ((), lambda row, _: PROPERTY_URI + row["property"]),
        "description": _column("property_about"),
    },
    "Observation": {
        "phenomenonTime": _TIME,
        "resultTime": _TIME,
        "result": (("value", "text"), _result),
        "resultQuality": _column("quality"),
    },
    "FeatureOfInterest": {**_NAMED, "encodingType": _constant(_GEOJSON), "feature": _loaded("shape")},
}  # fmt: skip


def columns_for(entity: SensorEntity, members: Iterable[str]) -> frozenset[str]:
    """Return the columns that members of an entity need, beside its key."""
    return frozenset(column for name in members if name in entity.members for column in _MEMBERS[entity.name][name][0])


def member_of(entity: SensorEntity, row: EntityRow, name: str, base: str) -> Any:
    """Return a member of an entity.

    Parameters
    ----------
    base
        The address of the server, which links begin with.
    """
    return _MEMBERS[entity.name][name][1](row, base)


def id_of(entity: SensorEntity, row: EntityRow) -> str:
    """Return the id of an entity: the values of its key with colons."""
    return ":".join(
        str((row[name] - _EPOCH) // timedelta(microseconds=1)) if name == "time" else row[name] for name in entity.key
    )


def key_of(entity: SensorEntity, entity_id: str) -> dict[str, object] | None:
    """Return the values of the key that an id stands for; None when it is none."""
    parts = entity_id.rsplit(":", len(entity.key) - 2) if len(entity.key) > 2 else [entity_id]
    if len(entity.key) > 1:
        parts = [*parts[0].partition(":")[::2], *parts[1:]]
    if len(parts) != len(entity.key) or not all(parts) or "\0" in entity_id:
        return None
    found: dict[str, object] = dict(zip(entity.key, parts, strict=True))
    if "time" in found:
        try:
            found["time"] = _EPOCH + timedelta(microseconds=int(parts[-1]))
        except (ValueError, OverflowError):
            return None
    return found


def self_link(entity: SensorEntity, row: EntityRow, root: str) -> str:
    """Return the address of an entity."""
    written = id_of(entity, row).replace("'", "''")
    return f"{root}/{entity.set}('{quote(written, safe=':')}')"
