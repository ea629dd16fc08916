"""OGC SensorThings 1.1 observations, as REST answers and as MQTT messages.

A Datastream is mapped to a feature, a property and a unit once, in the feed's file; an observation of a Datastream
that is not there is ignored and counted.
"""

from __future__ import annotations

import re
from typing import Any

from twin.envelope_refused import Reason, Refused, shown
from twin.feeds.definition import Datastream
from twin.feeds.times import local_moment

_OF_DATASTREAM = re.compile(r"Datastreams\(('?)([^()']{1,100})\1\)")


def observations(decoded: Any, topic: str | None) -> list[dict[str, Any]]:
    """Find the observations of a payload: one, or the page ``{"value": […]}`` of a REST answer.

    Each gets its Datastream's id as `datastream`, from the entity, its navigation link or the MQTT topic.

    Raises
    ------
    Refused
        When it is neither.
    """
    if type(decoded) is not dict:
        raise Refused(Reason.WRONG_TYPE, f"an observation is an object; this is {shown(decoded)}")
    found = decoded["value"] if type(decoded.get("value")) is list and "result" not in decoded else [decoded]
    if not all(type(one) is dict for one in found):
        raise Refused(Reason.WRONG_TYPE, "a page of observations holds objects only")
    return [{**one, "datastream": _datastream_id(one, topic)} for one in found]


def envelope(observation: dict[str, Any], streams: dict[str, Datastream], source: str) -> dict[str, Any] | None:
    """Make the canonical envelope of an observation; None when its Datastream is not mapped.

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
    written = observation.get("phenomenonTime") or observation.get("resultTime")
    time = local_moment(written.rpartition("/")[2] if type(written) is str else written, "phenomenonTime")
    identifier = observation.get("@iot.id")
    data = {"property": stream.property, "unit": stream.unit, **result(observation["result"], stream.scale)}
    return {
        "specversion": "1.0",
        "source": source,
        "id": f"{name}:{identifier}" if type(identifier) in {int, str} else f"{name}@{time:%Y%m%dT%H%M%S.%f}",
        "type": "cn.gov.district.observation.created",
        "subject": stream.subject,
        "time": time,
        "senttime": observation.get("resultTime"),
        "data": data,
    }


def result(given: Any, scale: float) -> dict[str, Any]:
    """Make the fields of a result: a number, a text, true as 1 and false as 0, null as missing.

    Raises
    ------
    Refused
        When it is an object or a list.
    """
    if given is None:
        return {"value": None, "quality": "missing"}
    if type(given) is bool:
        return {"value": float(given)}
    if type(given) in {int, float}:
        return {"value": given * scale}
    if type(given) is str:
        return {"value_text": given}
    raise Refused(Reason.WRONG_TYPE, f"the result is {shown(given)}; needed is a number or a text", parameter="result")


def _datastream_id(observation: dict[str, Any], topic: str | None) -> str | None:
    if type(observation.get("datastream")) is str:  # it was found before, and the observation is read again
        return str(observation["datastream"])
    entity = observation.get("Datastream")
    if type(entity) is dict and type(entity.get("@iot.id")) in {int, str}:
        return str(entity["@iot.id"])
    for place in (observation.get("Datastream@iot.navigationLink"), topic):
        if type(place) is str and (found := _OF_DATASTREAM.search(place)):
            return found[2]
    return None
