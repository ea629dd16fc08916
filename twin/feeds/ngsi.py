"""NGSI-LD notifications: properties of entities as observations, in the normalised and in the simplified form.

Entity types that the feed's file does not name are ignored and counted; so are properties.
"""

from __future__ import annotations

import re
from typing import Any

from twin.envelope_refused import Reason, Refused, raw_of, shown
from twin.feeds.definition import EntityType
from twin.feeds.sensorthings import result
from twin.feeds.times import local_moment

_LAST_OF_URI = re.compile(r"[^/#]*\Z")


def entities(decoded: Any) -> list[tuple[dict[str, Any], Any]]:
    """Find the entities of a notification, each with the time the notification gives.

    Raises
    ------
    Refused
        When it is no notification.
    """
    if type(decoded) is not dict or decoded.get("type") != "Notification" or type(decoded.get("data")) is not list:
        raise Refused(Reason.WRONG_TYPE, f"needed is an NGSI-LD Notification with data; this is {shown(decoded)}")
    if not all(type(one) is dict for one in decoded["data"]):
        raise Refused(Reason.WRONG_TYPE, "the data of a notification holds entities only")
    return [(one, decoded.get("notifiedAt")) for one in decoded["data"]]


def notification(entity: dict[str, Any], notified_at: Any) -> bytes:
    """Write a notification of one entity, to be read again."""
    return raw_of({"type": "Notification", "notifiedAt": notified_at, "data": [entity]})


def envelopes(
    entity: dict[str, Any], notified_at: Any, types: dict[str, EntityType], source: str
) -> list[dict[str, Any]]:
    """Make the canonical envelopes of an entity, one a mapped property; empty when its type is not mapped.

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
    observed = _plain(entity.get("dateObserved")) or _plain(entity.get("observationDateTime"))
    made = []
    for name, mapped in kind.properties.items():
        for instance in _instances(entity.get(name)):
            value, when = _value_and_time(instance)
            time = local_moment(when or observed or notified_at, f"{name}.observedAt")
            made.append(
                {
                    "specversion": "1.0",
                    "source": source,
                    "id": f"{urn[:120]}#{name[:40]}@{time:%Y%m%dT%H%M%S.%f}",
                    "type": "cn.gov.district.observation.created",
                    "subject": f"{kind.layer}/{urn.removeprefix(kind.id_prefix)}",
                    "time": time,
                    "senttime": notified_at,
                    "data": {"property": mapped.property, "unit": mapped.unit, **result(value, mapped.scale)},
                }
            )
    return made


def _type_names(given: Any) -> list[str]:
    """Short names of an entity's types, which may be a list and may be full URIs."""
    names = given if type(given) is list else [given]
    return [found[0] for name in names if type(name) is str and (found := _LAST_OF_URI.search(name))]


def _instances(given: Any) -> list[Any]:
    """One property may come several times, with different data set ids."""
    if given is None:
        return []
    return given if type(given) is list else [given]


def _value_and_time(instance: Any) -> tuple[Any, Any]:
    if type(instance) is not dict:  # the simplified form
        return instance, None
    if "value" not in instance:
        raise Refused(Reason.MISSING, "the property has no value", parameter="value")
    return instance["value"], instance.get("observedAt")


def _plain(given: Any) -> Any:
    """Take the value of a time, also when it is a property whose value is typed."""
    for key in ("value", "@value"):
        if type(given) is dict:
            given = given.get(key, given)
    return given if type(given) is str else None
