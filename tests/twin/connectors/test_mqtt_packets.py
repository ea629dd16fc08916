"""Packets of MQTT: what is written in any pieces is read again, and no bytes do harm."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.connectors.mqtt_packets import Acknowledgement, PacketKind, ProtocolFault, Published
from twin.connectors.mqtt_read import PAYLOAD_BYTES_KEPT, Reader

TAKEN_MAX = 200_000
versions = st.sampled_from(["3.1.1", "5"])
topics = st.text(st.characters(codec="utf-8", exclude_characters="\0#+"), min_size=1, max_size=40)


def variable(number):
    """Write a length as MQTT does; another way than the program's, on purpose."""
    digits = []
    while number >= 128:
        digits.append(number % 128 + 128)
        number //= 128
    return bytes([*digits, number])


def text(value):
    encoded = value.encode()
    return bytes(divmod(len(encoded), 256)) + encoded


def publish(version, topic, payload, qos, packet_id, *, retained, user):
    first = 0x30 | qos << 1 | retained
    body = text(topic) + (bytes(divmod(packet_id, 256)) if qos else b"")
    if version == "5":
        properties = b"\x03" + text("application/json") + b"\x01\x01"
        properties += b"".join(b"\x26" + text(name) + text(value) for name, value in user.items())
        body += variable(len(properties)) + properties
    body += payload
    return bytes([first]) + variable(len(body)) + body


@st.composite
def streams(draw):
    """A version, the bytes of several messages cut anywhere, and what they are."""
    version = draw(versions)
    stream, expected = b"", []
    for _ in range(draw(st.integers(1, 6))):
        topic, qos = draw(topics), draw(st.integers(0, 1))
        number, retained = draw(st.integers(1, 65_535)), draw(st.booleans())
        payload = draw(st.one_of(st.binary(max_size=300), st.integers(1, 400_000).map(lambda size: b"x" * size)))
        user = draw(st.dictionaries(st.sampled_from(["id", "source", "x"]), st.text(max_size=5), max_size=3))
        stream += publish(version, topic, payload, qos, number, retained=retained, user=user)
        expected.append((topic, payload, retained, number if qos else None))
        if draw(st.booleans()):
            stream += b"\xd0\x00"
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    return version, pieces, expected


@given(streams())
def test_messages_are_read_however_the_stream_is_cut(stream):
    version, pieces, expected = stream
    reader = Reader(version, TAKEN_MAX)
    packets = [packet for piece in pieces for packet in reader.read(piece)]
    read = [packet for packet in packets if isinstance(packet, Published)]
    assert [(one.topic, one.size, one.retained, one.packet_id) for one in read] == [
        (topic, len(payload), retained, number) for topic, payload, retained, number in expected
    ]
    for one, (_, payload, *_) in zip(read, expected, strict=True):
        assert payload.startswith(one.payload)
        assert len(one.payload) == len(payload) or len(one.payload) == PAYLOAD_BYTES_KEPT


@given(versions, st.lists(st.binary(max_size=200), max_size=5))
def test_bytes_of_any_kind_are_packets_or_a_fault(version, pieces):
    reader = Reader(version, TAKEN_MAX)
    try:
        for piece in pieces:
            for packet in reader.read(piece):
                assert isinstance(packet, Published | Acknowledgement)
    except ProtocolFault:
        return


def test_user_properties_and_content_type_are_told():
    sent = publish("5", "a/b", b"{}", 1, 7, retained=False, user={"Id": "1", "source": "/feeds/x"})
    (read,) = Reader("5", TAKEN_MAX).read(sent)
    assert read.properties == {"content-type": "application/json", "user:id": "1", "user:source": "/feeds/x"}


def test_a_payload_of_two_hundred_megabytes_costs_no_memory():
    piece, count = bytes(1_000_000), 200
    start = b"\x32" + variable(5 + len(piece) * count) + text("a") + b"\0\x07"
    reader = Reader("3.1.1", TAKEN_MAX)
    tracemalloc.start()
    packets = [packet for data in (start, *[piece] * count) for packet in reader.read(data)]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [(one.size, one.packet_id) for one in packets] == [(len(piece) * count, 7)]
    assert most < 10_000_000


@pytest.mark.parametrize(
    ("version", "sent", "expected"),
    [
        ("3.1.1", b"\x20\x02\x01\x00", Acknowledgement(PacketKind.CONNACK, codes=(1, 0))),
        ("3.1.1", b"\x20\x02\x00\x05", Acknowledgement(PacketKind.CONNACK, codes=(0, 5))),
        ("5", b"\x20\x02\x00\x01", Acknowledgement(PacketKind.CONNACK, codes=(0, 1))),
        ("5", b"\x20\x06\x00\x00\x03\x13\x00\x05", Acknowledgement(PacketKind.CONNACK, codes=(0, 0), keep_alive_s=5)),
        ("5", b"\x90\x05\x00\x09\x00\x01\x9e", Acknowledgement(PacketKind.SUBACK, 9, (1, 0x9E))),
        ("3.1.1", b"\x90\x03\x00\x09\x80", Acknowledgement(PacketKind.SUBACK, 9, (0x80,))),
        ("5", b"\xe0\x01\x8e", Acknowledgement(PacketKind.DISCONNECT, codes=(0x8E,))),
        ("3.1.1", b"\xd0\x00", Acknowledgement(PacketKind.PINGRESP)),
    ],
)
def test_answers_are_read(version, sent, expected):
    assert list(Reader(version, TAKEN_MAX).read(sent)) == [expected]
