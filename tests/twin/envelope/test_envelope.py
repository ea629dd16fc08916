"""Envelopes in every mode CloudEvents has, and in no other."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin.envelopes import ALL, CHANGE, EVENT, NOW, OBSERVATION, POSITION, SHAPE, anything
from twin.envelope.message import Message
from twin.envelope.place import to_crs84
from twin.envelope.read import (
    BATCH_MESSAGES_MAX,
    MESSAGE_BYTES_MAX,
    read_batch,
    read_body,
    read_lines,
    read_structured,
)
from twin.envelope.refused import Reason, Refused
from twin.envelope.write import write_structured

DOMAIN_SAMPLE = b"""{"specversion":"1.0","id":"iot-7f3a-1718000000000","source":"/feeds/iot-water","type":"cn.gov.district.observation.created",
 "subject":"iot_device/WL-440106-0012","time":"2026-06-08T09:58:00+08:00","datacontenttype":"application/json",
 "data":{"device_id":"WL-440106-0012","property":"level_m","value":1.83,"unit":"m","vertical_datum":"pearl","quality":"good"}}"""  # noqa: E501
AT_0158 = datetime(2026, 6, 8, 1, 58, tzinfo=UTC)


def changed(message: dict, **attributes: object) -> dict:
    return {**copy.deepcopy(message), **attributes}


def reason_of(message: object) -> Reason:
    with pytest.raises(Refused) as refused:
        read_structured(message, now=NOW)
    return refused.value.reason


def test_the_sample_of_the_domain():
    message = read_structured(orjson.loads(DOMAIN_SAMPLE), now=NOW)
    assert message == Message(
        kind="observation",
        source="/feeds/iot-water",
        id="iot-7f3a-1718000000000",
        version=1,
        type="cn.gov.district.observation.created",
        layer="iot_devices",
        feature_id="WL-440106-0012",
        phenomenon_time=AT_0158,
        sent_time=None,
        mode="actual",
        suspect=False,
        lon=None,
        lat=None,
        property_code="level_m",
        value=1.83,
        value_text=None,
        unit="m",
        quality="good",
        speed_kmh=None,
        heading_deg=None,
        stage=None,
        data={"device_id": "WL-440106-0012", "vertical_datum": "pearl"},
    )


def test_a_position():
    message = read_structured(POSITION, now=NOW)
    assert (message.subject, message.lon, message.lat) == ("vehicles/V-12", 113.33, 23.13)
    assert (message.speed_kmh, message.heading_deg, message.data) == (32.5, 91.0, {"fix_valid": True})


def test_an_event():
    message = read_structured(EVENT, now=NOW)
    assert message.identity == ("/feeds/demo", "m-1", 3)
    assert (message.layer, message.feature_id) == ("events", "hotline-20260608-000123")
    assert (message.mode, message.stage, message.data["stage"]) == ("exercise", "file", "file")
    assert message.data["occurred_at"] == datetime(2026, 6, 8, 1, 50, tzinfo=UTC), "without an offset it is +08:00"
    assert message.sent_time == datetime(2026, 6, 8, 1, 59, 0, 123_000, tzinfo=UTC)
    assert "lon" not in message.data


def test_an_event_without_a_subject_speaks_of_itself():
    event = {k: v for k, v in EVENT.items() if k != "subject"}
    assert read_structured(event, now=NOW).subject == "events/m-1"


def test_a_change():
    message = read_structured(CHANGE, now=NOW)
    assert message.data == {"change": "patch", "properties": {"online_status": "offline", "tags": ["a"]}}


@pytest.mark.parametrize(("ahead", "suspect"), [(timedelta(minutes=5), False), (timedelta(minutes=5, seconds=1), True)])
def test_a_clock_that_runs_ahead_is_suspect(ahead, suspect):
    assert read_structured(changed(POSITION, time=(NOW + ahead).isoformat()), now=NOW).suspect is suspect


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-06-08T09:58:00+08:00", AT_0158),
        ("2026-06-08T09:58:00", AT_0158),
        ("2026-06-08 09:58:00", AT_0158),
        ("2026-06-08T01:58:00Z", AT_0158),
        ("2026-06-07T20:58:00-05:00", AT_0158),
        ("2026-06-08T09:58:00.123456789", AT_0158.replace(microsecond=123_456)),
        ("2026-06-08T09:58:00.5+08:00", AT_0158.replace(microsecond=500_000)),
    ],
)
def test_times(written, read):
    time = read_structured(changed(POSITION, time=written), now=NOW).phenomenon_time
    assert time == read
    assert time.tzinfo is UTC


@given(st.sampled_from([-1, 1]), st.sampled_from([-1, 1]), st.floats(3e-14, 9e-10))
def test_the_noise_of_sums_at_the_limits_is_the_limit(east, north, beyond):
    noisy, exact = [east * (180 + beyond), north * (90 + beyond)], [east * 180.0, north * 90.0]
    for message in (POSITION, OBSERVATION, EVENT, CHANGE):
        data = {**message["data"], "lon": noisy[0], "lat": noisy[1]}
        read = read_structured(changed(message, data=data), now=NOW)
        assert [read.lon, read.lat] == exact
    for message in (SHAPE, EVENT):
        key = "geometry" if "geometry" in message["data"] else "area"
        given_area = copy.deepcopy(message["data"][key])
        given_area["coordinates"][0][1] = noisy
        read = read_structured(changed(message, data={**message["data"], key: given_area}), now=NOW)
        assert read.data[key]["coordinates"][0][1] == exact
    data = {"lon": 50.0, "lat": noisy[1]}
    assert read_structured(changed(POSITION, data=data), now=NOW).lat == exact[1], "not taken for a swapped place"
    assert reason_of(changed(POSITION, data={"lon": east * (180 + 2e-9), "lat": 0.0})) == Reason.OUT_OF_RANGE


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"specversion": "0.3"}, Reason.MISSING),
        ({"id": ""}, Reason.BAD_TEXT),
        ({"id": None}, Reason.MISSING),
        ({"id": 7}, Reason.WRONG_TYPE),
        ({"source": "two words"}, Reason.BAD_TEXT),
        ({"type": "cn.gov.district.rumour.heard"}, Reason.UNKNOWN_KIND),
        ({"type": None}, Reason.MISSING),
        ({"subject": None}, Reason.MISSING),
        ({"subject": "V-12"}, Reason.BAD_TEXT),
        ({"subject": "vehicles/"}, Reason.BAD_TEXT),
        ({"time": "soon"}, Reason.BAD_TIME),
        ({"time": None}, Reason.MISSING),
        ({"time": 1_718_000_000}, Reason.BAD_TIME),
        ({"time": "2026-02-30T00:00:00Z"}, Reason.BAD_TIME),
        ({"version": 0}, Reason.OUT_OF_RANGE),
        ({"version": True}, Reason.WRONG_TYPE),
        ({"mode": "draft"}, Reason.BAD_TEXT),
        ({"datacontenttype": "text/xml"}, Reason.CONTENT_TYPE),
        ({"data": None}, Reason.WRONG_TYPE),
        ({"data": {"lon": 113}}, Reason.MISSING),
        ({"data": {"lon": 113, "lat": 91}}, Reason.OUT_OF_RANGE),
        ({"data": {"lon": "113", "lat": 23}}, Reason.BAD_TEXT),
        ({"data": {"lon": True, "lat": 23}}, Reason.WRONG_TYPE),
        ({"data": {"lon": 113, "lat": 23, "phone": "138"}}, Reason.UNKNOWN_FIELD),
    ],
)
def test_every_reason(attributes, reason):
    assert reason_of(changed(POSITION, **attributes)) == reason


def test_depth_width_and_length_are_limited():
    def extra(value):
        return changed(EVENT, data={"source": "hotline", "extra": value})

    deep: object = 1
    for _ in range(5):
        deep = {"a": deep}
    assert reason_of(extra(deep)) == Reason.TOO_DEEP
    assert reason_of(extra({str(i): i for i in range(101)})) == Reason.TOO_MANY
    assert reason_of(extra({"a": list(range(1001))})) == Reason.TOO_MANY
    assert reason_of(extra({"a": "x" * 4001})) == Reason.TOO_LONG
    assert reason_of(extra({"a": "\0"})) == Reason.BAD_TEXT


def test_a_batch_takes_the_good_and_keeps_the_bad_as_they_came():
    bad = changed(POSITION, time="soon")
    reading = read_batch(orjson.dumps([POSITION, bad, OBSERVATION, 7]), now=NOW)
    assert [m.kind for m in reading.messages] == ["position", "observation"]
    assert [(r.index, r.reason) for r in reading.refused] == [(1, Reason.BAD_TIME), (3, Reason.WRONG_TYPE)]
    assert orjson.loads(reading.refused[0].raw) == bad
    assert reading.received == 4


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", Reason.WRONG_TYPE),
        (b"[", Reason.NOT_JSON),
        (b"[NaN]", Reason.NOT_JSON),
        (b"\xff", Reason.NOT_JSON),
        (b"[" * 5000, Reason.NOT_JSON),
        (b"[" + b"7," * BATCH_MESSAGES_MAX + b"7]", Reason.TOO_MANY),
        (b" " * (8 * 1024 * 1024 + 1), Reason.TOO_LARGE),
    ],
)
def test_a_body_that_is_no_batch_is_refused_whole(body, reason):
    with pytest.raises(Refused) as refused:
        read_batch(body, now=NOW)
    assert refused.value.reason == reason


def test_nesting_beyond_reason_is_refused_and_nothing_else():
    deep = b'{"data":' + b'{"a":' * 900 + b"1" + b"}" * 901
    for reading in (read_batch(b"[" + deep + b"]", now=NOW), read_lines(deep, now=NOW)):
        assert [r.reason for r in reading.refused] == [Reason.MISSING]
    data = changed(EVENT, data={"source": "hotline", "extra": orjson.loads(b'{"a":' * 900 + b"1" + b"}" * 900)})
    assert reason_of(data) == Reason.TOO_DEEP


def test_lines():
    body = b"\xef\xbb\xbf" + orjson.dumps(POSITION) + b"\r\n\n{\n" + orjson.dumps(EVENT)
    reading = read_lines(body, now=NOW)
    assert [m.kind for m in reading.messages] == ["position", "event"]
    assert [(r.index, r.reason, r.raw) for r in reading.refused] == [(2, Reason.NOT_JSON, b"{")]


def test_a_line_is_limited():
    long = orjson.dumps(changed(POSITION, other="x" * MESSAGE_BYTES_MAX))
    assert [r.reason for r in read_lines(long + b"\n", now=NOW).refused] == [Reason.TOO_LARGE]


def test_binary_mode_is_the_same_message():
    headers = {f"CE-{n}": str(v) for n, v in EVENT.items() if n not in {"data", "datacontenttype"}}
    headers["Content-Type"] = "application/json; charset=utf-8"
    body = orjson.dumps(EVENT["data"])
    assert read_body(headers, body, now=NOW).messages == [read_structured(EVENT, now=NOW)]
    headers["ce-Subject"] = headers.pop("CE-subject").replace("hotline", "%E7%83%AD%E7%BA%BF")
    (message,) = read_body(headers, body, now=NOW).messages
    assert message.feature_id == "热线-20260608-000123"


@pytest.mark.parametrize("version", ["x", "-1", "1.5", "9" * 30, "٣"])
def test_binary_mode_with_a_bad_version(version):
    headers = {f"ce-{n}": str(v) for n, v in POSITION.items() if n != "data"} | {"ce-version": version}
    reading = read_body(headers, orjson.dumps(POSITION["data"]), now=NOW)
    assert (len(reading.messages), len(reading.refused)) == (0, 1)


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/cloudevents+json", orjson.dumps(POSITION)),
        ("Application/CloudEvents+JSON; charset=UTF-8", orjson.dumps(POSITION)),
        ("application/cloudevents-batch+json", orjson.dumps([POSITION])),
        ("application/x-ndjson", orjson.dumps(POSITION) + b"\n"),
    ],
)
def test_the_content_type_tells_the_mode(media, body):
    assert len(read_body({"content-type": media}, body, now=NOW).messages) == 1


def test_a_content_type_that_is_none_of_ours():
    with pytest.raises(Refused) as refused:
        read_body({"content-type": "text/html"}, b"<p>", now=NOW)
    assert refused.value.reason == Reason.CONTENT_TYPE


def test_binary_mode_by_content_type():
    headers = {f"ce-{n}": str(v) for n, v in POSITION.items() if n != "data"} | {"content-type": "application/json"}
    assert len(read_body(headers, orjson.dumps(POSITION["data"]), now=NOW).messages) == 1
    (refused,) = read_body({**headers, "ce-time": "soon"}, b"{}", now=NOW).refused
    assert refused.reason == Reason.BAD_TIME
    assert orjson.loads(refused.raw)["id"] == POSITION["id"], "what stood in the headers is kept with it"


@pytest.mark.parametrize("message", ALL, ids=lambda m: m["type"])
def test_what_is_written_is_read_again(message):
    first = read_structured(message, now=NOW)
    assert read_structured(orjson.loads(orjson.dumps(write_structured(first))), now=NOW) == first


@settings(max_examples=400, deadline=None)
@given(message=anything)
def test_whatever_is_read_can_be_written_and_read_again(message):
    try:
        first = read_structured(message, now=NOW)
    except Refused:
        return
    assert read_structured(orjson.loads(orjson.dumps(write_structured(first))), now=NOW) == first


def test_places_are_brought_to_crs84_once_and_the_others_are_left():
    gcj = read_structured(changed(POSITION, data={"lon": 113.3319274, "lat": 23.1339142}), now=NOW)
    bd = read_structured(changed(POSITION, data={"lon": 113.3384715, "lat": 23.1396002}), now=NOW)
    plain, nowhere = read_structured(POSITION, now=NOW), read_structured(OBSERVATION, now=NOW)
    converted = to_crs84([gcj, plain, nowhere, bd], ["GCJ02", "CGCS2000", "GCJ02", "BD09"])
    assert (converted[0].lon, converted[0].lat) == pytest.approx((113.3265, 23.1365), abs=2e-7)
    assert (converted[3].lon, converted[3].lat) == pytest.approx((113.3265, 23.1365), abs=2e-7)
    assert converted[1] is plain
    assert converted[2] is nowhere
    with pytest.raises(Refused):
        to_crs84([plain], ["EPSG:4326"])
