"""The hand-written checks accept exactly what the published schemas accept."""

from __future__ import annotations

import calendar
import copy
import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given, settings

from tests.twin.envelopes import ALL, CHANGE, EVENT, NOW, OBSERVATION, POSITION, SHAPE, anything
from twin.envelope.kinds import EVENT_FIELDS, OBSERVATION_FIELDS, POSITION_FIELDS
from twin.envelope.read import read_structured
from twin.envelope.refused import Refused

SCHEMAS = {p.stem: json.loads(p.read_text("utf-8")) for p in Path("twin/schemas").resolve().glob("*.json")}


def of_calendar(value: str) -> bool:
    year, month, day = (int(part) for part in re.match(r"(\d{4})-?(\d\d)-?(\d\d)", value).groups())
    return 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


VALIDATOR = jsonschema_rs.Draft202012Validator(
    SCHEMAS["envelope"],
    registry=jsonschema_rs.Registry([(schema["$id"], schema) for schema in SCHEMAS.values()]),
    formats={"calendar-time": lambda value: bool(re.match(r"\d{4}-?\d\d-?\d\d", value)) and of_calendar(value)},
    validate_formats=True,
)


def accepted(message) -> bool:
    try:
        read_structured(message, now=NOW)
    except Refused:
        return False
    return True


@pytest.mark.parametrize("message", ALL, ids=lambda m: m["type"])
def test_good_messages_are_good_to_both(message):
    VALIDATOR.validate(message)
    assert accepted(message)


@settings(max_examples=700, deadline=None)
@given(message=anything)
def test_checks_and_schemas_agree(message):
    before = copy.deepcopy(message)
    assert accepted(message) == VALIDATOR.is_valid(message), [e.message for e in VALIDATOR.iter_errors(message)]
    assert message == before, "the sender's object was changed"


@pytest.mark.parametrize(
    ("kind", "checks"),
    [("event", EVENT_FIELDS), ("observation", OBSERVATION_FIELDS), ("position", POSITION_FIELDS)],
)
def test_schemas_name_the_same_fields(kind, checks):
    assert set(SCHEMAS[kind]["properties"]) == set(checks)


@pytest.mark.parametrize("name", ["event", "observation", "position", "feature_change", "envelope"])
def test_every_field_has_a_title_in_both_languages(name):
    schema = SCHEMAS[name]
    for part in (schema, *schema["properties"].values()):
        assert part["title"]
        assert part["x-title-zh"]


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_schemas_are_of_the_dialect_they_name(schema):
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(schema)


def limits(schema) -> set[int | float]:
    """All numbers a property's schema names as a limit: of values, lengths and counts."""
    text = json.dumps(schema)
    named = re.findall(r'"(?:minimum|maximum|maxLength|maxItems)": ([-0-9.e+]+)', text)
    return {float(n) for n in named} | {float(n) for n in re.findall(r"\{1?,?([0-9]+)\}", text)}


def candidates(schema):
    """Values at and just beyond every limit of a property, and one of each type."""
    yield from (None, True, 0, 1, 1.5, "", "a", "1", "A", [], ["a"], {}, {"a": 1}, "2026-06-08T09:58:00", "a b", "a\n")
    for limit in limits(schema):
        for beyond in (0, 0.5, 1, -0.5, -1):
            yield limit + beyond
            if (limit + beyond).is_integer():
                yield int(limit + beyond)
        if limit.is_integer() and 0 < limit <= 4000:
            for length in (int(limit), int(limit) + 1):
                yield from ("x" * length, "1" * length, "a\n" * (length // 2), ["a"] * length, ["440106"] * length)


GOOD = {"position": POSITION, "observation": OBSERVATION, "event": EVENT, "feature_change": CHANGE}
PROPERTIES = [(k, n, s) for k in GOOD for n, s in SCHEMAS[k]["properties"].items()]


@pytest.mark.parametrize(("kind", "name", "schema"), PROPERTIES, ids=[f"{k}-{n}" for k, n, _ in PROPERTIES])
def test_checks_and_schemas_agree_at_every_limit_of_every_field(kind, name, schema):
    verdicts = set()
    for value in candidates(schema):
        message = {**GOOD[kind], "data": {**GOOD[kind]["data"], name: value}}
        verdicts.add(accepted(message))
        assert accepted(message) == VALIDATOR.is_valid(message), value
    assert False in verdicts


ATTRIBUTES = [(n, s) for n, s in SCHEMAS["envelope"]["properties"].items() if n != "data"]


@pytest.mark.parametrize(("name", "schema"), ATTRIBUTES, ids=[n for n, _ in ATTRIBUTES])
def test_checks_and_schemas_agree_at_every_limit_of_every_attribute(name, schema):
    for value in candidates(schema):
        message = {**POSITION, name: value}
        assert accepted(message) == VALIDATOR.is_valid(message), value


RING = [[113.3, 23.1], [113.4, 23.1], [113.4, 23.2], [113.3, 23.1]]


@pytest.mark.parametrize(
    "area",
    [
        {"type": kind, "coordinates": coordinates}
        for kind, ring_list in (("Polygon", lambda rings: rings), ("MultiPolygon", lambda rings: [rings]))
        for coordinates in (
            ring_list([RING]),
            ring_list([]),
            ring_list([RING] * 100),
            ring_list([RING] * 101),
            ring_list([RING[:3]]),
            ring_list([RING * 2500]),
            ring_list([[*RING * 2500, RING[0]]]),
            ring_list([[[181, 23], *RING]]),
            ring_list([[[113, -90.5], *RING]]),
            ring_list([[[113, 23, 5], *RING]]),
            ring_list([[[113], *RING]]),
            ring_list([[["113", 23], *RING]]),
            ring_list([[[True, 23], *RING]]),
        )
    ]
    + [{"type": "MultiPolygon", "coordinates": [[RING]] * n} for n in (0, 100, 101)]
    + [{"type": "Polygon"}, {"type": "Point", "coordinates": [1, 2]}, {"type": "Polygon", "coordinates": {}}]
    + [{"type": "Polygon", "coordinates": [RING], "bbox": []}],
    ids=lambda area: f"{area['type']}-{len(str(area))}",
)
def test_checks_and_schemas_agree_about_areas(area):
    message = {**EVENT, "data": {**EVENT["data"], "area": area}}
    assert accepted(message) == VALIDATOR.is_valid(message)
    assert_agreed_on_shape(area)


def assert_agreed_on_shape(geometry):
    message = {**SHAPE, "data": {**SHAPE["data"], "geometry": geometry}}
    assert accepted(message) == VALIDATOR.is_valid(message)


@pytest.mark.parametrize(
    "line", [RING, RING[:2], RING[:1], [], RING * 2500, [*RING * 2500, RING[0]], [[181, 1], [1, 1]]]
)
def test_checks_and_schemas_agree_about_lines(line):
    assert_agreed_on_shape({"type": "LineString", "coordinates": line})
    for number in (0, 1, 100, 101) if len(line) < 100 else (1, 2):
        assert_agreed_on_shape({"type": "MultiLineString", "coordinates": [line] * number})


@pytest.mark.parametrize("place", [[113.3, 23.1], [113.3], [113.3, 23.1, 5], [200, 23], ["113", 23], None])
def test_checks_and_schemas_agree_about_points(place):
    assert_agreed_on_shape({"type": "Point", "coordinates": place})
    message = {**SHAPE, "data": {**SHAPE["data"], "lon": 113.3, "lat": 23.1}}
    assert accepted(message) == VALIDATOR.is_valid(message) is False
