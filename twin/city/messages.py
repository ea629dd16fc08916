"""What the city says: CloudEvents of the feed `demo`, all marked as synthetic by that feed and by their source."""

from __future__ import annotations

from typing import Any

from twin.city.clock import written

type CloudEvent = dict[str, Any]

SOURCE = "/feeds/demo"


def position(layer: str, thing: str, at_s: int, lonlat: tuple[float, float], **said: Any) -> CloudEvent:
    """Say where a moving thing is; `said` are further fields of a position."""
    data = {"lon": lonlat[0], "lat": lonlat[1], **said}
    return _message(f"{thing}-{at_s}", "position.created", f"{layer}/{thing}", at_s, data)


def observation(layer: str, thing: str, at_s: int, code: str, value: float, unit: str, **said: Any) -> CloudEvent:
    """Say what a device measured; `unit` is UCUM."""
    data = {"property": code, "value": value, "unit": unit, "quality": "good", **said}
    return _message(f"{thing}-{code}-{at_s}", "observation.created", f"{layer}/{thing}", at_s, data)


def text_observation(layer: str, thing: str, at_s: int, code: str, text: str) -> CloudEvent:
    """Say what a device observed that is no number."""
    data = {"property": code, "value_text": text, "quality": "good"}
    return _message(f"{thing}-{code}-{at_s}", "observation.created", f"{layer}/{thing}", at_s, data)


def patch(layer: str, thing: str, at_s: int, **properties: Any) -> CloudEvent:
    """Say that properties of a feature have changed; the first of them names the message."""
    data = {"change": "patch", "properties": properties}
    return _message(f"{thing}-{next(iter(properties))}-{at_s}", "feature_change.status", f"{layer}/{thing}", at_s, data)


def event(number: str, version: int, at_s: int, verb: str, data: dict[str, Any]) -> CloudEvent:
    """Say one version of an event; `data` holds everything known of it by then."""
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
