"""Laws of the storm: the rain has the formula's depth, water rises and falls, and every event and outage ends."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twin.city.conftest import NOON, SEED
from twin.city.rain_warning import chain, warnings_in
from twin.city.rainfall import Hyetograph, storm_formula
from twin.city.runoff import creek_flow, standing_mm
from twin.city.storm import LEAD_MIN, Storm, StormPlan
from twin.city.storm_events import StormEvents
from twin.city.water import pumps_running
from twin.envelope.read import read_all
from twin.feeds.cap import NATIONAL_IDENTIFIER, read_cap

COLOURS = ["yellow", "orange", "red", "yellow", "yellow"]


@pytest.fixture(scope="session")
def storm(district):
    return Storm(district, SEED, StormPlan(NOON, 60, 100, 10))


@pytest.fixture(scope="session")
def said(storm):
    """All messages of the storm, minute by minute."""
    events = StormEvents(storm)
    return [[*storm.measurements(m), *events.messages(m)] for m in range(storm.lasts_min)]


@pytest.mark.parametrize(
    ("years", "minutes", "depth_mm"), [(2, 60, 60.1), (5, 60, 69.4), (100, 60, 99.6), (100, 180, 142.5)]
)
def test_the_formula_gives_its_check_values(years, minutes, depth_mm):
    assert storm_formula().depth_mm(years, minutes) == pytest.approx(depth_mm, abs=0.06)
    assert storm_formula().standard_version


@given(years=st.floats(1, 1000), minutes=st.floats(10, 360), peak=st.floats(0.1, 0.9))
def test_a_design_storm_brings_what_the_formula_says(years, minutes, peak):
    rain = Hyetograph(storm_formula(), years, minutes, peak)
    fallen = np.array([rain.fallen_mm(m) for m in np.linspace(-5, minutes + 5, 400)])
    assert (np.diff(fallen) >= -1e-9).all()
    assert fallen[0] == 0
    assert fallen[-1] == pytest.approx(storm_formula().depth_mm(years, minutes), rel=1e-9)


@given(stretch=st.floats(1, 60))
def test_each_stretch_about_the_peak_is_the_heaviest_of_its_length(stretch):
    rain = Hyetograph(storm_formula(), 100, 60)
    begins = rain.peak_share * (rain.minutes - stretch)
    fallen = rain.fallen_mm(begins + stretch) - rain.fallen_mm(begins)
    assert fallen == pytest.approx(storm_formula().depth_mm(100, stretch), rel=1e-9)


def test_every_gauge_reports_its_share_of_the_formula_to_the_hundredth(storm, said):
    sums = defaultdict(float)
    for messages in said:
        for message in messages:
            if message["data"].get("property") == "rain_mm":
                sums[message["subject"].partition("/")[2]] += message["data"]["value"]
    assert sums.keys() == {gauge.id for gauge in storm.water.gauges}
    for gauge in storm.water.gauges:
        share, delay = storm.share_and_delay(gauge)
        assert 0.7 <= share <= 1
        assert 0 <= delay <= 15
        own = storm.rain_mm(gauge).sum()
        assert own == pytest.approx(share * storm.hyetograph.total_mm, abs=0.006)
        assert sums[gauge.id] == pytest.approx(own, abs=0.01 * 60), "a shower may fall beside the storm"


@given(rain=st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_creeks_carry_off_what_fell_and_never_more(rain):
    series = np.array([*rain, *[0.0] * 400])
    flow = creek_flow(series)
    assert (flow >= 0).all()
    assert (flow.cumsum() <= series.cumsum() + 1e-9).all()
    assert flow.sum() == pytest.approx(sum(rain), rel=1e-6, abs=1e-9)
    assert standing_mm(series, 40.0).max() <= sum(rain) + 1e-9


def test_creeks_rise_after_the_rain_and_fall_back(storm):
    for station in storm.water.stations:
        rises = storm.rises[station.id]
        level, rain = [r.level_m for r in rises], [r.rain_mm for r in rises]
        assert np.argmax(level) > np.argmax(rain)
        assert max(level) > 0.3
        assert level[0] == level[-1] == 0


def test_water_stands_at_flood_points_and_drains(storm):
    depths = [[r.depth_m for r in storm.rises[point.id]] for point in storm.water.points]
    assert max(map(max, depths)) > 0.15
    for point, depth in zip(storm.water.points, depths, strict=True):
        assert depth[LEAD_MIN] == depth[-1] == 0
        assert max(depth) <= 1.2 * point.properties["historical_max_depth_m"]


@given(count=st.integers(0, 8), rise=st.floats(0, 3))
def test_pumps_start_one_after_the_other(count, rise):
    assert 0 <= pumps_running(count, rise) <= count
    assert pumps_running(count, rise) <= pumps_running(count, rise + 0.1)
    assert pumps_running(count, 0) == 0
    assert pumps_running(count, 3) == count


def test_all_that_is_said_is_valid_and_of_its_own(storm, said):
    flat = [message for messages in said for message in messages]
    end = datetime.fromtimestamp(storm.plan.second(storm.lasts_min), tz=UTC)
    reading = read_all(orjson.loads(orjson.dumps(flat)), now=end)
    assert reading.refused == []
    assert len({message.identity for message in reading.messages}) == len(flat)
    times = [message["time"] for message in flat]
    assert min(times) >= "2026-06-08T12:00:00"
    assert datetime.fromisoformat(max(times)) <= end


def test_everything_that_opens_closes(said):
    flat = [message for messages in said for message in messages]
    events, cameras = defaultdict(list), defaultdict(list)
    for message in flat:
        if ".event." in message["type"]:
            events[message["id"]].append(message)
        elif message["data"]["property"] == "online_status":
            cameras[message["subject"]].append(message["data"]["value_text"])
    assert {m[0]["data"]["source"] for m in events.values()} == {"hotline"}, "alarms are the rules'"
    for versions in events.values():
        assert [m["version"] for m in versions] == list(range(1, len(versions) + 1))
        assert all(a["time"] <= b["time"] for a, b in pairwise(versions))
        assert versions[-1]["data"]["stage"] in {"closed", "merged"}
    assert cameras
    assert all(states[-1] == "online" and states[0] != "online" for states in cameras.values())


def test_warnings_are_a_chain_of_national_cap(storm):
    bodies = [body for minute in range(storm.lasts_min) for body in warnings_in(storm, minute)]
    alerts = [read_cap(body) for body in bodies]
    assert [a.message_type for a in alerts] == ["Alert", "Update", "Update", "Update", "Cancel"]
    assert [a.severity for a in alerts] == COLOURS
    assert all(NATIONAL_IDENTIFIER.fullmatch(a.identifier) and a.mode == "actual" for a in alerts)
    assert all(a.areas.codes == (f"{storm.district.code}000000",) for a in alerts)
    assert alerts[0].references == ()
    for number, alert in enumerate(alerts[1:], start=1):
        assert [r.identifier for r in alert.references] == [a.identifier for a in alerts[:number]]
        assert [r.sent for r in alert.references] == [a.sent for a in alerts[:number]]
    assert all(a.sent < b.sent for a, b in pairwise(alerts))


@given(minutes=st.integers(10, 360), years=st.floats(1, 1000), speed=st.floats(1, 60))
def test_every_storm_is_warned_of_before_and_cancelled_after(district, minutes, years, speed):
    played = Storm(district, SEED, StormPlan(NOON, minutes, years, speed))
    notices = chain(played)
    assert notices[0].minute < played.rains[0]
    assert notices[-1].message_type == "Cancel"
    assert notices[-1].minute > played.rains[1]
    assert [n.minute for n in notices] == sorted(n.minute for n in notices)
    assert played.phase(0) == "warning"
    assert played.phase(played.lasts_min - 1) == "receding"
