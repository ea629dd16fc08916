"""The fast path of reading: messages of the common shape, at a third of the cost of `twin.envelope.read`.

Most messages of a feed have one shape, and name features they named before. Values that were checked once (source, type
and subject; property, unit and quality) are not checked again. A message of any other shape is left to
`twin.envelope.read`, which alone reports what is wrong with a message.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from twin.envelope.message import Message
from twin.envelope.refused import Refused
from twin.envelope.times import moment

_new = tuple.__new__  # faster by half than a named tuple's own
_KNOWN_MAX = 100_000  # then the cache is emptied
_KNOWN_CHARACTERS_MAX = 400  # of an entry; longer ones are not cached

_heads: dict[tuple[str, str, str], tuple[str, ...]] = {}
_measures: dict[tuple[str, str | None, str | None], tuple[str | None, ...]] = {}


class TimeCache(dict[Any, datetime]):
    """Times by their text: the times of a body are often equal."""

    def __missing__(self, text: Any) -> datetime:
        """Read a time that is not cached.

        Raises
        ------
        Refused
            When it is no time.
        """
        time = self[text] = moment(text, "time")
        return time


def read_fast(given: Any, latest: datetime, times: TimeCache) -> Message | None:
    """Return a message of the common shape.

    Parameters
    ----------
    given
        The result of `orjson.loads`; it is not changed.
    latest
        A message of a later time is suspect.
    times
        The times of the body it came in.

    Returns
    -------
    Message or None
        The message that `twin.envelope.read` returns too; None for another shape, which may be valid.
    """
    try:
        attributes = len(given)  # exactly those that are read here
        if attributes != 7 and (attributes != 8 or given["datacontenttype"] != "application/json"):
            return None
        head = _heads[given["source"], given["type"], given["subject"]]
        name, written, data = given["id"], given["time"], given["data"]
        if type(name) is not str or not 0 < len(name) <= 200 or not name.isascii() or not name.isprintable():
            return None
        tail = _position(data) if head[0] == "position" else _observation(data)
        if tail is None or type(written) is not str or given["specversion"] != "1.0":
            return None
        time = times[written]
    except (KeyError, TypeError, Refused):
        return None
    kind, source, type_name, layer, feature_id = head
    return _new(
        Message, (kind, source, name, 1, type_name, layer, feature_id, time, None, "actual", time > latest, *tail)
    )


def remember(given: dict[str, Any], message: Message) -> None:
    """Cache the checked values of a message for later ones with the same values."""
    if message.kind == "observation" and message.property_code is not None:
        measure = message.property_code, message.unit, message.quality
        if len(_measures) >= _KNOWN_MAX:
            _measures.clear()
        _measures[measure] = measure
    if message.kind in {"position", "observation"}:
        if len(_heads) >= _KNOWN_MAX:
            _heads.clear()
        head = message.kind, message.source, message.type, message.layer, message.feature_id
        texts = given["source"], given["type"], given["subject"]
        if sum(map(len, texts)) <= _KNOWN_CHARACTERS_MAX:
            _heads[texts] = head


def _position(data: dict[str, Any]) -> tuple[Any, ...] | None:
    lon, lat = data["lon"], data["lat"]
    if not (type(lon) is float and type(lat) is float and -180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0):
        return None
    if len(data) == 2:
        return lon, lat, None, None, None, None, None, None, None, None, {}
    if len(data) != 4:
        return None
    speed, heading = data["speed_kmh"], data["heading_deg"]
    if not ((type(speed) is float or type(speed) is int) and 0 <= speed <= 1200):
        return None
    if not ((type(heading) is float or type(heading) is int) and 0 <= heading <= 360):
        return None
    return lon, lat, None, None, None, None, None, float(speed), float(heading), None, {}


def _observation(data: dict[str, Any]) -> tuple[Any, ...] | None:
    value, unit, quality = data["value"], data.get("unit"), data.get("quality")
    if not ((type(value) is float or type(value) is int) and -1e15 <= value <= 1e15):
        return None
    if len(data) != 2 + (unit is not None) + (quality is not None):
        return None
    code, unit, quality = _measures[data["property"], unit, quality]
    return None, None, code, float(value), None, unit, quality, None, None, None, {}
