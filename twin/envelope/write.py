"""Writing a message as a CloudEvent: for exercises, recordings and the quarantine."""

from __future__ import annotations

from typing import Any

from twin.envelope.message import Message

_FIELDS = {
    "lon": "lon",
    "lat": "lat",
    "property_code": "property",
    "value": "value",
    "value_text": "value_text",
    "unit": "unit",
    "quality": "quality",
    "speed_kmh": "speed_kmh",
    "heading_deg": "heading_deg",
}


def write_structured(message: Message) -> dict[str, Any]:
    """Return a CloudEvent in structured mode, times as datetimes; `read_structured` reads the same message from it.

    Attributes with their default (`version` 1, `mode` actual) and values the message lacks are left out. `suspect`
    depends on the time of reading.
    """
    written: dict[str, Any] = {
        "specversion": "1.0",
        "id": message.id,
        "source": message.source,
        "type": message.type,
        "subject": message.subject,
        "time": message.phenomenon_time,
        "datacontenttype": "application/json",
        "data": {name: value for at, name in _FIELDS.items() if (value := getattr(message, at)) is not None},
    }
    if message.kind == "observation" and message.value_text is None:
        written["data"].setdefault("value", None)
    written["data"] |= message.data
    if message.data.get("change") == "delete":
        del written["data"]["properties"]
    if message.version != 1:
        written["version"] = message.version
    if message.sent_time is not None:
        written["senttime"] = message.sent_time
    if message.mode != "actual":
        written["mode"] = message.mode
    return written
