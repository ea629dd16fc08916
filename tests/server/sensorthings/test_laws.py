"""Laws of query options: filters agree with an oracle, pages join to the whole, numbers and selections are true."""

from __future__ import annotations

import math
import operator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.sensorthings.world import BEGIN, DAYS, observations, series, things

COMPARISONS = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
}  # fmt: skip
NAMES = {(layer, name): title for layer, name, title, _, _ in things()}
UNITS = {(layer, name, code): unit for layer, name, code, unit, _ in series()}
PLACES = {(layer, name): (lon, lat) for layer, name, _, lon, lat in things()}


class Row:
    """An observation as the oracle sees it; None is a null."""

    def __init__(self, layer, name, code, at, value, quality) -> None:
        self.key = f"{layer}:{name}:{code}", at
        self.number = value if not isinstance(value, str) else None
        self.text = value if isinstance(value, str) else None
        self.at, self.quality, self.code = at, quality, code
        self.thing, self.place, self.unit = NAMES[layer, name], PLACES[layer, name], UNITS[layer, name, code]


ROWS = [Row(*one) for one in observations()]


def written(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def lifted(function):
    """Return a function whose result is unknown when an argument is."""
    return lambda *args: None if any(one is None for one in args) else function(*args)


moments = st.integers(0, DAYS * 24).map(lambda hour: BEGIN + timedelta(hours=hour))
numbers = st.one_of(st.integers(-3, 8), st.integers(-20, 80).map(lambda n: n / 10))
texts = st.sampled_from(["站", "W1", "D", "3:x", "'", "", "good", "suspect", "level_m", "m", "mm", "online"])
signs = st.sampled_from(sorted(COMPARISONS))


@st.composite
def quantity(draw):
    """Draw a number: its text, and its value for a row."""
    n = draw(numbers)
    return draw(
        st.sampled_from([
            ("result", lambda row: row.number),
            (f"(result mul 2 add {n})", lambda row: None if row.number is None else row.number * 2 + n),
            ("length(Datastream/Thing/name)", lambda row: len(row.thing)),
            ("hour(phenomenonTime)", lambda row: row.at.hour),
            ("day(phenomenonTime)", lambda row: row.at.day),
            ("floor(result)", lambda row: None if row.number is None else math.floor(row.number)),
            ("indexof(Datastream/ObservedProperty/id, '_')", lambda row: row.code.find("_")),
        ])
    )  # fmt: skip


@st.composite
def wording(draw):
    kind = draw(st.sampled_from(["thing", "code", "unit", "quality", "upper", "part"]))
    return {
        "thing": ("Datastream/Thing/name", lambda row: row.thing),
        "code": ("Datastream/ObservedProperty/id", lambda row: row.code),
        "unit": ("Datastream/unitOfMeasurement/symbol", lambda row: row.unit),
        "quality": ("resultQuality", lambda row: row.quality),
        "upper": ("toupper(resultQuality)", lambda row: None if row.quality is None else row.quality.upper()),
        "part": ("substring(Datastream/ObservedProperty/id, 2)", lambda row: row.code[2:]),
    }[kind]


def of_number(draw, sign, test):
    (text, value), n = draw(quantity()), draw(numbers)
    return f"{text} {sign} {n}", lambda row: test(_near(value(row)), n)


def of_text(draw, sign, test):
    (text, value), word = draw(wording()), draw(texts)
    return f"{text} {sign} {quoted(word)}", lambda row: test(_bytes(value(row)), _bytes(word))


def of_time(draw, sign, test):
    at = draw(moments)
    return f"phenomenonTime {sign} {written(at)}", lambda row: test(row.at, at)


def of_search(draw, _, __):
    (text, value), word = draw(wording()), draw(texts)
    name, find = draw(st.sampled_from(SEARCHES))
    return name.format(text=text, word=quoted(word)), lambda row: lifted(find)(value(row), word)


def of_null(draw, _, __):
    return draw(
        st.sampled_from([
            ("resultQuality eq null", lambda row: row.quality is None),
            ("resultQuality ne null", lambda row: row.quality is not None),
            ("Datastream/unitOfMeasurement/symbol eq null", lambda row: row.unit is None),
        ])
    )  # fmt: skip


def of_result(draw, sign, test):
    word = draw(st.sampled_from(["online", "fault", "x"]))
    return f"result {sign} '{word}'", lambda row: test(_bytes(row.text), _bytes(word))


def of_place(draw, _, __):
    west = draw(st.sampled_from([113.295, 113.315, 113.335]))
    box = f"POLYGON(({west} 23, 113.355 23, 113.355 24, {west} 24, {west} 23))"
    name = draw(st.sampled_from(["st_within", "geo.intersects", "st_intersects"]))
    path = draw(st.sampled_from(["FeatureOfInterest/feature", "Datastream/Thing/Locations/location"]))
    return f"{name}({path}, geography'{box}')", lambda row: west < row.place[0] < 113.355


@st.composite
def atom(draw):
    """Draw one test: its text, and whether it holds for a row; None where that is unknown."""
    make = draw(st.sampled_from([of_number, of_text, of_time, of_search, of_null, of_result, of_place]))
    sign = draw(signs)
    return make(draw, sign, lifted(COMPARISONS[sign]))


SEARCHES = [
    ("substringof({word}, {text})", lambda value, word: word in value),
    ("contains({text}, {word})", lambda value, word: word in value),
    ("startswith({text}, {word})", lambda value, word: value.startswith(word)),
    ("endswith({text}, {word})", lambda value, word: value.endswith(word)),
]


def _bytes(text):
    return None if text is None else text.encode()


def _near(value):
    return None if value is None else round(value, 9)


def _and(one, other):
    return False if False in (one, other) else None if None in (one, other) else True


def _or(one, other):
    return True if True in (one, other) else None if None in (one, other) else False


def joined(inner):
    return st.one_of(
        st.tuples(inner, inner).map(lambda two: (f"({two[0][0]} and {two[1][0]})", _both(_and, two))),
        st.tuples(inner, inner).map(lambda two: (f"({two[0][0]} or {two[1][0]})", _both(_or, two))),
        inner.map(lambda one: (f"not ({one[0]})", lambda row: None if (was := one[1](row)) is None else not was)),
    )


def _both(join, two):
    return lambda row: join(two[0][1](row), two[1][1](row))


filters = st.recursive(atom(), joined, max_leaves=5)


def key_of(one):
    at = datetime.fromisoformat(one["phenomenonTime"]).astimezone(UTC)
    return one["@iot.id"].rpartition(":")[0], at


@settings(max_examples=40)
@given(filters)
def test_a_filter_selects_what_the_oracle_selects(sensors, drawn):
    text, holds = drawn
    found = sensors.found("Observations", filter=text, top="1000", count="true")
    expected = sorted(row.key for row in ROWS if holds(row) is True)
    assert sorted(map(key_of, found["value"])) == expected, text
    assert found["@iot.count"] == len(expected)


ORDERS = ["result desc", "resultQuality,phenomenonTime desc", "Datastream/Thing/name desc,result", "phenomenonTime", ""]


@settings(max_examples=8)
@given(filters, st.sampled_from(ORDERS), st.integers(40, 400))
def test_pages_join_to_the_whole(sensors, drawn, order, top):
    options = {"filter": drawn[0], **({"orderby": order} if order else {})}
    whole = sensors.found("Observations", top="1000", **options)["value"]
    assert sensors.every("Observations", top=str(top), **options) == whole
    skipped = sensors.found("Observations", top="1000", skip=str(top), **options)["value"]
    assert skipped == whole[top:]


def test_an_order_is_that_of_its_values():
    """The order of the world is not that of the answers, or the next law would say nothing."""
    assert [row.number for row in ROWS if row.number] != sorted(row.number for row in ROWS if row.number)


def test_rows_are_in_the_order_that_is_asked_for(sensors):
    numbers = [
        one["result"] for one in sensors.every("Observations", top="1000", orderby="result desc", filter="result gt -9")
    ]
    assert numbers == sorted(numbers, reverse=True)
    times = [
        one["phenomenonTime"] for one in sensors.found("Observations", top="1000", orderby="phenomenonTime")["value"]
    ]
    assert times == sorted(times)
    names = [one["name"].encode() for one in sensors.every("Things", top="2", orderby="name desc")]
    assert names == sorted(names, reverse=True)


SELECTIONS = st.lists(
    st.sampled_from(["id", "@iot.selfLink", "phenomenonTime", "resultTime", "result", "resultQuality", "Datastream"]),
    min_size=1,
    unique=True,
)


@settings(max_examples=8)
@given(SELECTIONS)
def test_what_is_selected_is_the_entity_cut_down(sensors, names):
    written = {"id": "@iot.id", "Datastream": "Datastream@iot.navigationLink"}
    kept = [written.get(name, name) for name in names]
    whole = sensors.found("Observations", top="5")["value"]
    cut = sensors.found("Observations", top="5", select=",".join(names))["value"]
    assert cut == [{name: one[name] for name in kept} for one in whole]


WEST = "POLYGON((113 23,113.305 23,113.305 24,113 24,113 23))"


@pytest.mark.parametrize(
    ("path", "text", "count"),
    [
        ("Things", "Datastreams/ObservedProperty/id eq 'rain_mm'", 2),
        ("Things", "not (Datastreams/ObservedProperty/id eq 'rain_mm')", 5),
        ("Things", "Locations/name eq '站 W1' and Datastreams/unitOfMeasurement/symbol eq 'm3/s'", 1),
        ("Things", "properties/data_grade eq 2", 7),
        ("Datastreams", "Observations/result gt 5.9", None),
        ("ObservedProperties", "Datastreams/Thing/id eq 'iot_devices:D1'", 2),
        ("Locations", "geo.distance(location, geography'SRID=4326;POINT(113.3 23.1)') lt 100", 1),
        ("FeaturesOfInterest", f"st_relate(feature, geography'{WEST}', 'T********')", 1),
    ],
)  # fmt: skip
def test_filters_over_linked_entities(sensors, path, text, count):
    found = sensors.found(path, filter=text, count="true")
    if count is None:
        count = len({row.key[0] for row in ROWS if row.number is not None and row.number > 5.9})
    assert (found["@iot.count"], len(found["value"])) == (count, count)
