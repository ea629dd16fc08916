"""What holds for every decoder, whatever comes: only words of ours, and every record is accounted for."""

from __future__ import annotations

import copy

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.twin.envelopes import EVENT, OBSERVATION, POSITION
from tests.twin.feeds.feeds import NOW, feed
from tests.twin.feeds.test_cap import info, sample
from tests.twin.feeds.test_decode import TICKET
from tests.twin.feeds.test_formats import BROKER, ENTITY, NORMALISED, SENT, THINGS, TOPIC
from tests.twin.feeds.test_formats import OBSERVATION as OBSERVED
from tests.twin.feeds.test_jt808 import PHONE, location
from twin.envelope.refused import Reason, Refused
from twin.feeds import jt808
from twin.feeds.decode import Delivery, decode, decode_again
from twin.feeds.jt808 import TerminalFrame, write_frame
from twin.store.place_check import check_places

NOTIFICATION = {"type": "Notification", "notifiedAt": "2026-06-08T01:59:00Z"}
DISTRICT = (113.29, 23.10, 113.44, 23.25)
HOSTILE = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=30),
        st.sampled_from(
            ["", "\0", "0", "=1+1", "urn:ngsi-ld:null", "24:00:00", "9" * 400, "+08", "1e400", "￿", "x" * 300]
        ),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
JSON_FEEDS = {
    "cloudevents": (feed("demo"), [POSITION, OBSERVATION, EVENT], lambda records: records),
    "records": (feed("hotline"), [TICKET], lambda records: records),
    "sensorthings": (
        THINGS,
        [OBSERVED | {"Datastream": {"@iot.id": 1}}, NORMALISED, SENT, {"components": ["result"], "dataArray": [[1]]}],
        lambda records: {"value": records},
    ),
    "ngsi": (BROKER, [ENTITY, {**ENTITY, "level": 1.5}], lambda records: NOTIFICATION | {"data": records}),
}
HEADERS = {"cloudevents": {"content-type": "application/cloudevents-batch+json"}}


def spoiled(record, data):
    """Replace, remove or add something somewhere inside a record."""
    made = copy.deepcopy(record)
    here = made
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = data.draw(st.sampled_from(keys)) if keys else None
        inner = here[key] if key is not None else None
        if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
            here = inner
            continue
        what = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if what == "replace" and key is not None:
            here[key] = data.draw(HOSTILE)
        elif what == "remove" and key is not None:
            del here[key]
        elif isinstance(here, dict):
            here[data.draw(st.text(max_size=10))] = data.draw(HOSTILE)
        return made


def settled(reading):
    """Check what holds of every reading, and let it through the gate."""
    before = reading.received
    assert all(refused.reason in Reason and refused.detail for refused in reading.refused)
    check_places(reading, DISTRICT)
    assert reading.received == before
    assert all(m.lon is None or (113.2 < m.lon < 113.5 and 23 < m.lat < 23.3) for m in reading.messages)
    return reading


@pytest.mark.parametrize("name", JSON_FEEDS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_record_of_a_json_body_is_accounted_for(name, data):
    definition, samples, wrap = JSON_FEEDS[name]
    records = [spoiled(data.draw(st.sampled_from(samples)), data) for _ in range(data.draw(st.integers(1, 4)))]
    try:
        body = orjson.dumps(wrap(records))
    except (TypeError, UnicodeEncodeError):
        return
    delivery = Delivery(body, HEADERS.get(name, {}), topic=TOPIC if name == "sensorthings" else None)
    try:
        reading = settled(decode(definition, delivery, now=NOW))
    except Refused:
        return  # as a whole, with a reason
    one_each = name in {"cloudevents", "records"}
    assert reading.received == len(records) if one_each else reading.received >= len(records) - _empty_arrays(records)
    for refused in reading.refused:
        _is_refused_again_or_taken(definition, refused)


def _empty_arrays(records):
    return sum(record.get("dataArray") == [] for record in records)


def _is_refused_again_or_taken(definition, refused):
    try:
        again = decode_again(definition, refused.raw, now=NOW, canonical=refused.canonical)
    except Refused:
        return
    assert again.received >= 1


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_warning_that_somebody_spoiled_is_taken_or_refused(data):
    body = bytearray(
        sample(polygon="<polygon>23.1,113.3 23.1,113.4 23.2,113.4</polygon><circle>23.13,113.35 0</circle>")
    )
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 12))] = data.draw(
            st.binary(max_size=12) | st.sampled_from([b"<", b"nan", b"-"])
        )
    try:
        reading = settled(decode(feed("warnings_cap"), Delivery(bytes(body)), now=NOW))
    except Refused:
        return
    assert reading.received == 1


@settings(max_examples=150, deadline=None)
@given(
    shapes=st.lists(
        st.tuples(st.sampled_from(["polygon", "circle"]), st.text("0123456789.,- einaf+", max_size=40)), max_size=5
    ),
    severities=st.lists(st.text(max_size=8).filter(str.isalpha), max_size=3),
)
def test_no_shape_and_no_severity_costs_the_warning(shapes, severities):
    written = "".join(f"<{kind}>{text}</{kind}>" for kind, text in shapes)
    body = (
        sample(polygon=written).decode().replace("</info>", "</info>" + "".join(info(severity=s) for s in severities))
    )
    reading = settled(decode(feed("warnings_cap"), Delivery(body.encode()), now=NOW))
    assert (len(reading.messages), reading.refused) == (1, [])
    assert reading.messages[0].data["area_codes"] == ["440106000000"]


@settings(max_examples=300, deadline=None)
@given(
    bodies=st.lists(st.binary(max_size=60) | st.just(location(23.13, 113.33)), min_size=1, max_size=5),
    message=st.sampled_from([jt808.LOCATION, jt808.LOCATION_BATCH, jt808.HEARTBEAT, 0x0900]),
    noise=st.binary(max_size=20),
)
def test_every_frame_is_accounted_for(bodies, message, noise):
    stream = b"".join(write_frame(TerminalFrame(message, PHONE, n, body)) for n, body in enumerate(bodies))
    reading = settled(decode(feed("vehicles_jt808", anywhere=False), Delivery(stream + noise), now=NOW))
    if message == jt808.LOCATION:
        assert reading.received >= len(bodies)
    for refused in reading.refused:
        _is_refused_again_or_taken(feed("vehicles_jt808"), refused)


@given(st.sampled_from(["cap", "jt808", "cloudevents", "records", "sensorthings", "ngsi"]), st.binary(max_size=300))
def test_noise_is_refused_in_words(name, noise):
    definition = {"cap": feed("warnings_cap"), "jt808": feed("vehicles_jt808")}.get(name) or JSON_FEEDS[name][0]
    try:
        reading = settled(decode(definition, Delivery(noise, HEADERS.get(name, {})), now=NOW))
    except Refused as error:
        assert error.reason in Reason  # noqa: PT017 - not every noise is refused
    else:
        assert not reading.messages


def _frames(is_2019, message):
    body = location(23.13, 113.33)
    batch = b"\0\1\1" + len(body).to_bytes(2) + body
    return write_frame(TerminalFrame(message, PHONE, 1, body if message == jt808.LOCATION else batch, is_2019))


JSON = "application/cloudevents+json"
FORMS = {
    "JT/T 808: two headers, at once and late": [
        (feed("vehicles_jt808"), Delivery(_frames(is_2019, message)))
        for is_2019 in (False, True)
        for message in (jt808.LOCATION, jt808.LOCATION_BATCH)
    ],
    "CloudEvents: structured, batch, lines, binary": [
        (feed("demo"), Delivery(orjson.dumps(POSITION), {"content-type": JSON})),
        (feed("demo"), Delivery(orjson.dumps([POSITION]), HEADERS["cloudevents"])),
        (feed("demo"), Delivery(orjson.dumps(POSITION) + b"\n", {"content-type": "application/x-ndjson"})),
        (
            feed("demo"),
            Delivery(
                orjson.dumps(POSITION["data"]),
                {f"ce-{n}": str(v) for n, v in POSITION.items() if not n.startswith("data")}
                | {"content-type": "application/json"},
            ),
        ),
    ],
    "CAP: with a prefix, in another encoding": [
        (feed("warnings_cap"), Delivery(body))
        for body in (sample(), b"\xef\xbb\xbf" + sample(), sample().decode().encode("utf-16"))
    ],
}


@pytest.mark.parametrize("forms", FORMS.values(), ids=FORMS)
def test_a_message_in_several_forms_of_a_protocol_counts_once(forms):
    messages = [message for definition, delivery in forms for message in decode(definition, delivery, now=NOW).messages]
    assert len(messages) == len(forms)
    assert len({(m.identity, m.phenomenon_time) for m in messages}) == 1
