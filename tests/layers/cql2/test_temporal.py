"""Every usual way to write an instant, and the noise at the limits of a box."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.coordinates.crs import CRS84
from layers.cql2.bbox import parse_bbox
from layers.cql2.temporal import of_instant, of_timestamp
from layers.errors import BadFilter


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31)), st.integers(-14, 14))  # noqa: DTZ001
def test_every_way_to_write_an_offset_is_the_same_instant(moment, hours):
    sign, size = "-" if hours < 0 else "+", abs(hours)
    wanted = (moment - timedelta(hours=hours)).replace(tzinfo=UTC)
    for zone in (f"{sign}{size:02}:00", f"{sign}{size:02}00", f"{sign}{size:02}", f"{sign}{size}:00"):
        for day in (moment.isoformat("T", "microseconds"), f"{moment.isoformat():.10}".replace("-", "")):
            text = day if "T" in day else f"{day}T{moment:%H%M%S.%f}"
            assert of_instant(text + zone).value == wanted


def test_the_end_of_a_day_and_a_leap_second():
    assert of_timestamp("2026-06-08T24:00:00Z").value == datetime(2026, 6, 9, tzinfo=UTC)
    assert of_timestamp("2026-12-31T23:59:60Z").value == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-06-08T24:00:01Z", "2026-06-08T10:58:60Z", "2026-06-08T10:00:00", "2026-02-30T00:00:00Z"]
)
def test_what_no_clock_shows(text):
    with pytest.raises(BadFilter, match="no timestamp"):
        of_timestamp(text)


def test_noise_at_the_limits_of_a_box():
    box = parse_bbox("-180.00000000000006,-90,180.00000000000006,90.00000000000001", CRS84)
    assert box.rectangles == ((-180.0, -90.0, 180.0, 90.0),)
