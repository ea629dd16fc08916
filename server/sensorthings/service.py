"""One request to the SensorThings API, from its path and query string to a body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from layers.actor import Actor
from layers.database.connection import in_our_words
from layers.errors import BadInput
from server.audit.touched import touch
from server.http.parameters import read_choice
from server.sensorthings.address import SensorAddress, read_address
from server.sensorthings.answering import EntityDocument, SensorAnswers, next_link, value_at
from server.sensorthings.data_array import data_arrays
from server.sensorthings.options import EntityOptions, read_options
from server.state import State
from twin.sensing.entity_types import SETS
from twin.sensing.rows import SensingRows
from twin.sensing.things import measuring_layers

PATH = "/sta/v1.1"
_SPEC = "http://www.opengis.net/spec/iot_sensing/1.1/req"
CONFORMANCE = (
    f"{_SPEC}/datamodel",
    *(f"{_SPEC}/datamodel/{one}" for one in (
        "thing", "location", "historical-location", "datastream", "sensor", "observed-property", "observation",
        "feature-of-interest", "entity-control-information",
    )),
    f"{_SPEC}/resource-path",
    f"{_SPEC}/resource-path/resource-path-to-entities",
    f"{_SPEC}/request-data",
    *(f"{_SPEC}/request-data/{one}" for one in (
        "order", "expand", "select", "status-code", "query-status-code", "orderby", "top", "skip", "count", "filter",
        "built-in-filter-operations", "built-in-query-functions", "pagination",
    )),
)  # fmt: skip
_PLAIN = "/()':,@$"
_ONE = ("$expand", "$select")


@dataclass(frozen=True, slots=True)
class SensorBody:
    """A body with its media type; None for a property without a value."""

    content: bytes | None
    media_type: str = "application/json"


def root_document(base: str) -> EntityDocument:
    """Return the document of the root: the sets, and the requirements that are met."""
    sets = [{"name": name, "url": f"{base}{PATH}/{name}"} for name in SETS]
    return {"value": sets, "serverSettings": {"conformance": list(CONFORMANCE)}}


async def respond_to_sensor(state: State, actor: Actor, base: str, path: str, given: dict[str, str]) -> SensorBody:
    """Return the body of an address.

    Raises
    ------
    BadInput
        For an option that is unknown, malformed or not allowed here.
    NotFound
        When there is no such address, or no such entity that the actor may see.
    TooMuch
        When it takes too long, or has too many entities.
    """
    address = read_address(path)
    last = address.steps[-1]
    form = read_choice(given, "$resultFormat", ("default", "dataArray"), "default")
    given = {name: text for name, text in given.items() if name != "$resultFormat"}
    options = read_options(given, last.entity)
    if not last.is_set and (wrong := next((name for name in given if name not in _ONE), None)):
        raise BadInput(f"{wrong} is for sets; of one entity there are {', '.join(_ONE)}", parameter=wrong)
    if form == "dataArray" and (last.link != "Observations" or not last.is_set or options.expand):
        raise BadInput("dataArray is a form of Observations without $expand", parameter="$resultFormat")
    rows = SensingRows.of(actor, measuring_layers(state.catalog.current, actor))
    with in_our_words():
        async with state.pool.acquire() as connection:
            answers = SensorAnswers(connection, rows, base, f"{base}{PATH}")
            key = await answers.key_at(address.steps)
            if not last.is_set:
                content = await _one(answers, address, key, options)
            else:
                content = await _many(answers, address, key, options, f"{base}{PATH}/{quote(path, safe=_PLAIN)}", form)
    _touch(state, actor, answers, counts=options.count)
    return content


async def _one(
    answers: SensorAnswers, address: SensorAddress, key: dict[str, object], options: EntityOptions
) -> SensorBody:
    found = await answers.entity(address.steps[-1], key, options)
    if address.is_reference:
        return _json({"@iot.selfLink": found["@iot.selfLink"]})
    if not address.members:
        return _json(found)
    value = value_at(found, address)
    if value is None:
        return SensorBody(None)
    if not address.is_value:
        return _json({address.members[-1]: value})
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return SensorBody(text.encode(), "text/plain; charset=utf-8")


async def _many(
    answers: SensorAnswers,
    address: SensorAddress,
    key: dict[str, object],
    options: EntityOptions,
    url: str,
    form: str,
) -> SensorBody:
    step = address.steps[-1]
    if form == "dataArray":
        rows, more, number = await answers.entity_rows(step, key, options)
        found: dict[str, Any] = {} if number is None else {"@iot.count": number}
        found["value"] = data_arrays(rows, options.select, answers.root)
        given = {**options.given, "$resultFormat": "dataArray"}
        return _json(found | ({"@iot.nextLink": next_link(url, given, options)} if more else {}))
    found = await answers.entity_set(step, key, options)
    if found.get("@iot.nextLink"):
        found["@iot.nextLink"] = next_link(url, options.given, options)
    if address.is_reference:
        found["value"] = [{"@iot.selfLink": one["@iot.selfLink"]} for one in found["value"]]
    return _json(found)


def _touch(state: State, actor: Actor, answers: SensorAnswers, *, counts: bool) -> None:
    for layer in answers.rows.layers:
        seen = answers.seen.get(layer.id, set())
        if seen or counts:
            feature = next(iter(seen)) if len(seen) == 1 and len(answers.seen) == 1 else None
            touch(
                state.catalog.current.visible(layer.id, actor),
                actor,
                feature=feature,
                rows=len(seen),
                fields=bool(seen),
            )


def _json(document: EntityDocument) -> SensorBody:
    return SensorBody(orjson.dumps(document))
