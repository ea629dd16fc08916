"""Times as the systems of a district write them; without an offset they are China Standard Time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from twin.envelope.refused import Reason, Refused, shown
from twin.envelope.times import CHINA_OFFSET, micros, moment, offset_of, since_midnight

CHINA = timezone(CHINA_OFFSET)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WRITTEN = re.compile(
    r"([0-9]{4})\s?[-/.年]\s?([0-9]{1,2})\s?[-/.月]\s?([0-9]{1,2})"
    r"(?:(?:日?[T ]{1,3}|日)(上午|下午)?\s?([0-9]{1,2})[:时]([0-9]{1,2})"
    r"(?:[:分](?:([0-9]{1,2})(?:\.([0-9]{1,9}))?秒?)?)?)?日?"
    r"\s?(Z|z|[+-][0-9]{1,2}(?::?[0-9]{2})?)?"
)
_COMPACT = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})()(?:T?([0-9]{2})([0-9]{2})([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r"(Z|z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_NOON, _OFFSET_MAX = 12, timedelta(hours=15)
_YEARS = (1970, 2100)
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


def local_moment(value: Any, name: str) -> datetime:
    """Read a time such as ``2026/6/8 8:05``, ``2026年6月8日9时5分``, ``2026-06-08 下午 3:05`` or ``20260608080500``.

    RFC 3339 too, its offset also as ``+08``, ``+8:00`` or ``+0800``; 24:00:00 is the end of the day.

    Returns
    -------
    datetime
        In UTC.

    Raises
    ------
    Refused
        When the value is no such time, not of the calendar, or not of the years 1970 to 2099.
    """
    if isinstance(value, datetime) and value.tzinfo is None:  # a cell of a spreadsheet
        return moment(value.replace(tzinfo=CHINA), name)
    if type(value) is not str:
        return moment(value, name)
    text = value.strip()
    found = _WRITTEN.fullmatch(text) or _COMPACT.fullmatch(text)
    if found is None or not _YEARS[0] <= int(found[1]) < _YEARS[1]:
        return moment(text, name)
    year, month, day, half, hour, minute, second, fraction, offset = found.groups()
    east = offset_of(offset)
    try:
        midnight = datetime(int(year), int(month), int(day), tzinfo=UTC)
        past = since_midnight(_hour(int(hour or 0), half), int(minute or 0), int(second or 0))
    except ValueError as error:
        raise Refused(Reason.BAD_TIME, f"{name} is {shown(value)}: {error}", parameter=name) from error
    if abs(east) >= _OFFSET_MAX:
        raise Refused(Reason.BAD_TIME, f"{name} is {shown(value)}: no place has that offset", parameter=name)
    return moment(midnight + past + timedelta(microseconds=micros(fraction)) - east, name)


def _hour(hour: int, half: str | None) -> int:
    """Return an hour of the morning (上午) or the afternoon (下午) as an hour of the day."""
    if not half:
        return hour
    if not 0 < hour <= _NOON:
        raise ValueError(f"{half} has hours 1 to 12")
    return hour % _NOON + (_NOON if half == "下午" else 0)


def epoch_moment(value: Any, name: str, *, unit: str) -> datetime:
    """Read seconds (`unit` ``s``) or milliseconds (``ms``) since 1970 in UTC, as a number or as digits.

    Raises
    ------
    Refused
        When the value is no such number, or out of range.
    """
    try:
        count = float(value) if type(value) in {int, float, str} else None
        if count is not None and 0 <= count < 4.2e12:
            return moment(_EPOCH + timedelta(**{"seconds" if unit == "s" else "milliseconds": count}), name)
    except (ValueError, OverflowError):
        pass
    raise Refused(Reason.BAD_TIME, f"{name} is {shown(value)}; needed are {unit} since 1970", parameter=name)


def span(seconds: float | None) -> str:
    """Return a time span in seconds as a text for people; empty for None."""
    if seconds is None:
        return ""
    size = abs(float(seconds))
    sign = "-" if float(seconds) < 0 and size >= 1 else ""
    if size < _MINUTE_S:
        return f"{sign}{size:.0f} s"
    if size < _HOUR_S:
        return f"{sign}{size / _MINUTE_S:.0f} min"
    return f"{sign}{size / _HOUR_S:.0f} h" if size < 2 * _DAY_S else f"{sign}{size / _DAY_S:.0f} d"
