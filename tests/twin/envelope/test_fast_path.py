"""The fast path returns the messages of the full reader, and refuses what it refuses."""

from __future__ import annotations

import copy

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin.envelopes import NOW, OBSERVATION, POSITION, envelope, spoiled
from twin.envelope import fast_path
from twin.envelope.read import SUSPECT_AFTER, read_all, read_lines, read_structured
from twin.envelope.refused import Refused

WITHOUT_MEDIA = {name: value for name, value in POSITION.items() if name != "datacontenttype"}
COMMON = (
    envelope("position", {"lon": 113.33, "lat": 23.13, "speed_kmh": 32.5, "heading_deg": 91}),
    envelope("position", {"lon": 113.33, "lat": 23.13}, subject="vehicle/V-12"),
    {**WITHOUT_MEDIA, "data": {"lon": -0.5, "lat": 0.5}, "time": "2026-06-08T10:58:00.123456Z"},
    envelope("observation", {"property": "level_m", "value": 1.83, "unit": "m"}, subject="rain_gauges/R-1"),
    envelope("observation", {"property": "level_m", "value": 2, "unit": "m", "quality": "good"}, subject="x/1"),
    envelope("observation", {"property": "level_m", "value": -1.5}, subject="rain_gauges/R-1"),
)


def told(read, *given_):
    """The message with the type of each of its values, or why there is none."""
    try:
        message = read(*given_)
    except Refused as error:
        return error.reason, error.message, error.parameter
    return type(message), [(type(value), value) for value in message]


def in_a_body(message):
    reading = read_all([message], now=NOW)
    for refusal in reading.refused:
        raise Refused(refusal.reason, refusal.detail)
    return reading.messages[0]


@settings(max_examples=400, deadline=None)
@given(message=spoiled(COMMON) | spoiled((*COMMON, POSITION, OBSERVATION)))
def test_a_message_that_looks_like_one_before_is_read_as_it_would_be_alone(message):
    read_all(list(COMMON), now=NOW)  # so that all of them are known
    before = copy.deepcopy(message)
    alone = told(lambda: read_structured(message, now=NOW))
    assert told(lambda: in_a_body(message))[:2] == alone[:2]
    assert told(lambda: in_a_body(message))[:2] == alone[:2], "the second time as the first"
    assert message == before, "the sender's object was changed"


@given(messages=st.lists(st.sampled_from(COMMON), max_size=8))
def test_lines_are_read_as_a_batch_is(messages):
    body = b"\n".join(orjson.dumps(message) for message in messages)
    assert read_lines(body, now=NOW).messages == read_all(messages, now=NOW).messages


def test_the_common_shapes_are_read_by_the_fast_path():
    read_all(list(COMMON), now=NOW)
    for message in COMMON:
        found = fast_path.read_fast(message, NOW + SUSPECT_AFTER, fast_path.TimeCache())
        assert found == read_structured(message, now=NOW)


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(fast_path, "_KNOWN_MAX", 3)
    many = [{**COMMON[3], "subject": f"rain_gauges/R-{n}"} for n in range(10)]
    assert len(read_all(many, now=NOW).messages) == 10
    assert 0 < len(fast_path._heads) <= 3
