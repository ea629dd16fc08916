"""Times of messages: RFC 3339 and its common variants, read into UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from twin.envelope.refused import Reason, Refused, shown

CHINA_OFFSET = timedelta(hours=8)  # a time without an offset is China Standard Time
_TIME = re.compile(
    r"(?:19[7-9]|20[0-9])[0-9]-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
    r"(Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?"
)
_RARE_TIME = re.compile(  # PostgreSQL writes +08, ISO's basic form has no separators, 24:00:00 ends a day
    r"((?:19[7-9]|20[0-9])[0-9])(-?)([0-9]{2})\2([0-9]{2})[T ]([0-9]{2})(:?)([0-9]{2})\6([0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(Z|[+-](?:0?[0-9]|1[0-4])(?::?[0-5][0-9])?)?"
)


def moment(value: Any, name: str) -> datetime:
    """Return an RFC 3339 time of the years 1970 to 2099; without an offset it is China Standard Time.

    A datetime with an offset is accepted too, from decoders of binary formats.

    Returns
    -------
    datetime
        In UTC, to the microsecond.

    Raises
    ------
    Refused
        When it is missing or no such time.
    """
    if type(value) is str:
        found = _to_the_second(value) if len(value) <= _SECOND_CHARACTERS else _read_common(value)
        if found is not None:
            return found
    elif isinstance(value, datetime) and value.tzinfo is not None and 1970 <= value.year < 2100:
        return value.astimezone(UTC)
    given = f"{name} is {shown(value)}" if value is not None else f"{name} is missing"
    raise Refused(
        Reason.MISSING if value is None else Reason.BAD_TIME,
        f"{given}; needed is a time such as 2026-06-08T09:58:00+08:00, of the years 1970 to 2099",
        parameter=name,
    )


def _read_common(value: str) -> datetime | None:
    found = _TIME.fullmatch(value)
    if found is None:
        return _read_rare(value)
    offset = found[1]
    try:
        if offset == "+08:00":
            return datetime.fromisoformat(value[:-6] + "Z") - CHINA_OFFSET
        if offset is None:
            return datetime.fromisoformat(value + "Z") - CHINA_OFFSET
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:  # the 30th of February
        return None


def _read_rare(value: str) -> datetime | None:
    found = _RARE_TIME.fullmatch(value)
    if found is None:
        return None
    year, _, month, day, hour, _, minute, second, fraction, offset = found.groups()
    try:
        midnight = datetime(int(year), int(month), int(day), tzinfo=UTC)
        past = since_midnight(int(hour), int(minute), int(second))
    except ValueError:
        return None
    return midnight + past + timedelta(microseconds=micros(fraction)) - offset_of(offset)


def since_midnight(hour: int, minute: int, second: int) -> timedelta:
    """Return the time since midnight of a clock time; 24:00:00 ends the day, and a leap second an hour.

    Raises
    ------
    ValueError
        When no clock shows this.
    """
    is_shown = hour < 24 and minute < 60 and (second < 60 or (minute, second) == (59, 60))
    if not is_shown and (hour, minute, second) != (24, 0, 0):
        raise ValueError("no clock shows that")
    return timedelta(hours=hour, minutes=minute, seconds=second)


def micros(fraction: str | None) -> int:
    """Return the digits behind the point as microseconds, cut off; 0 for None."""
    return int((fraction or "").ljust(6, "0")[:6])


def offset_of(written: str | None) -> timedelta:
    """Return the offset of ``Z``, ``+08``, ``+8:00`` or ``+0800``; None is China Standard Time."""
    if not written:
        return CHINA_OFFSET
    if written in {"Z", "z"}:
        return timedelta()
    digits = written[1:].replace(":", "")
    hours, minutes = (digits, "0") if len(digits) <= len("08") else (digits[:-2], digits[-2:])
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return -offset if written[0] == "-" else offset


_SECOND_CHARACTERS = 25
_to_the_second = lru_cache(4096)(_read_common)  # a fleet that reports by the second repeats itself
