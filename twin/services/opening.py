"""Opening hours in the local calendar: other hours on working days than on free ones, holidays included."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from twin.rules.calendar import LOCAL, Calendar

_DAY_END = "24:00"


def is_open(hours: Any, at: datetime, calendar: Calendar | None) -> bool | None:
    """Return whether a site is open at a moment; None where nobody says when it is.

    Parameters
    ----------
    hours
        ``{"working": [["08:30", "12:00"], …], "free": […]}``, local time; an end is not part of its span.
    at
        With a time zone.
    calendar
        Says which days are free; without one, Saturdays and Sundays are.
    """
    if not isinstance(hours, dict):
        return None
    local = at.astimezone(LOCAL)
    day = local.date()
    working = calendar.is_working_day(day) if calendar else day.isoweekday() < 6
    spans = hours.get("working" if working else "free")
    if not isinstance(spans, list):
        return None
    return any(_holds(span, local.time()) for span in spans)


def _holds(span: Any, clock: time) -> bool:
    """Whether a time of day lies in a span; a span that cannot be read holds nothing."""
    if not (isinstance(span, list) and len(span) == 2 and all(isinstance(one, str) for one in span)):
        return False
    try:
        begins = time.fromisoformat(span[0])
        return begins <= clock and (span[1] == _DAY_END or clock < time.fromisoformat(span[1]))
    except ValueError:
        return False
