"""JT/T 808: the published vector, frames there and back, and frames somebody has damaged."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.twin.feeds.feeds import feed, only, take
from twin.envelope.refused import Reason, Refused
from twin.feeds import jt808
from twin.feeds.jt808 import TerminalFrame, read_frame, read_location, split_frames, write_frame

BODY = bytes.fromhex("00020000 000C0002 0158B91B 06CB7061 0046 0000 0059 210922163758")
PHONE = "13912345678"
SECOND = "260608095800"

phones = st.from_regex(r"[1-9][0-9]{0,11}", fullmatch=True)
frames = st.builds(
    TerminalFrame,
    message_id=st.integers(0, 0xFFFF),
    phone=phones,
    serial=st.integers(0, 0xFFFF),
    body=st.binary(max_size=200) | st.lists(st.sampled_from([0x7D, 0x7E, 1, 2]), max_size=60).map(bytes),
    is_2019=st.booleans(),
)


def location(lat: float, lon: float, *, status: int = 3, time: str = SECOND, extra: bytes = b"") -> bytes:
    fixed = struct.pack(">IIIIHHH", 0, status, round(abs(lat) * 1e6), round(abs(lon) * 1e6), 20, 325, 91)
    return fixed + bytes.fromhex(time) + extra


def inner(framed: bytes) -> bytes:
    assert framed[0] == framed[-1] == 0x7E
    return framed[1:-1]


def test_the_published_vector():
    read = read_location(BODY)
    assert (read.lat, read.lon) == (22.591771, 113.995873)
    assert (read.altitude_m, read.speed_kmh, read.heading_deg) == (70, 0.0, 89)
    assert read.time == datetime(2021, 9, 22, 8, 37, 58, tzinfo=UTC)
    assert jt808.has_fix(BODY)


def test_a_frame_written_by_hand():
    raw = bytes.fromhex("0200001c 013912345678 007e") + BODY
    check = 0
    for byte in raw:
        check ^= byte
    escaped = (raw + bytes([check])).replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")
    assert read_frame(escaped) == TerminalFrame(jt808.LOCATION, PHONE, 0x7E, BODY)


@given(frame=frames)
def test_frames_there_and_back(frame):
    wire = write_frame(frame)
    assert wire.count(0x7E) == 2
    assert read_frame(inner(wire)) == frame


@given(several=st.lists(frames, min_size=1, max_size=4), data=st.data())
def test_a_stream_cut_anywhere_gives_the_same_frames(several, data):
    stream = b"".join(write_frame(f) for f in several)
    cut = data.draw(st.integers(0, len(stream)))
    first, rest = split_frames(stream[:cut])
    second, nothing = split_frames(rest + stream[cut:])
    assert [read_frame(f) for f in first + second] == several
    assert nothing == b""


@given(frame=frames, data=st.data())
def test_one_flipped_bit_is_never_taken(frame, data):
    wire = bytearray(inner(write_frame(frame)))
    bit = data.draw(st.integers(0, len(wire) * 8 - 1))
    wire[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(Refused) as refused:
        read_frame(bytes(wire))
    assert refused.value.reason in {Reason.BAD_FRAME, Reason.BAD_CHECKSUM}


@given(noise=st.binary(max_size=400))
@example(noise=b"")
def test_noise_is_refused_and_nothing_else(noise):
    for read in (read_frame, read_location, jt808.has_fix, jt808.read_location_batch):
        try:
            read(noise)
        except Refused as error:
            assert error.reason in Reason  # noqa: PT017 - not every noise is refused


@given(status=st.integers(0, 2**32 - 1), lat=st.integers(0, 90_000_000), lon=st.integers(0, 180_000_000))
def test_south_and_west_are_bits(status, lat, lon):
    body = location(lat / 1e6, lon / 1e6, status=status)
    read = read_location(body)
    assert read.lat == pytest.approx(-lat / 1e6 if status & 4 else lat / 1e6)
    assert read.lon == pytest.approx(-lon / 1e6 if status & 8 else lon / 1e6)
    assert jt808.has_fix(body) == bool(status & 2)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (BODY[:-1], Reason.BAD_FRAME),
        (location(91, 113), Reason.OUT_OF_RANGE),
        (location(23, 181), Reason.OUT_OF_RANGE),
        (location(23, 113, time="260230095800"), Reason.BAD_TIME),
        (location(23, 113, time="26060809580a"), Reason.BAD_FRAME),
    ],
)
def test_bad_locations(body, reason):
    with pytest.raises(Refused) as refused:
        read_location(body)
    assert refused.value.reason == reason


def test_additional_items():
    assert read_location(location(23, 113, extra=bytes.fromhex("2504000000000104000003e8"))).mileage_km == 100.0
    assert read_location(location(23, 113, extra=bytes.fromhex("01040000"))).mileage_km is None
    assert read_location(location(-1, 113) + b"").mileage_km is None


def test_an_encrypted_frame_is_refused():
    wire = bytearray(inner(write_frame(TerminalFrame(jt808.LOCATION, PHONE, 1, BODY))))
    wire[2] ^= 0x04
    wire[-1] ^= 0x04
    with pytest.raises(Refused, match="encrypted"):
        read_frame(bytes(wire))


def test_a_stream_without_marks_is_cut_off():
    with pytest.raises(Refused):
        split_frames(b"GET / HTTP/1.1\r\n" * 400)


def test_the_platform_answers():
    answer = read_frame(inner(jt808.general_answer(TerminalFrame(jt808.LOCATION, PHONE, 77, BODY), 5, accepted=True)))
    assert answer == TerminalFrame(0x8001, PHONE, 5, bytes.fromhex("004d 0200 00"))


def test_a_position_becomes_a_message():
    frame = TerminalFrame(jt808.LOCATION, PHONE, 1, location(23.13, 113.33))
    message = only(take(feed("vehicles_jt808"), write_frame(frame)))
    assert message.subject == f"vehicles/{PHONE}"
    assert (message.lon, message.lat, message.speed_kmh, message.heading_deg) == (113.33, 23.13, 32.5, 91.0)
    assert message.phenomenon_time == datetime(2026, 6, 8, 1, 58, tzinfo=UTC)
    assert message.data["fix_valid"] is True
    again = only(take(feed("vehicles_jt808"), write_frame(TerminalFrame(jt808.LOCATION, PHONE, 2, frame.body))))
    assert again.identity == message.identity, "the same second of the same terminal is the same message"


def test_a_late_batch_becomes_messages_in_order():
    bodies = [location(23.13, 113.33, time=f"2606080958{second:02d}") for second in (3, 2, 1)]
    batch = b"\0\3\1" + b"".join(struct.pack(">H", len(b)) + b for b in bodies)
    reading = take(feed("vehicles_jt808"), write_frame(TerminalFrame(jt808.LOCATION_BATCH, PHONE, 1, batch)))
    assert [m.phenomenon_time.second for m in reading.messages] == [3, 2, 1]
    assert all(m.data["is_late_report"] for m in reading.messages)


WITHOUT_FIX = [
    location(0, 0, status=0, time="000000000000"),
    location(23.13, 113.33, status=1, time="000000000000"),
    struct.pack(">IIIIHHH", 0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFF, 0xFFFF, 0xFFFF) + bytes.fromhex(SECOND),
    struct.pack(">IIIIHHH", 0, 1, 0, 0, 0, 0, 0xFFFF) + b"\xff" * 6,
]


@pytest.mark.parametrize("body", WITHOUT_FIX, ids=range(len(WITHOUT_FIX)))
def test_what_has_no_fix_is_passed_over_before_anything_in_it_is_judged(body):
    alone = take(feed("vehicles_jt808"), write_frame(TerminalFrame(jt808.LOCATION, PHONE, 1, body)))
    assert (alone.messages, alone.refused, alone.ignored) == ([], [], 1)
    late = b"\0\2\1" + b"".join(struct.pack(">H", len(b)) + b for b in (body, location(23.13, 113.33)))
    reading = take(feed("vehicles_jt808"), write_frame(TerminalFrame(jt808.LOCATION_BATCH, PHONE, 1, late)))
    assert (len(reading.messages), reading.refused, reading.ignored) == (1, [], 1)


@given(status=st.integers(0, 2**32 - 1).map(lambda bits: bits & ~2), rest=st.binary(min_size=20, max_size=60))
def test_nothing_without_a_fix_is_ever_refused(status, rest):
    body = bytes(4) + status.to_bytes(4) + rest
    reading = take(feed("vehicles_jt808"), write_frame(TerminalFrame(jt808.LOCATION, PHONE, 1, body)))
    assert (reading.messages, reading.refused, reading.ignored) == ([], [], 1)


@given(speed=st.integers(0, 0xFFFF), heading=st.integers(0, 0xFFFF), altitude=st.integers(0, 0xFFFF))
def test_what_stands_beside_a_place_costs_only_itself(speed, heading, altitude):
    fixed = struct.pack(">IIIIHHH", 0, 3, 23_130_000, 113_330_000, altitude, speed, heading)
    body = fixed + bytes.fromhex(SECOND) + bytes.fromhex("0104ffffffff")
    message = only(take(feed("vehicles_jt808"), write_frame(TerminalFrame(jt808.LOCATION, PHONE, 1, body))))
    assert (message.lon, message.lat) == (113.33, 23.13)
    assert message.heading_deg == (heading if heading <= 360 else None)
    assert message.speed_kmh == (speed / 10 if speed <= 12_000 else None)
    metres = altitude - 65536 if altitude >= 32768 else altitude
    assert message.data.get("altitude_m") == (metres if -1000 <= metres <= 20_000 else None)


@pytest.mark.parametrize(("announced", "left_over"), [(3, b""), (1, None), (2, b"\0\x1c123"), (200, b"")])
def test_a_batch_that_announces_another_number_keeps_what_is_whole(announced, left_over):
    bodies = [location(23.13, 113.33, time=f"2606080958{second:02d}") for second in (1, 2)]
    held = b"".join(struct.pack(">H", len(b)) + b for b in bodies) + (left_over or b"")
    batch = announced.to_bytes(2) + b"\1" + held
    reading = take(feed("vehicles_jt808"), write_frame(TerminalFrame(jt808.LOCATION_BATCH, PHONE, 1, batch)))
    assert len(reading.messages) == min(announced, 2)
    (refused,) = reading.refused
    assert refused.reason == Reason.BAD_FRAME
    assert f"announces {announced} locations" in refused.detail


def test_no_fix_and_heartbeats_are_passed_over_and_damage_is_kept():
    good = write_frame(TerminalFrame(jt808.LOCATION, PHONE, 1, location(23.13, 113.33)))
    no_fix = write_frame(TerminalFrame(jt808.LOCATION, PHONE, 2, location(0, 0, status=0)))
    heartbeat = write_frame(TerminalFrame(jt808.HEARTBEAT, PHONE, 3, b""))
    damaged = bytearray(good)
    damaged[20] ^= 0x10
    reading = take(feed("vehicles_jt808"), good + no_fix + heartbeat + bytes(damaged))
    assert len(reading.messages) == 1
    assert reading.ignored == 1
    (refused,) = reading.refused
    assert refused.reason == Reason.BAD_CHECKSUM
    assert refused.raw == bytes(damaged)
