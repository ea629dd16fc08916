"""Times as the systems of a district write them, one by one; without an offset they are China Standard Time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from twin.envelope_refused import Reason, Refused, shown
from twin.envelope_values import CHINA_OFFSET, moment

CHINA = timezone(CHINA_OFFSET)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WRITTEN = re.compile(
    r"([0-9]{4})\s?[-/.年]\s?([0-9]{1,2})\s?[-/.月]\s?([0-9]{1,2})"
    r"(?:(?:日?[T ]{1,3}|日)([0-9]{1,2})[:时]([0-9]{1,2})(?:[:分](?:([0-9]{1,2})(?:\.([0-9]{1,9}))?秒?)?)?)?日?"
    r"\s?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T?([0-9]{2})([0-9]{2})([0-9]{2})())?(Z)?")


def local_moment(value: Any, name: str) -> datetime:
    """Read a time such as ``2026/6/8 8:05``, ``2026年6月8日9时5分``, ``20260608080500`` or RFC 3339.

    Returns
    -------
    datetime
        In UTC.

    Raises
    ------
    Refused
        When it is none of these, not of the calendar, or not of the years 1970 to 2099.
    """
    if isinstance(value, datetime) and value.tzinfo is None:  # a cell of a spreadsheet
        return moment(value.replace(tzinfo=CHINA), name)
    if type(value) is not str:
        return moment(value, name)
    text = value.strip()
    found = _WRITTEN.fullmatch(text) or _COMPACT.fullmatch(text)
    if found is None:
        return moment(text, name)
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        made = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC)
    except ValueError as error:
        raise Refused(Reason.BAD_TIME, f"{name} is {shown(value)}: {error}", parameter=name) from error
    made = made.replace(microsecond=int((fraction or "").ljust(6, "0")[:6]), tzinfo=_zone(offset))
    return moment(made, name)


def epoch_moment(value: Any, name: str, *, unit: str) -> datetime:
    """Read seconds (`unit` ``s``) or milliseconds (``ms``) since 1970 in UTC, as a number or as digits."""
    try:
        count = float(value) if type(value) in {int, float, str} else None
        if count is not None and 0 <= count < 4.2e12:
            return moment(_EPOCH + timedelta(**{"seconds" if unit == "s" else "milliseconds": count}), name)
    except (ValueError, OverflowError):
        pass
    raise Refused(Reason.BAD_TIME, f"{name} is {shown(value)}; needed are {unit} since 1970", parameter=name)


def _zone(offset: str | None) -> timezone:
    if offset is None:
        return CHINA
    if offset == "Z":
        return UTC
    minutes = min(int(offset[1:3]), 14) * 60 + int(offset[-2:])
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
