"""MQTT 3.1.1 and 5: cutting a stream of bytes into packets; payloads are kept up to a limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from twin.connectors.mqtt_packets import (
    LEVELS,
    Acknowledgement,
    PacketKind,
    Property,
    ProtocolFault,
    Published,
    read_length,
    read_properties,
    read_text,
)
from twin.store.refusals import MESSAGE_BYTES_KEPT

PAYLOAD_BYTES_KEPT = MESSAGE_BYTES_KEPT + 1  # of a payload that is too large; the quarantine sees that it was longer
_HEAD_BYTES_MAX = 65_537 + 2 + 4  # topic, packet id, length of the properties
_PACKET_BYTES_MAX = 65_536  # of every packet but PUBLISH
_V5 = 5


class Reader:
    """Cuts a stream of bytes into packets.

    Parameters
    ----------
    version
        ``3.1.1`` or ``5``.
    payload_bytes_max
        Of larger payloads only the beginning is kept.
    """

    def __init__(self, version: str, payload_bytes_max: int) -> None:
        self._v5 = LEVELS[version] == _V5
        self._max = payload_bytes_max
        self._buffer = bytearray()
        self._large: _Large | None = None

    def read(self, data: bytes) -> Iterator[Published | Acknowledgement]:
        """Read bytes in pieces of any size, and yield the packets that are complete.

        Raises
        ------
        ProtocolFault
            When the bytes are no packets of a broker.
        """
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while True:
                if self._large is not None:
                    start += self._large.take(memoryview(buffer)[start:])
                    if not self._large.done:
                        break
                    yield self._large.published()
                    self._large = None
                found = _header(buffer, start)
                if found is None:
                    break
                length, body = found
                packet = self._next(buffer, start, body, length)
                if packet is None:
                    break
                start = body + length if not isinstance(packet, _Large) else body + packet.read_of_packet
                if isinstance(packet, _Large):
                    self._large = packet
                else:
                    yield packet
        finally:
            del buffer[:start]

    def _next(
        self, buffer: bytearray, start: int, body: int, length: int
    ) -> Published | Acknowledgement | _Large | None:
        first = buffer[start]
        if first >> 4 != PacketKind.PUBLISH:
            if length > _PACKET_BYTES_MAX:
                raise ProtocolFault(f"a packet of type {first >> 4} with {length} bytes")
            if len(buffer) < body + length:
                return None
            return self._answer(first >> 4, bytes(buffer[body : body + length]))
        if length > self._max:
            if len(buffer) < body + min(length, _HEAD_BYTES_MAX):
                return None
            return _Large.of(first, buffer, body, length, v5=self._v5)
        if len(buffer) < body + length:
            return None
        return _read_published(first, bytes(buffer[body : body + length]), v5=self._v5)

    def _answer(self, kind: int, body: bytes) -> Acknowledgement:
        if kind not in {
            PacketKind.CONNACK,
            PacketKind.SUBACK,
            PacketKind.UNSUBACK,
            PacketKind.PINGRESP,
            PacketKind.DISCONNECT,
        }:
            raise ProtocolFault(f"a packet of type {kind} from a broker")
        if kind in {PacketKind.PINGRESP, PacketKind.DISCONNECT}:
            return Acknowledgement(PacketKind(kind), codes=tuple(body[:1]))
        if len(body) < 2:
            raise ProtocolFault(f"a packet of type {kind} with {len(body)} bytes")
        properties, at = read_properties(body, 2) if self._v5 and len(body) > 2 else ({}, 2)
        if kind == PacketKind.CONNACK:
            keep_alive, reason = properties.get(Property.SERVER_KEEP_ALIVE), properties.get(Property.REASON)
            return Acknowledgement(
                PacketKind.CONNACK,
                codes=tuple(body[:2]),
                keep_alive_s=keep_alive if isinstance(keep_alive, int) else None,
                reason=reason if isinstance(reason, str) else "",
            )
        return Acknowledgement(PacketKind(kind), int.from_bytes(body[:2]), tuple(body[at:]))


@dataclass(slots=True)
class _Large:
    """A message whose payload is too large: its beginning is kept, the rest is counted and skipped."""

    topic: str
    retained: bool
    packet_id: int | None
    read_of_packet: int
    drop: int  # bytes of properties still to come before the payload
    size: int  # of the payload
    seen: int = 0
    kept: bytearray = field(default_factory=bytearray)

    @classmethod
    def of(cls, first: int, buffer: bytearray, body: int, length: int, *, v5: bool) -> _Large:
        head = bytes(buffer[body : body + min(length, _HEAD_BYTES_MAX)])
        topic, packet_id, at = _head(first, head)
        properties, at = read_length(head, at) if v5 else (0, at)
        if at + properties > length:
            raise ProtocolFault("the properties are longer than their packet")
        return cls(topic, bool(first & 1), packet_id, at, properties, length - at - properties)

    @property
    def done(self) -> bool:
        return self.drop == 0 and self.seen == self.size

    def take(self, data: memoryview) -> int:
        with data:
            dropped = min(self.drop, len(data))
            self.drop -= dropped
            taken = min(self.size - self.seen, len(data) - dropped)
            self.kept += data[dropped : dropped + min(taken, PAYLOAD_BYTES_KEPT - len(self.kept))]
            self.seen += taken
            return dropped + taken

    def published(self) -> Published:
        return Published(self.topic, bytes(self.kept), self.size, self.retained, self.packet_id)


def _header(buffer: bytearray, start: int) -> tuple[int, int] | None:
    """Return the length of the packet at `start` and the begin of its body; None when these bytes are missing."""
    length = 0
    for n in range(4):
        at = start + 1 + n
        if at >= len(buffer):
            return None
        length |= (buffer[at] & 0x7F) << (7 * n)
        if buffer[at] < 0x80:
            return length, at + 1
    raise ProtocolFault("the length of a packet has more than four bytes")


def _read_published(first: int, body: bytes, *, v5: bool) -> Published:
    topic, packet_id, at = _head(first, body)
    named: dict[str, str] = {}
    if v5:
        found, at = read_properties(body, at)
        named = {name: value for name, value in found.items() if isinstance(name, str) and isinstance(value, str)}
    payload = body[at:]
    return Published(topic, payload, len(payload), bool(first & 1), packet_id, named)


def _head(first: int, body: bytes) -> tuple[str, int | None, int]:
    """Read topic and packet id."""
    if (first >> 1) & 3 > 1:
        raise ProtocolFault("a message at QoS 2, which was not asked for")
    topic, at = read_text(body, 0)
    if not (first >> 1) & 3:
        return topic, None, at
    if len(body) < at + 2:
        raise ProtocolFault("a message without a packet id")
    return topic, int.from_bytes(body[at : at + 2]), at + 2
