"""Laws of cases and cameras: stages in order, unique numbers, every case and outage ends."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin.city.conftest import NOON, SEED
from twin.city.cameras import FLAPS_A_DAY
from twin.city.clock import day_of, written
from twin.city.stages import ENDS, FOLLOWS, LIFE_MAX_S, REACHED_AT, course

DAY = 86_400


@pytest.fixture(scope="session")
def tickets(city):
    """All cases of three days."""
    minutes = range((NOON - 12 * 3600) // 60, (NOON + 3 * DAY) // 60)
    return [ticket for minute in minutes for ticket in city.tickets.born_in(minute)]


@given(seed=st.integers(0, 10**6), pace=st.floats(0.01, 3), is_double=st.booleans())
def test_a_case_goes_through_allowed_stages_to_an_end(seed, pace, is_double):
    steps = course(NOON, pace, seed, "case", ends_merged=is_double)
    assert steps[0].stage == "collect"
    assert steps[-1].stage in ENDS
    for before, after in pairwise(steps):
        assert after.stage in FOLLOWS[before.stage]
        assert after.at_s > before.at_s
    assert steps[-1].at_s <= NOON + LIFE_MAX_S + len(steps)


def test_versions_say_all_that_is_known_by_then(tickets):
    for ticket in tickets[::7]:
        known = set()
        for k, step in enumerate(ticket.steps):
            message = ticket.version(k)
            assert message["version"] == k + 1
            assert message["data"]["stage"] == step.stage
            assert message["time"] == written(step.at_s)
            if step.stage in REACHED_AT:
                assert message["data"][REACHED_AT[step.stage]] == written(step.at_s)
                known.add(REACHED_AT[step.stage])
            assert known - {"handled_at", "verified_at"} <= message["data"].keys()


def test_numbers_are_of_their_own(tickets):
    assert max(Counter(ticket.number for ticket in tickets).values()) == 1
    for ticket in tickets[::13]:
        source, day, _ = ticket.number.rsplit("-", 2)
        assert source == ticket.properties["source"]
        assert len(day) == 8


def test_doubles_are_merged_with_something_that_is_there(tickets):
    numbers = {ticket.number for ticket in tickets}
    doubles = [ticket for ticket in tickets if ticket.steps[-1].stage == "merged"]
    assert len(doubles) > 5
    assert all(ticket.properties["duplicate_of"] in numbers for ticket in doubles)


def test_some_are_returned_some_suspended_some_overdue(tickets):
    stages = Counter(step.stage for ticket in tickets for step in ticket.steps)
    assert stages.keys() == FOLLOWS.keys()
    ends = {ticket.number: written(ticket.steps[-1].at_s) for ticket in tickets}
    overdue = sum(ends[ticket.number] > ticket.properties["due_at"] for ticket in tickets)
    assert 0.02 < overdue / len(tickets) < 0.6


def test_more_happens_by_day(tickets):
    hours = Counter(ticket.properties["occurred_at"][11:13] for ticket in tickets)
    assert sum(hours[f"{h:02}"] for h in range(9, 17)) > 3 * sum(hours[f"{h:02}"] for h in range(8))


def test_they_happen_in_the_district(district, tickets):
    assert all(shapely.contains_xy(district.border, t.properties["lon"], t.properties["lat"]) for t in tickets)


def test_cameras_go_dark_and_come_back(city):
    outages = [o for day in range(day_of(NOON), day_of(NOON) + 30) for o in city.cameras.outages_of(day)]
    by_camera = defaultdict(list)
    for outage in outages:
        by_camera[outage.camera].append(outage)
    for found in by_camera.values():
        assert all(before.ends < after.begins for before, after in pairwise(sorted(found, key=lambda o: o.begins)))
    a_day = len(outages) / 30 / len(city.cameras.things)
    assert 0.5 * FLAPS_A_DAY < a_day < 0.03 + FLAPS_A_DAY
    said = list(city.cameras.changes(NOON, NOON + DAY))
    assert {m["data"]["value_text"] for m in said} >= {"online", "offline"}


@settings(max_examples=20, deadline=None)
@given(since=st.integers(NOON - DAY, NOON + DAY), lasts=st.integers(1, DAY))
def test_changes_are_said_in_their_time(city, since, lasts):
    for message in city.cameras.changes(since, since + lasts):
        assert written(since) < message["time"] <= written(since + lasts)
    assert city.seed == SEED
