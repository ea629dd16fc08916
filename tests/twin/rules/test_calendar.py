"""Limits by the working-time calendar: examples of the real one, and the laws of `due`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from server.doctor.machine import FindingState
from server.doctor.rules import examine_rules
from twin.rules.calendar import LOCAL, Calendar
from twin.rules.health import calendar_note
from twin.rules.registry import read_rules
from twin.rules.spans import Limit, read_limit, read_span

RULES = Path(__file__).parents[3] / "config" / "rules"
SHIPPED = RULES / "workdays.yaml"
CALENDAR = Calendar.model_validate(yaml.safe_load(SHIPPED.read_text(encoding="utf-8")))


def local(text):
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=LOCAL)


@pytest.mark.parametrize(
    ("begins", "limit", "ends"),
    [
        ("2026-06-08 10:00", "30 min", "2026-06-08 10:30"),
        ("2026-06-06 23:50", "2 h", "2026-06-07 01:50"),  # natural time runs through the weekend
        ("2026-06-08 10:00", "1 wh", "2026-06-08 11:00"),
        ("2026-06-08 11:30", "1 wh", "2026-06-08 14:30"),  # over noon
        ("2026-06-08 17:00", "5 wh", "2026-06-09 15:00"),
        ("2026-06-05 17:00", "1 wh", "2026-06-08 09:00"),  # over the weekend
        ("2026-06-08 20:00", "30 wmin", "2026-06-09 09:00"),
        ("2026-06-08 10:30", "90 wmin", "2026-06-08 12:00"),  # ends with the morning, not in the afternoon
        ("2026-06-08 10:00", "1 wd", "2026-06-09 17:30"),
        ("2026-06-05 10:00", "1 wd", "2026-06-08 17:30"),
        ("2026-06-06 10:00", "1 wd", "2026-06-08 17:30"),  # reported on a Saturday
        ("2026-06-18 10:00", "1 wd", "2026-06-22 17:30"),  # 端午
        ("2026-09-19 10:00", "1 wd", "2026-09-20 17:30"),  # a Sunday that is worked
        ("2026-09-30 10:00", "2 wd", "2026-10-09 17:30"),  # 国庆
        ("2026-09-30 10:00", "3 wd", "2026-10-10 17:30"),  # a Saturday that is worked
        ("2026-02-13 17:00", "1 wh", "2026-02-14 09:00"),  # a Saturday that is worked before 春节
        ("2026-02-14 17:00", "1 wh", "2026-02-24 09:00"),
        ("2025-12-31 10:00", "1 wd", "2026-01-04 17:30"),
        ("2026-06-08 10:00", "0 wd", "2026-06-08 10:00"),
    ],
)
def test_limits_end_when_the_calendar_says(begins, limit, ends):
    assert CALENDAR.due(local(begins), read_limit(limit)) == local(ends)


@pytest.mark.parametrize(
    ("begins", "limit", "share", "moment"),
    [
        ("2026-06-08 10:00", "10 min", 0.5, "2026-06-08 10:05"),
        ("2026-06-08 10:00", "4 wh", 0.5, "2026-06-08 12:00"),
        ("2026-06-08 10:00", "1 wd", 0.5, "2026-06-09 09:15"),  # 5.5 h today, 7 h tomorrow: half of 12.5
        ("2026-06-08 10:00", "5 wd", 0.8, "2026-06-12 17:30"),
        ("2026-06-08 10:00", "1 wd", 2, "2026-06-10 17:30"),
    ],
)
def test_a_share_of_a_limit(begins, limit, share, moment):
    assert CALENDAR.moment(local(begins), read_limit(limit), share) == local(moment)


def test_working_days_of_the_years_that_are_known():
    days = [date(year, 1, 1) + timedelta(days=n) for year in (2025, 2026) for n in range(365)]
    worked = [day.year for day in days if CALENDAR.is_working_day(day)]
    assert (worked.count(2025), worked.count(2026)) == (248, 248)
    assert CALENDAR.day_length == timedelta(hours=7)


@pytest.mark.parametrize("text", ["3", "min", "3 weeks", "-1 h", "1.5 wd", "", None, 3, "3  min", "9999999 h"])
def test_what_is_no_span_is_refused(text):
    with pytest.raises(ValueError, match=r"span|whole"):
        read_limit(text)


def test_working_time_is_no_natural_time():
    with pytest.raises(ValueError, match="natural"):
        read_span("3 wh")


moments = st.integers(0, 60 * 24 * 690).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
units = st.sampled_from(["s", "min", "h", "d", "wmin", "wh", "wd"])
limits = st.builds(Limit, st.integers(0, 60), units)
shares = st.sampled_from([0.1, 0.25, 0.5, 0.8, 1.0, 2.0])


@given(at=moments, later=moments, limit=limits)
def test_who_begins_later_ends_no_earlier(at, later, limit):
    first, second = sorted([at, later])
    assert CALENDAR.due(first, limit) <= CALENDAR.due(second, limit)
    assert CALENDAR.due(at, limit) >= at


@given(at=moments, a=st.integers(0, 30), b=st.integers(0, 30), unit=units)
def test_limits_add_up(at, a, b, unit):
    assert CALENDAR.due(CALENDAR.due(at, Limit(a, unit)), Limit(b, unit)) == CALENDAR.due(at, Limit(a + b, unit))


@given(at=moments, limit=limits, a=shares, b=shares)
def test_a_greater_share_ends_no_earlier(at, limit, a, b):
    less, more = sorted([a, b])
    assert CALENDAR.moment(at, limit, less) <= CALENDAR.moment(at, limit, more)
    assert CALENDAR.moment(at, limit, 1) == CALENDAR.due(at, limit)


@given(at=moments, hours=st.integers(0, 40))
def test_working_hours_are_worked(at, hours):
    assert CALENDAR.worked(at, CALENDAR.due(at, Limit(hours, "wh"))) == timedelta(hours=hours)


@given(at=moments, days=st.integers(1, 20))
def test_working_days_end_with_a_working_day(at, days):
    end = CALENDAR.due(at, Limit(days, "wd")).astimezone(LOCAL)
    between = (at.astimezone(LOCAL).date() + timedelta(days=n) for n in range(1, 100))
    worked = [day for day in between if day <= end.date() and CALENDAR.is_working_day(day)]
    assert len(worked) == days
    assert worked[-1] == end.date()
    assert (end.hour, end.minute) == (17, 30)


def test_a_year_that_is_not_known_is_told_in_time():
    known = max(CALENDAR.years)
    assert CALENDAR.lacking(date(known, 11, 30)) == ()
    assert CALENDAR.lacking(date(known, 12, 1)) == (known + 1,)
    assert CALENDAR.lacking(date(known + 1, 1, 1)) == (known + 1,)
    assert CALENDAR.lacking(date(known + 1, 12, 31)) == (known + 1, known + 2)


def test_the_doctor_says_which_holidays_are_missing_and_where_they_go():
    known = max(CALENDAR.years)
    (finding,) = examine_rules(RULES, date(known, 11, 30))
    assert finding.state is FindingState.WELL
    (finding,) = examine_rules(RULES, date(known, 12, 1))
    assert finding.state is FindingState.WARNING
    assert f"{known + 1}" in finding.detail
    assert str(RULES / "workdays.yaml") in finding.remedy
    assert calendar_note(read_rules(RULES), "workdays", date(known, 11, 30)) is None
    assert f"{known + 1}" in calendar_note(read_rules(RULES), "workdays", date(known, 12, 1))


def test_the_doctor_names_a_rule_that_cannot_be_read(tmp_path):
    (tmp_path / "flood.yaml").write_text("name: flood\n", encoding="utf-8")
    (finding,) = examine_rules(tmp_path, date(2026, 6, 1))
    assert finding.state is FindingState.WRONG
    assert "flood.yaml" in finding.detail
