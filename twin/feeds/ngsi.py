"""NGSI-LD notifications: properties of entities as observations, normalised or simplified.

Entity types and properties that the feed's file does not name are ignored and counted.
"""

from __future__ import annotations

import re
from typing import Any

from twin.envelope.refused import Reason, Refused, raw_of, shown
from twin.feeds.definition import EntityType
from twin.feeds.sensorthings import digest, result
from twin.feeds.times import local_moment

NULL, DEFAULT = "urn:ngsi-ld:null", "@none"  # the standard's words for no value, and for the default instance
_LAST_OF_URI = re.compile(r"[^/#]*\Z")
_NUMBERS = frozenset({"float", "double", "decimal", "integer", "int", "long"})  # of XML Schema
_NAME_CHARACTERS, _CUT_CHARACTERS = 160, 140  # at most 200 with the time and the value behind it


def entities(decoded: Any) -> list[tuple[dict[str, Any], Any]]:
    """Return the entities of a notification, each with the notification's time.

    Raises
    ------
    Refused
        When the body is no notification.
    """
    data = decoded.get("data") if type(decoded) is dict and decoded.get("type") == "Notification" else None
    if type(data) is dict:  # one entity, or the GeoJSON form
        features = data.get("features") if data.get("type") == "FeatureCollection" else None
        data = [_of_feature(one) for one in features] if type(features) is list else [data]
    if type(data) is not list:
        raise Refused(Reason.WRONG_TYPE, f"needed is an NGSI-LD Notification with data; this is {shown(decoded)}")
    if not all(type(one) is dict for one in data):
        raise Refused(Reason.WRONG_TYPE, "the data of a notification holds entities only")
    return [(one, decoded.get("notifiedAt")) for one in data]


def _of_feature(feature: Any) -> Any:
    properties = feature.get("properties") if type(feature) is dict else None
    return {**properties, "id": feature.get("id")} if type(properties) is dict else feature


def notification(entity: dict[str, Any], notified_at: Any) -> bytes:
    """Write a notification of one entity, which can be read again."""
    return raw_of({"type": "Notification", "notifiedAt": notified_at, "data": [entity]})


def envelopes(
    entity: dict[str, Any], notified_at: Any, types: dict[str, EntityType], source: str
) -> list[dict[str, Any]]:
    """Make the canonical envelopes of an entity, one per mapped property; empty when its type is not mapped.

    Raises
    ------
    Refused
        When the entity has no id, or a mapped property has no time or no usable value.
    """
    kind = next((types[name] for name in _type_names(entity.get("type")) if name in types), None)
    if kind is None:
        return []
    urn = entity.get("id")
    if type(urn) is not str:
        raise Refused(Reason.MISSING, f"the entity's id is {shown(urn)}; needed is a URI", parameter="id")
    attributes = _by_short_name(entity)
    observed = _plain(attributes.get("dateObserved")) or _plain(attributes.get("observationDateTime"))
    made = []
    for name, mapped in kind.properties.items():
        for instance in _instances(attributes.get(name)):
            dataset = _dataset_of(instance)
            if mapped.dataset not in {None, dataset or DEFAULT}:
                continue
            value, when = _read_instance(instance)
            time = local_moment(when or observed or notified_at, f"{name}.observedAt")
            fields = result(value, mapped.scale)
            made.append(
                {
                    "specversion": "1.0",
                    "source": source,
                    "id": _identity(urn, name, dataset, f"{time:%Y%m%dT%H%M%S.%f}#{digest(fields)}"),
                    "type": "cn.gov.district.observation.created",
                    "subject": f"{kind.layer}/{urn.removeprefix(kind.id_prefix)}",
                    "time": time,
                    "senttime": notified_at,
                    "data": {"property": mapped.property, "unit": mapped.unit, **fields},
                }
            )
    return made


def _identity(urn: str, name: str, dataset: str | None, time: str) -> str:
    """Return the id of an instance of a property at a time; a long name is cut, and gets a digest.

    The time includes the value: a repeated notification counts once, and a corrected value counts again.
    """
    whole = f"{urn}#{name}" if dataset is None else f"{urn}#{name}#{dataset}"
    short = whole if len(whole) <= _NAME_CHARACTERS else f"{whole[:_CUT_CHARACTERS]}~{digest(whole)}"
    return f"{short}@{time}"


def _by_short_name(entity: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes by the last part of their URIs; an attribute that has the short name itself wins."""
    return {_short(name): value for name, value in entity.items()} | entity


def _short(name: str) -> str:
    found = _LAST_OF_URI.search(name)
    return found[0] if found else name


def _type_names(raw: Any) -> list[str]:
    """Return the short names of an entity's types: a name or a list, short or full URIs."""
    names = raw if type(raw) is list else [raw]
    return [_short(name) for name in names if type(name) is str]


def _instances(raw: Any) -> list[Any]:
    """Return the instances of a property, one per data set: a list, or by data set in the simplified form."""
    if raw is None:
        return []
    datasets = raw.get("dataset") if type(raw) is dict and raw.keys() == {"dataset"} else None
    if type(datasets) is dict:
        return [{"value": value, "datasetId": name} for name, value in datasets.items()]
    return raw if type(raw) is list else [raw]


def _dataset_of(instance: Any) -> str | None:
    """Return the data set of an instance; None for the default one."""
    dataset = instance.get("datasetId") if type(instance) is dict else None
    return dataset if type(dataset) is str and dataset != DEFAULT else None


def _read_instance(instance: Any) -> tuple[Any, Any]:
    """Read the value and the time of an instance; a deleted one has no value."""
    if type(instance) is not dict or "@value" in instance:  # the simplified form
        return _plain_value(instance), None
    if "value" not in instance:
        raise Refused(Reason.MISSING, "the property has no value", parameter="value")
    return _plain_value(instance["value"]), instance.get("observedAt")


def _plain_value(value: Any) -> Any:
    """Return the value of a JSON-LD value object; NGSI-LD's null means that the property is gone.

    Raises
    ------
    Refused
        When its type is a number and its value is not.
    """
    if type(value) is dict and "@value" in value:
        of_type, value = _short(str(value.get("@type", ""))).rpartition(":")[2], value["@value"]
        if type(value) is str and of_type in _NUMBERS:
            try:
                value = float(value)
            except ValueError as error:
                raise Refused(Reason.WRONG_TYPE, f"{shown(value)} is no {of_type}", parameter="value") from error
    return None if value == NULL else value


def _plain(raw: Any) -> Any:
    """Return a time as text, also from a property or a typed value; None for anything else."""
    for key in ("value", "@value"):
        if type(raw) is dict:
            raw = raw.get(key, raw)
    return raw if type(raw) is str else None
