"""From a delivery to messages: mapping, datum, and what is not a feed's to send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twin.envelopes import EVENT, OBSERVATION, POSITION
from tests.twin.feeds.feeds import NOW, feed, only, take
from twin.envelope.refused import Reason, Refused
from twin.envelope.times import moment
from twin.feeds.decode import decode_again
from twin.feeds.rule import FieldRule
from twin.feeds.times import local_moment

TICKET = {
    "ticket_no": "GZ20260608000123", "version": 3, "matter_code": "0406", "accept_time": "2026-06-08 09:50:12",
    "address": "棠下街道××路12号旁", "x": 113.3371, "y": 23.1371, "coord": "gcj02", "urgency": "紧急",
    "limit_time": "2026-06-10 18:00:00", "state": "办理中", "caller_phone": "13800001234",
}  # fmt: skip
HOTLINE = feed("hotline")
EVENT_TYPE = "application/cloudevents+json"


def ticket(**changed: object):
    return take(HOTLINE, orjson.dumps({k: v for k, v in (TICKET | changed).items() if v is not None}))


def test_the_ticket_of_the_domain():
    message = only(ticket())
    assert message.identity == ("/feeds/hotline", "GZ20260608000123", 3)
    assert message.subject == "events/hotline-GZ20260608000123"
    assert message.phenomenon_time == datetime(2026, 6, 8, 1, 50, 12, tzinfo=UTC)
    assert (message.stage, message.data["severity"], message.data["matter_code"]) == ("handle", "2", "0406")
    assert message.data["due_at"] == datetime(2026, 6, 10, 10, 0, tzinfo=UTC)


def test_who_called_does_not_come_through():
    assert "13800001234" not in repr(only(ticket()))


def test_the_datum_a_ticket_declares_counts_before_the_feed_s():
    shifted, plain, silent = only(ticket()), only(ticket(coord="cgcs2000")), only(ticket(coord=None))
    assert (plain.lon, plain.lat) == (113.3371, 23.1371)
    assert (shifted.lon, shifted.lat) == (silent.lon, silent.lat)
    assert 400 < (plain.lon - shifted.lon) * 102_000 < 700, "GCJ-02 lies about half a kilometre east"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"coord": "mars"}, Reason.UNKNOWN_CODE),
        ({"state": "睡着"}, Reason.UNKNOWN_CODE),
        ({"ticket_no": None}, Reason.MISSING),
        ({"accept_time": "昨天"}, Reason.BAD_TIME),
        ({"accept_time": "2026-02-30 08:00:00"}, Reason.BAD_TIME),
        ({"x": "east"}, Reason.WRONG_TYPE),
        ({"x": None}, Reason.MISSING),
        ({"version": 1.5}, Reason.WRONG_TYPE),
        ({"address": ["a"]}, Reason.WRONG_TYPE),
    ],
)
def test_a_bad_ticket_is_kept_whole(changed, reason):
    (refused,) = ticket(**changed).refused
    assert refused.reason == reason
    assert orjson.loads(refused.raw) == {k: v for k, v in (TICKET | changed).items() if v is not None}


@pytest.mark.parametrize(
    ("place", "fault"), [({"x": 23.1, "y": 113.3}, "swapped"), ({"x": 113_300_000, "y": 23_100_000}, "not_degrees")]
)
def test_a_ticket_whose_place_is_none_on_earth_is_taken_without_it_and_flagged(place, fault):
    message = only(ticket(**place))
    assert (message.lon, message.lat) == (None, None)
    assert message.data["place_fault"] == fault
    assert message.data["extra"]["place_given"] == f"{place['x']:.9g}, {place['y']:.9g}"
    assert message.data["address"] == TICKET["address"]


def test_a_ticket_beyond_a_limit_by_noise_keeps_its_place():
    message = only(ticket(x=180.00000000000006, y=-90.00000000000003))
    assert (message.lon, message.lat) == (180.0, -90.0)
    assert "place_fault" not in message.data


def test_a_mended_ticket_is_read_again():
    (refused,) = ticket(state="睡着").refused
    mended = orjson.dumps(orjson.loads(refused.raw) | {"state": "办理中"})
    assert decode_again(HOTLINE, mended, now=NOW).messages == ticket().messages


def test_grid_cases_of_a_page():
    case = {"caseNo": "A1", "ver": "2", "updateTime": 1780883880000, "typeCode": "4401060102", "typeName": "暴露垃圾",
            "roadName": "中山大道", "location": {"lng": 113.3371, "lat": 23.1371, "accuracy": 12}, "step": 3,
            "pictures": ["p1", "p2"]}  # fmt: skip
    page = {"code": 0, "result": {"total": 2, "rows": [case, case | {"caseNo": "A2", "step": "7", "roadName": None}]}}
    first, second = take(feed("grid_cases"), orjson.dumps(page)).messages
    assert (first.version, first.stage, first.data["title"]) == (2, "dispatch", "暴露垃圾：中山大道")
    assert first.phenomenon_time == datetime(2026, 6, 8, 1, 58, tzinfo=UTC)
    assert first.data["snapshot_refs"] == ["p1", "p2"]
    assert (second.stage, "title" in second.data) == ("closed", False)
    with pytest.raises(Refused, match=r"result\.rows"):
        take(feed("grid_cases"), b'{"code": 500}')


WATER = feed("iot_water")


def test_one_payload_with_several_observations():
    payload = {"ts": 1780883880000, "level_cm": 183, "rain_mm": 2.5, "q": 0}
    level, rain = take(WATER, orjson.dumps(payload), topic="water/ST-1/up").messages
    assert (level.subject, level.property_code, level.unit) == ("water_level_stations/ST-1", "level_m", "m")
    assert level.value == pytest.approx(1.83)
    assert level.data == {"vertical_datum": "pearl"}
    assert (rain.subject, rain.value, rain.data) == ("rain_gauges/ST-1", 2.5, {"interval_min": 5.0})


def test_a_payload_that_says_nothing_is_ignored_and_a_bad_one_remembers_its_topic():
    assert take(WATER, b'{"ts": 1780883880000}', topic="water/ST-1/up").ignored == 1
    (refused,) = take(WATER, b'{"ts": "soon", "level_cm": 183}', topic="water/ST-1/up").refused
    again = decode_again(WATER, refused.raw.replace(b'"soon"', b"1780883880000"), now=NOW)
    assert [m.subject for m in again.messages] == ["water_level_stations/ST-1"]


def test_lines_of_records():
    body = orjson.dumps(TICKET) + b"\n{}\nnot json\n"
    reading = take(HOTLINE, body, headers={"Content-Type": "application/x-ndjson"})
    assert len(reading.messages) == 1
    assert [r.index for r in reading.refused] == [1, 2]


def test_a_record_nested_beyond_reason():
    deep = b'{"ticket_no":' + b'{"a":' * 900 + b"1" + b"}" * 901
    assert [r.reason for r in take(HOTLINE, deep).refused] == [Reason.WRONG_TYPE]


DEMO = feed("demo", source="/feeds/demo")


def demo(*messages: dict, definition=DEMO):
    headers = {"content-type": "application/cloudevents-batch+json"}
    return take(definition, orjson.dumps(list(messages)), headers=headers)


def test_cloudevents():
    assert len(demo(POSITION, OBSERVATION, EVENT).messages) == 3


@pytest.mark.parametrize(
    ("changed", "message", "reason"),
    [
        ({"kinds": ["event"]}, POSITION, Reason.KIND_NOT_ALLOWED),
        ({"supplies": ["events"]}, POSITION, Reason.NOT_SUPPLIED),
        ({}, POSITION | {"source": "/feeds/hotline"}, Reason.WRONG_SOURCE),
        ({"exercises": "refuse"}, EVENT, Reason.KIND_NOT_ALLOWED),
    ],
)
def test_a_feed_writes_its_own_only(changed, message, reason):
    reading = demo(message, definition=feed("demo", **changed))
    assert reading.messages == []
    (refused,) = reading.refused
    assert refused.reason == reason
    assert decode_again(feed("demo", **changed), refused.raw, now=NOW).refused[0].reason == reason


def test_a_feed_in_another_datum():
    (message,) = demo(POSITION, definition=feed("demo", crs_source="BD09")).messages
    assert (message.lon, message.lat) != (113.33, 23.13)
    (again,) = decode_again(feed("demo", crs_source="BD09"), orjson.dumps(POSITION), now=NOW).messages
    assert (again.lon, again.lat) == (message.lon, message.lat)


AT_0958 = datetime(2026, 6, 8, 1, 58, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2026/6/8 9:58", "2026-06-08 09:58:00", "2026.6.8 9:58:00", "2026年6月8日 9时58分", "2026年6月8日9:58",
        "20260608095800", "20260608T015800Z", "2026-06-08T09:58:00+0800", " 2026-06-08T01:58:00Z ",
        "2026-06-08 09:58:00+08", "2026-06-08T09:58:00+8:00", "20260608T095800+0800", "20260608T095800+08",
        "2026-06-08 上午 9:58", "2026年6月8日 上午9时58分", "2026-06-08T01:58:00z", "20260608T015800.000Z",
        datetime(2026, 6, 8, 9, 58),  # noqa: DTZ001 - a cell
    ],
)  # fmt: skip
def test_times_as_they_are_written(written):
    assert local_moment(written, "t") == AT_0958


@pytest.mark.parametrize(
    "written",
    [
        "2026/13/8 9:58", "2026年6月8日9:5 8", "2026/6/31", "1969/1/1", "9999/1/1", "0001/1/1", "8/6/2026", "",
        "2026-06-08T24:00:01", "2026-06-08T25:00:00", "2026-06-08T10:30:60", "2026-06-08 下午 13:05",
        "2026-06-08T10:00:00+99",
    ],
)  # fmt: skip
def test_times_that_are_none(written):
    with pytest.raises(Refused) as refused:
        local_moment(written, "t")
    assert refused.value.reason == Reason.BAD_TIME


MIDNIGHT_OF_THE_9TH = datetime(2026, 6, 8, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "written", ["2026-06-08 24:00:00", "2026/6/8 24:00", "20260608T240000+0800", "2026-06-08T23:59:60+08:00"]
)
def test_a_day_ends_at_24_and_a_leap_second_ends_an_hour(written):
    assert local_moment(written, "t") == MIDNIGHT_OF_THE_9TH


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2098, 12, 31)).map(lambda t: t.replace(microsecond=0)),  # noqa: DTZ001
    st.sampled_from(["Z", "+08", "+08:00", "+0800", "+8:00", "-3:30", ""]),
    st.sampled_from(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y%m%dT%H%M%S"]),
)
def test_every_form_of_a_time_is_the_same_to_envelopes_and_to_feeds(wall, offset, form):
    written = wall.strftime(form) + offset
    hours = {"Z": 0, "-3:30": -3.5}.get(offset, 8)
    expected = wall.replace(tzinfo=UTC) - timedelta(hours=hours)
    assert local_moment(written, "t") == expected
    assert moment(written, "t") == expected


@pytest.mark.parametrize(
    ("rule", "record", "value"),
    [
        ("a.b.1", {"a": {"b": [1, "x"]}}, "x"),
        ("a.b.9", {"a": {"b": [1]}}, None),
        ("a.0", {"a": {"0": "x"}}, "x"),
        ("a.__class__", {"a": "x"}, None),
        ({"path": "a", "as": "number", "scale": 0.1}, {"a": " 25 "}, 2.5),
        ({"path": "a", "as": "number"}, {"a": "—"}, None),
        ({"path": "a", "default": "b"}, {}, "b"),
        ({"path": "a", "as": "boolean"}, {"a": "是"}, True),
        ({"path": "a", "as": "list"}, {"a": "x、y；z"}, ["x", "y", "z"]),
        ({"path": "a", "codes": {"1": "one"}, "otherwise": "many"}, {"a": 1.0}, "one"),
        ({"path": "a", "codes": {"1": "one"}, "otherwise": "many"}, {"a": 2}, "many"),
        ({"template": "{a}-{b.c}"}, {"a": 1, "b": {"c": "x"}}, "1-x"),
        ({"template": "{a}-{b}"}, {"a": 1}, None),
        ({"template": "{a}"}, {"a": {"x": 1}}, None),
        ({"constant": 7}, {}, 7),
    ],
)
def test_rules(rule, record, value):
    made = FieldRule.model_validate(rule).value(record, {}, "f")
    assert made == (pytest.approx(value) if isinstance(value, float) else value)


@pytest.mark.parametrize("given_value", ["nan", "inf", "1e999", "1_0x", [], {}])
def test_numbers_are_finite(given_value):
    with pytest.raises(Refused):
        FieldRule.model_validate({"path": "a", "as": "number"}).value({"a": given_value}, {}, "f")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(changed=st.dictionaries(st.sampled_from(sorted(TICKET)), VALUES, min_size=1, max_size=3))
def test_any_ticket_is_read_or_refused(changed):
    try:
        body = orjson.dumps(TICKET | changed)
    except TypeError:  # an integer beyond 64 bits is no JSON to orjson
        return
    assert take(HOTLINE, body).received == 1
