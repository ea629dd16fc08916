"""MQTT 3.1.1 and 5: packets a subscriber receives, and the values in them.

The project has its own subscriber because the acknowledgement of a message must wait for the commit, reading must stop
while the database is behind, and a payload of 200 MB must cost no memory: docs/decisions/own-mqtt-subscriber.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

LEVELS = {"3.1.1": 4, "5": 5}


class ProtocolFault(Exception):
    """The bytes are not MQTT, or not valid at this point; the connection is unusable."""


class PacketKind(IntEnum):
    """Types of packets that a subscriber sends or receives."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class Property(IntEnum):
    """Properties of MQTT 5 that are read or written here."""

    CONTENT_TYPE = 0x03
    SESSION_EXPIRY = 0x11
    SERVER_KEEP_ALIVE = 0x13
    REASON = 0x1F
    RECEIVE_MAXIMUM = 0x21
    USER = 0x26
    PACKET_BYTES_MAXIMUM = 0x27


_ONE, _TWO, _FOUR, _VARIABLE, _TEXT, _PAIR = range(6)
_SHAPES = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), _ONE),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), _TWO),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), _FOUR),
    0x0B: _VARIABLE,
    **dict.fromkeys((0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F), _TEXT),
    0x26: _PAIR,
}


@dataclass(frozen=True, slots=True)
class Published:
    """A message as it was received.

    Attributes
    ----------
    payload
        Whole, or its beginning if it is larger than the limit; `size` is its true length in bytes.
    packet_id
        Number to acknowledge; None at QoS 0.
    properties
        Of MQTT 5: content type and user properties.
    """

    topic: str
    payload: bytes
    size: int
    retained: bool
    packet_id: int | None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Any other packet: its kind, the id it answers, and its codes (CONNACK: session present, reason)."""

    kind: PacketKind
    packet_id: int = 0
    codes: Sequence[int] = ()
    keep_alive_s: int | None = None
    reason: str = ""


def read_properties(body: bytes, at: int) -> tuple[dict[int | str, int | str], int]:
    """Read the properties at a position: by number, user properties by name, the content type as `content-type`.

    Raises
    ------
    ProtocolFault
        When they are cut off, or a property is unknown.
    """
    length, at = read_length(body, at)
    end, found = at + length, dict[int | str, int | str]()
    if end > len(body):
        raise ProtocolFault("the properties are longer than their packet")
    while at < end:
        number, at = body[at], at + 1
        shape = _SHAPES.get(number)
        if shape is None:
            raise ProtocolFault(f"a property {number:#x}, which MQTT 5 does not have")
        if shape in {_ONE, _TWO, _FOUR}:
            width = 1 << shape
            found[number], at = int.from_bytes(body[at : at + width]), at + width
        elif shape == _VARIABLE:
            found[number], at = read_length(body, at)
        elif shape == _TEXT:
            value, at = read_text(body, at)
            found["content-type" if number == Property.CONTENT_TYPE else number] = value
        else:
            name, at = read_text(body, at)
            value, at = read_text(body, at)
            found[f"user:{name.lower()}"] = value
    if at != end:
        raise ProtocolFault("a property is longer than the properties")
    return found, end


def read_length(body: bytes, at: int) -> tuple[int, int]:
    """Read a length of one to four bytes; return it and its end.

    Raises
    ------
    ProtocolFault
        When it is cut off, or longer.
    """
    length = 0
    for n in range(4):
        if at + n >= len(body):
            raise ProtocolFault("a length is cut off")
        length |= (body[at + n] & 0x7F) << (7 * n)
        if body[at + n] < 0x80:
            return length, at + n + 1
    raise ProtocolFault("a length has more than four bytes")


def read_text(body: bytes, at: int) -> tuple[str, int]:
    """Read a text; return it and its end. Bytes that are not UTF-8 are replaced, and refused as JSON.

    Raises
    ------
    ProtocolFault
        When it is cut off.
    """
    end = at + 2 + int.from_bytes(body[at : at + 2])
    if end > len(body) or at + 2 > len(body):
        raise ProtocolFault("a text is cut off")
    return body[at + 2 : end].decode("utf-8", errors="replace"), end
