"""JT/T 808, the protocol of vehicle terminals over TCP: frames and locations, 2013 and 2019 headers; no sockets here.

A frame is ``7e … 7e``; inside, ``7d 02`` stands for ``7e`` and ``7d 01`` for ``7d``; the last byte is the XOR of the
others. Positions come as 0x0200, late ones in batches as 0x0704. Times are Beijing's.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import xor
from typing import Any

from twin.envelope.kinds import POSITION_LIMITS
from twin.envelope.refused import Reason, Refused
from twin.envelope.times import CHINA_OFFSET, moment

MARK, ESCAPE = 0x7E, 0x7D
LOCATION, LOCATION_BATCH, HEARTBEAT, REGISTER, AUTHENTICATE = 0x0200, 0x0704, 0x0002, 0x0100, 0x0102
TERMINAL_ANSWER, GENERAL_ANSWER = 0x0001, 0x8001
FRAME_BYTES_MAX = 4096  # a body has at most 1023 bytes, and each may be escaped
BATCH_LOCATIONS_MAX = 200
_LOCATION = struct.Struct(">IIIIHHH6s")
_FIX_VALID, _SOUTH, _WEST = 1 << 1, 1 << 2, 1 << 3
_MILEAGE_ITEM = 0x01


@dataclass(frozen=True, slots=True)
class TerminalFrame:
    """A frame without marks, escapes and check byte.

    Attributes
    ----------
    phone
        Number of the terminal, without leading zeros.
    part, parts
        Of a message that came in several frames; 1 of 1 otherwise.
    """

    message_id: int
    phone: str
    serial: int
    body: bytes
    is_2019: bool = False
    part: int = 1
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Location:
    """Where a terminal is; speed in km/h, direction in degrees clockwise from north.

    A value that cannot be right (direction 65535, a speed of 6553.5 km/h) is None, unknown; the place is valid all the
    same.
    """

    alarm_flags: int
    status_flags: int
    lon: float
    lat: float
    altitude_m: int | None
    speed_kmh: float | None
    heading_deg: int | None
    time: datetime
    mileage_km: float | None


def split_frames(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Cut a stream into whole frames, still escaped, without marks; return them and the rest of the stream.

    Raises
    ------
    Refused
        When more than a frame's length has no mark: the other side does not use JT/T 808.
    """
    *pieces, rest = buffer.split(bytes([MARK]))
    frames = [piece for piece in pieces if piece]
    if len(rest) > FRAME_BYTES_MAX or any(len(frame) > FRAME_BYTES_MAX for frame in frames):
        raise Refused(Reason.BAD_FRAME, f"more than {FRAME_BYTES_MAX} bytes without an end of frame")
    return frames, (bytes([MARK]) + rest if rest and pieces else rest)


def read_frame(escaped: bytes) -> TerminalFrame:
    """Read the bytes between two marks.

    Raises
    ------
    Refused
        For a wrong escape, check byte or length, and for an encrypted body.
    """
    raw = _unescape(escaped)
    if len(raw) < 13:
        raise Refused(Reason.BAD_FRAME, f"a frame of {len(raw)} bytes; at least 13")
    if reduce(xor, raw):
        raise Refused(Reason.BAD_CHECKSUM, "the check byte is not the XOR of the others")
    message_id, attributes = struct.unpack_from(">HH", raw)
    if attributes & 0x1C00:
        raise Refused(Reason.BAD_FRAME, "the body is encrypted; only plain bodies are read")
    is_2019, in_parts = bool(attributes & 0x4000), bool(attributes & 0x2000)
    phone_at, phone_bytes = (5, 10) if is_2019 else (4, 6)
    body_at = phone_at + phone_bytes + 2 + (4 if in_parts else 0)
    body = raw[body_at:-1]
    if len(raw) <= body_at or len(body) != attributes & 0x03FF:
        raise Refused(Reason.BAD_FRAME, f"the header announces {attributes & 0x03FF} bytes, there are {len(body)}")
    phone = _bcd(raw[phone_at : phone_at + phone_bytes], "phone").lstrip("0") or "0"
    (serial,) = struct.unpack_from(">H", raw, phone_at + phone_bytes)
    parts, part = struct.unpack_from(">HH", raw, body_at - 4) if in_parts else (1, 1)
    return TerminalFrame(message_id, phone, serial, body, is_2019, part, parts)


def has_fix(body: bytes) -> bool:
    """Return whether the receiver had a fix when it wrote the body of 0x0200.

    Without a fix the place and the time are the last known, zeros or ones, and mean nothing.

    Raises
    ------
    Refused
        When the body is too short.
    """
    _, status, *_ = _fields(body)
    return bool(status & _FIX_VALID)


def read_location(body: bytes) -> Location:
    """Read the body of a 0x0200 that has a fix.

    Raises
    ------
    Refused
        When it is too short, its time is none, or its coordinates are off the globe.
    """
    alarm, status, lat, lon, altitude, speed, heading, time = _fields(body)
    if lat > 90_000_000 or lon > 180_000_000:
        raise Refused(Reason.OUT_OF_RANGE, f"latitude {lat}e-6, longitude {lon}e-6")
    mileage_km, altitude_m = _mileage_km(body[_LOCATION.size :]), altitude - 65536 if altitude >= 32768 else altitude
    return Location(
        alarm_flags=alarm,
        status_flags=status,
        lon=(-lon if status & _WEST else lon) / 1e6,
        lat=(-lat if status & _SOUTH else lat) / 1e6,
        altitude_m=_within(altitude_m, POSITION_LIMITS["altitude_m"]),
        speed_kmh=_within(speed / 10, POSITION_LIMITS["speed_kmh"]),
        heading_deg=_within(heading, POSITION_LIMITS["heading_deg"]),
        time=_time(time),
        mileage_km=None if mileage_km is None else _within(mileage_km, POSITION_LIMITS["mileage_km"]),
    )


def _fields(body: bytes) -> tuple[Any, ...]:
    if len(body) < _LOCATION.size:
        raise Refused(Reason.BAD_FRAME, f"a location of {len(body)} bytes; at least {_LOCATION.size}")
    return _LOCATION.unpack_from(body)


def read_location_batch(body: bytes) -> tuple[list[bytes], Refused | None]:
    """Cut the body of 0x0704 into bodies of 0x0200; return the whole ones, and the fault of the rest.

    Raises
    ------
    Refused
        When it is too short, or announces too many.
    """
    if len(body) < 3:
        raise Refused(Reason.BAD_FRAME, f"a batch of {len(body)} bytes; at least 3")
    count, at = int.from_bytes(body[:2]), 3
    if count > BATCH_LOCATIONS_MAX:
        raise Refused(Reason.TOO_MANY, f"a batch of {count} locations; at most {BATCH_LOCATIONS_MAX}")
    bodies = list[bytes]()
    while len(bodies) < count:
        end = at + 2 + int.from_bytes(body[at : at + 2])
        if at + 2 > len(body) or end > len(body):
            break
        bodies.append(body[at + 2 : end])
        at = end
    if len(bodies) == count and at == len(body):
        return bodies, None
    detail = f"the batch announces {count} locations; {len(bodies)} are whole, {len(body) - at} bytes are left over"
    return bodies, Refused(Reason.BAD_FRAME, detail)


def locations(frame: TerminalFrame) -> tuple[list[bytes], Refused | None]:
    """Return the bodies of the locations in a frame, and the fault of the rest.

    Raises
    ------
    Refused
        For a part of a message in several frames, and a malformed batch.
    """
    if frame.message_id not in {LOCATION, LOCATION_BATCH}:
        return [], None
    if frame.parts > 1:
        raise Refused(Reason.BAD_FRAME, "a location in several frames is not read")
    return ([frame.body], None) if frame.message_id == LOCATION else read_location_batch(frame.body)


def envelope(frame: TerminalFrame, location: Location, source: str, subject: str) -> dict[str, Any]:
    """Make the canonical envelope of a location; its id is the terminal and the second."""
    data: dict[str, Any] = {
        "lon": location.lon,
        "lat": location.lat,
        "speed_kmh": location.speed_kmh,
        "heading_deg": location.heading_deg,
        "altitude_m": location.altitude_m,
        "fix_valid": True,
        "alarm_flags": location.alarm_flags,
        "status_flags": location.status_flags,
        "mileage_km": location.mileage_km,
    }
    if frame.message_id == LOCATION_BATCH:
        data["is_late_report"] = True
    return {
        "specversion": "1.0",
        "source": source,
        "id": f"{frame.phone}-{location.time:%Y%m%d%H%M%S}",
        "type": "cn.gov.district.position.reported",
        "subject": subject,
        "time": location.time,
        "data": data,
    }


def write_frame(frame: TerminalFrame) -> bytes:
    """Write a frame as it goes over the wire, marks included: answers of the platform, and terminals in tests."""
    attributes = len(frame.body) | (0x4000 if frame.is_2019 else 0) | (0x2000 if frame.parts > 1 else 0)
    raw = struct.pack(">HH", frame.message_id, attributes)
    raw += b"\x01" + bytes.fromhex(frame.phone.zfill(20)) if frame.is_2019 else bytes.fromhex(frame.phone.zfill(12))
    raw += struct.pack(">H", frame.serial)
    if frame.parts > 1:
        raw += struct.pack(">HH", frame.parts, frame.part)
    raw += frame.body
    raw += bytes([reduce(xor, raw)])
    mark = bytes([MARK])
    return mark + raw.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02") + mark


def general_answer(frame: TerminalFrame, serial: int, *, accepted: bool) -> bytes:
    """Write the platform's general answer 0x8001 to a frame."""
    body = struct.pack(">HHB", frame.serial, frame.message_id, 0 if accepted else 1)
    return write_frame(TerminalFrame(GENERAL_ANSWER, frame.phone, serial, body, frame.is_2019))


def marked(escaped: bytes) -> bytes:
    """Put the marks back around a frame."""
    return bytes([MARK]) + escaped + bytes([MARK])


def _unescape(escaped: bytes) -> bytes:
    if len(escaped) > FRAME_BYTES_MAX:
        raise Refused(Reason.BAD_FRAME, f"a frame of {len(escaped)} bytes; at most {FRAME_BYTES_MAX}")
    if MARK in escaped:
        raise Refused(Reason.BAD_FRAME, "a mark 7e inside a frame")
    first, *pieces = escaped.split(bytes([ESCAPE]))
    raw = [first]
    for piece in pieces:
        if piece[:1] not in {b"\x01", b"\x02"}:
            raise Refused(Reason.BAD_FRAME, "an escape 7d that is neither 7d 01 nor 7d 02")
        raw.append((b"\x7d" if piece[0] == 1 else b"\x7e") + piece[1:])
    return b"".join(raw)


def _bcd(raw: bytes, name: str) -> str:
    digits = raw.hex()
    if digits.isdigit():
        return digits
    raise Refused(Reason.BAD_FRAME, f"{name} is {digits}; needed are BCD digits", parameter=name)


def _time(raw: bytes) -> datetime:
    """Read YYMMDDhhmmss in BCD, Beijing time."""
    digits = _bcd(raw, "time")
    year, month, day, hour, minute, second = (int(digits[i : i + 2]) for i in range(0, 12, 2))
    try:
        made = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise Refused(Reason.BAD_TIME, f"the time is {digits}: {error}", parameter="time") from error
    return moment(made - CHINA_OFFSET, "time")


def _within[Number: (int, float)](value: Number, limits: tuple[float, float]) -> Number | None:
    low, high = limits
    return value if low <= value <= high else None


def _mileage_km(extra: bytes) -> float | None:
    """Return the mileage of the additional items; truncated and unknown items are skipped."""
    at = 0
    while at + 2 <= len(extra):
        item, length = extra[at], extra[at + 1]
        if item == _MILEAGE_ITEM and length == 4 and at + 6 <= len(extra):
            return int.from_bytes(extra[at + 2 : at + 6]) / 10
        at += 2 + length
    return None
