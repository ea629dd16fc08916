"""The city's messages: CloudEvents of the feed `demo`, marked as synthetic by that feed and by their source."""

from __future__ import annotations

from typing import Any

from twin.city.clock import written

type CloudEvent = dict[str, Any]

SOURCE = "/feeds/demo"


def position(layer: str, thing: str, at_s: int, lonlat: tuple[float, float], **fields: Any) -> CloudEvent:
    """Return a position of a moving thing, degrees CRS84; `fields` are further fields of a position."""
    data = {"lon": lonlat[0], "lat": lonlat[1], **fields}
    return _message(f"{thing}-{at_s}", "position.created", f"{layer}/{thing}", at_s, data)


def observation(layer: str, thing: str, at_s: int, code: str, value: float, unit: str, **fields: Any) -> CloudEvent:
    """Return a measurement of a device; `unit` is UCUM."""
    data = {"property": code, "value": value, "unit": unit, "quality": "good", **fields}
    return _message(f"{thing}-{code}-{at_s}", "observation.created", f"{layer}/{thing}", at_s, data)


def text_observation(layer: str, thing: str, at_s: int, code: str, text: str) -> CloudEvent:
    """Return an observation whose value is a text."""
    data = {"property": code, "value_text": text, "quality": "good"}
    return _message(f"{thing}-{code}-{at_s}", "observation.created", f"{layer}/{thing}", at_s, data)


def patch(layer: str, thing: str, at_s: int, **properties: Any) -> CloudEvent:
    """Return a change of properties of a feature; the first of them is part of the message's id."""
    data = {"change": "patch", "properties": properties}
    return _message(f"{thing}-{next(iter(properties))}-{at_s}", "feature_change.status", f"{layer}/{thing}", at_s, data)


def event(number: str, version: int, at_s: int, verb: str, data: dict[str, Any]) -> CloudEvent:
    """Return one version of an event; `data` is its whole state."""
    kind = f"event.{data['source']}.{verb}"
    return {**_message(number, kind, f"events/{number}", at_s, data), "version": version}


def _message(number: str, kind: str, subject: str, at_s: int, data: dict[str, Any]) -> CloudEvent:
    time = written(at_s)
    return {
        "specversion": "1.0",
        "id": number,
        "source": SOURCE,
        "type": f"cn.gov.district.{kind}",
        "subject": subject,
        "time": time,
        "senttime": time,
        "datacontenttype": "application/json",
        "data": data,
    }
