"""MQTT 3.1.1 and 5: the packets a subscriber writes."""

from __future__ import annotations

from collections.abc import Sequence

from twin.connectors.mqtt_packets import LEVELS, PacketKind, Property

_V5 = 5
_SESSION_SECONDS = 7 * 86_400  # time for which a broker keeps messages while we are not connected


def connect(
    version: str, client_id: str, *, keep_alive_s: int, receive_maximum: int, user: str | None, password: bytes | None
) -> bytes:
    """Write CONNECT for a session that the broker keeps between connections."""
    level = LEVELS[version]
    flags = (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    body = _text("MQTT") + bytes([level, flags]) + keep_alive_s.to_bytes(2)
    if level == _V5:
        kept = bytes([Property.SESSION_EXPIRY]) + _SESSION_SECONDS.to_bytes(4)
        kept += bytes([Property.RECEIVE_MAXIMUM]) + receive_maximum.to_bytes(2)
        body += _variable(len(kept)) + kept
    body += _text(client_id)
    body += _text(user) if user is not None else b""
    body += len(password).to_bytes(2) + password if password is not None else b""
    return _packet(PacketKind.CONNECT, 0, body)


def subscribe(version: str, packet_id: int, topics: Sequence[str]) -> bytes:
    """Write SUBSCRIBE at QoS 1; with MQTT 5 without retained messages."""
    options = bytes([0x01 | (2 << 4)]) if LEVELS[version] == _V5 else b"\x01"
    body = packet_id.to_bytes(2) + (b"\0" if LEVELS[version] == _V5 else b"")
    return _packet(PacketKind.SUBSCRIBE, 2, body + b"".join(_text(topic) + options for topic in topics))


def unsubscribe(version: str, packet_id: int, topics: Sequence[str]) -> bytes:
    """Write UNSUBSCRIBE."""
    body = packet_id.to_bytes(2) + (b"\0" if LEVELS[version] == _V5 else b"")
    return _packet(PacketKind.UNSUBSCRIBE, 2, body + b"".join(map(_text, topics)))


def acknowledge(packet_id: int) -> bytes:
    """Write PUBACK: the message is committed."""
    return b"\x40\x02" + packet_id.to_bytes(2)


def ping() -> bytes:
    """Write PINGREQ."""
    return b"\xc0\0"


def disconnect() -> bytes:
    """Write DISCONNECT; the session remains."""
    return b"\xe0\0"


def _text(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2) + encoded


def _variable(number: int) -> bytes:
    written = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        written.append(low | (0x80 if number else 0))
        if not number:
            return bytes(written)


def _packet(kind: PacketKind, flags: int, body: bytes) -> bytes:
    return bytes([kind << 4 | flags]) + _variable(len(body)) + body
