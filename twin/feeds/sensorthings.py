"""OGC SensorThings 1.1 observations, as REST answers and as MQTT messages.

The feed's file maps each Datastream to a feature, a property and a unit; an observation of another Datastream is
ignored and counted.
"""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import blake2b
from typing import Any

from twin.envelope.read import BATCH_MESSAGES_MAX
from twin.envelope.refused import Reason, Refused, raw_of, shown
from twin.feeds.definition import Datastream
from twin.feeds.times import local_moment

_OF_DATASTREAM = re.compile(r"(?<![A-Za-z])Datastreams\(('?)([^()']{1,100})\1\)")  # of a MultiDatastream it is not
_NO_TIME = (
    "the observation has neither phenomenonTime nor resultTime; needed is one of them, as a service puts it in when it "
    "publishes the observation again"
)
_IDENTIFIERS = {"id": "@iot.id", "FeatureOfInterest/id": "FeatureOfInterest"}  # of a data array


def observations(decoded: Any, topic: str | None) -> list[dict[str, Any]]:
    """Return the observations of a payload: one, a list, a page ``{"value": […]}`` of a REST answer, or data arrays.

    Each has its Datastream's id as `datastream`, from the entity, its navigation link or the MQTT topic.

    Raises
    ------
    Refused
        When it is none of these, or there are too many.
    """
    page = decoded["value"] if type(decoded) is dict and "result" not in decoded and "value" in decoded else decoded
    entities = page if type(page) is list else [page]
    if not all(type(one) is dict for one in entities):
        raise Refused(Reason.WRONG_TYPE, f"an observation is an object; this is {shown(decoded)}")
    found = [row for entity in entities for row in _rows(entity)]
    if len(found) > BATCH_MESSAGES_MAX:
        raise Refused(Reason.TOO_MANY, f"{len(found)} observations; at most {BATCH_MESSAGES_MAX}")
    return [{**one, "datastream": _datastream_id(one, topic)} for one in found]


def _rows(entity: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a data array as observations; any other entity is one observation."""
    components, rows = entity.get("components"), entity.get("dataArray")
    if type(components) is not list or type(rows) is not list:
        return [entity]
    names = [_IDENTIFIERS.get(name, name) for name in components if type(name) is str]
    beside = {name: value for name, value in entity.items() if name not in {"components", "dataArray"}}
    made = []
    for row in rows:
        fits = type(row) is list and len(row) == len(names) == len(components)
        made.append({**beside, **(dict(zip(names, row, strict=True)) if fits else {"row": row})})
    return made


def envelope(observation: dict[str, Any], streams: dict[str, Datastream], source: str) -> dict[str, Any] | None:
    """Make the canonical envelope of an observation; None when its Datastream is not mapped.

    Its identity is its Datastream, its time and its result, not ``@iot.id``. A service may publish an observation as it
    was sent, and again with an id: that counts once. A corrected observation keeps its ``@iot.id``, and counts again.

    Raises
    ------
    Refused
        When it has no Datastream, no time or no result.
    """
    name = observation["datastream"]
    if name is None:
        raise Refused(Reason.MISSING, "the observation does not say its Datastream", parameter="Datastream")
    stream = streams.get(name)
    if stream is None:
        return None
    if "result" not in observation:
        raise Refused(Reason.MISSING, "the observation has no result", parameter="result")
    time, resulted = _times(observation)
    fields = result(observation["result"], stream.scale)
    return {
        "specversion": "1.0",
        "source": source,
        "id": f"{name}@{time:%Y%m%dT%H%M%S.%f}#{digest(fields)}",
        "type": "cn.gov.district.observation.created",
        "subject": stream.subject,
        "time": time,
        "senttime": resulted,
        "data": {"property": stream.property, "unit": stream.unit, **fields},
    }


def _times(observation: dict[str, Any]) -> tuple[datetime, datetime | None]:
    """Return the phenomenon time and the result time.

    A phenomenon time after the result time is the time of the service, filled in where the sender gave none. An
    observation without any time does not get its time of arrival: the service fills in its own and publishes it again,
    and the two would count twice.
    """
    happened, resulted = (_end(observation.get(name)) for name in ("phenomenonTime", "resultTime"))
    measured_at = local_moment(resulted, "resultTime") if resulted else None
    if happened is None and measured_at is not None:
        return measured_at, measured_at
    if happened is None:
        raise Refused(Reason.MISSING, _NO_TIME, parameter="phenomenonTime")
    time = local_moment(happened, "phenomenonTime")
    return (time if measured_at is None else min(time, measured_at)), measured_at


def _end(written: Any) -> Any:
    """Return the end of an interval (``start/end``, or an object of SensorThings 2.0); None for an empty text."""
    if type(written) is dict:
        written = written.get("end") or written.get("start")
    return written.rpartition("/")[2] or None if type(written) is str else written


def digest(value: Any) -> str:
    """Return a short digest of a value; different values have different digests."""
    return blake2b(raw_of(value), digest_size=8).hexdigest()


def result(value: Any, scale: float) -> dict[str, Any]:
    """Return the fields of a result: a number, a text, true as 1 and false as 0, null as missing.

    Raises
    ------
    Refused
        When it is an object or a list.
    """
    if value is None:
        return {"value": None, "quality": "missing"}
    if type(value) is bool:
        return {"value": float(value)}
    if type(value) in {int, float}:
        return {"value": value * scale}
    if type(value) is str:
        return {"value_text": value}
    raise Refused(Reason.WRONG_TYPE, f"the result is {shown(value)}; needed is a number or a text", parameter="result")


def _datastream_id(observation: dict[str, Any], topic: str | None) -> str | None:
    if type(observation.get("datastream")) is str:  # an observation that is read again
        return str(observation["datastream"])
    entity = observation.get("Datastream")
    if type(entity) is dict and type(number := entity.get("@iot.id", entity.get("id"))) in {int, str}:
        return str(number)
    for place in (observation.get("Datastream@iot.navigationLink"), topic):
        if type(place) is str and (found := _OF_DATASTREAM.search(place)):
            return found[2]
    return None
