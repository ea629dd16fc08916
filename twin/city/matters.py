"""Kinds of reported cases: frequency, daily rhythm, and limits of handling."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

from twin.city.clock import HOUR, after_working_days, after_working_hours, hour_of

GRIDS_OF_A_DISTRICT = 2360
LEAST_SHARE = 0.2  # a small demo still has some cases
_DAILY = {  # cases a day in a district of two million people
    "hotline": 900.0,
    "grid_case": 2000.0,
    "public_report": 200.0,
    "video_ai": 250.0,
    "iot_alarm": 60.0,
    "patrol_uav": 20.0,
    "enterprise_appeal": 25.0,
}
SOURCES = tuple(_DAILY)


@dataclass(frozen=True, slots=True)
class Matter:
    """A class of cases of city management.

    Attributes
    ----------
    code
        Four digits of GB/T 30428.2.
    weight
        Relative frequency.
    working_hours
        Limit of handling; 9 make a working day.
    """

    code: str
    title: str
    weight: float
    working_hours: float


MATTERS = {
    matter.code: matter
    for matter in (
        Matter("0101", "违法搭建", 9, 135),
        Matter("0102", "暴露垃圾", 22, 9),
        Matter("0103", "积存垃圾渣土", 14, 36),
        Matter("0104", "道路不洁", 20, 5),
        Matter("0105", "水域不洁", 6, 135),
        Matter("0106", "绿地脏乱", 9, 18),
        Matter("0406", "道路积水", 3, 2),
    )
}
SEVERITIES = {"1": 3.0, "2": 17.0, "3": 80.0}
PACE = {"1": 0.12, "2": 0.5, "3": 1.0}  # factor of handling times, by severity


def expected(source: str, at_s: int, share: float) -> float:
    """Return the expected number of cases of a source in the minute that begins at `at_s`.

    Parameters
    ----------
    share
        Share of a whole district's cases.
    """
    return _DAILY[source] * share * _rhythm(source, hour_of(at_s)) / (24 * 60)


def _rhythm(source: str, hour: float) -> float:
    """Return the frequency at an hour relative to the day's mean; over a day it averages about 1."""
    peaks = 1.6 * exp(-(((hour - 10) / 2.4) ** 2)) + 1.3 * exp(-(((hour - 15.5) / 2.6) ** 2))
    if source == "grid_case":
        return peaks * 2.0 if 8 <= hour < 20 else 0.05
    if source in {"iot_alarm", "video_ai"}:
        return 0.6 + 0.6 * peaks
    return 0.2 + 1.3 * peaks + 0.9 * exp(-(((hour - 20) / 2.0) ** 2))


def due(source: str, matter: Matter, severity: str, at_s: int, ticket_days: int) -> int:
    """Return the second by which a case is to be handled.

    Parameters
    ----------
    ticket_days
        The limit of a hotline ticket in working days.
    """
    if severity == "1" or source in {"iot_alarm", "video_ai"}:
        return at_s + 2 * HOUR
    if source in {"hotline", "enterprise_appeal"}:
        return after_working_days(at_s, ticket_days if severity == "3" else 1)
    return after_working_hours(at_s, matter.working_hours)
