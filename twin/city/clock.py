"""Seconds since 1970 in China Standard Time: days, hours, working days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from twin.envelope.times import CHINA_OFFSET

MINUTE, HOUR, DAY = 60, 3600, 86_400
_OFFSET_S = int(CHINA_OFFSET.total_seconds())
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPENS, _CLOSES = 9 * HOUR, 18 * HOUR


def written(at_s: int) -> str:
    """Return a second as a time with its offset, for example ``2026-06-08T09:58:00+08:00``."""
    return (_EPOCH + timedelta(seconds=at_s + _OFFSET_S)).strftime("%Y-%m-%dT%H:%M:%S+08:00")


def day_of(at_s: int) -> int:
    """Return the number of the day, from midnight to midnight in China."""
    return (at_s + _OFFSET_S) // DAY


def day_starts(day: int) -> int:
    """Return the second at which a day begins."""
    return day * DAY - _OFFSET_S


def hour_of(at_s: float) -> float:
    """Return the hour of the day, 0 to 24, with its fraction."""
    return ((at_s + _OFFSET_S) % DAY) / HOUR


def day_written(at_s: int, form: str = "%Y%m%d") -> str:
    """Return the day of a second as text, for example ``20260608``."""
    return (_EPOCH + timedelta(seconds=at_s + _OFFSET_S)).strftime(form)


def is_working_day(day: int) -> bool:
    """Whether a day is Monday to Friday; holidays are ignored."""
    return (day + 3) % 7 < 5  # 1970-01-01 was a Thursday


def after_working_days(at_s: int, days: int) -> int:
    """Return the end of the working day that is `days` working days after a second."""
    day = day_of(at_s)
    while days > 0:
        day += 1
        days -= is_working_day(day)
    return day_starts(day) + _CLOSES


def after_working_hours(at_s: int, hours: float) -> int:
    """Return the second so many working hours (9 to 18 o'clock, Monday to Friday) after another."""
    left, now = hours * HOUR, at_s
    for _ in range(60):
        day = day_of(now)
        opens, closes = day_starts(day) + _OPENS, day_starts(day) + _CLOSES
        begin = max(now, opens)
        if is_working_day(day) and begin < closes:
            if begin + left <= closes:
                return round(begin + left)
            left -= closes - begin
        now = day_starts(day + 1)
    return now
