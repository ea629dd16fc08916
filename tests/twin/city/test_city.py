"""The messages of the demo city: repeatable, complete and valid."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import orjson
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from layers.definition import read_definitions
from tests.twin.city.conftest import NOON, SEED
from twin.city import chance, clock
from twin.city.city import City, Liveliness
from twin.city.district import PROPERTIES, CityDistrict
from twin.envelope.read import read_all

HOUR = 3600


def test_the_same_seed_says_the_same_and_another_something_else(district, city):
    again, other = City(district, SEED), City(district, SEED + 1)
    said = list(city.reports(NOON, NOON + 120)), list(city.changes(NOON, NOON + HOUR))
    assert said == (list(again.reports(NOON, NOON + 120)), list(again.changes(NOON, NOON + HOUR)))
    assert said != (list(other.reports(NOON, NOON + 120)), list(other.changes(NOON, NOON + HOUR)))


@settings(max_examples=4, deadline=None)
@drawn(cuts=st.lists(st.integers(0, 2 * HOUR), max_size=2))
def test_a_restart_leaves_nothing_out_and_repeats_nothing(district, city, cuts):
    """A city that is stopped and started at any moments sends the same messages as one that runs through."""
    bounds = [NOON, *sorted(NOON + cut for cut in cuts), NOON + 2 * HOUR]
    through = sorted(map(orjson.dumps, city.changes(bounds[0], bounds[-1])))
    parts = []
    for since, until in pairwise(bounds):
        parts += City(district, SEED).changes(since, until)
    assert sorted(map(orjson.dumps, parts)) == through
    second = bounds[len(bounds) // 2]
    pieces = [*city.reports(second, second + 20), *city.reports(second + 20, second + 30)]
    assert pieces == list(city.reports(second, second + 30))


def test_every_message_is_one_of_its_own_and_valid(city):
    said = [*city.reports(NOON, NOON + 900), *city.changes(NOON - 12 * HOUR, NOON + 900)]
    identities = Counter((message["id"], message.get("version", 1)) for message in said)
    assert max(identities.values()) == 1
    reading = read_all(orjson.loads(orjson.dumps(said)), now=datetime.fromtimestamp(NOON + 900, tz=UTC))
    assert reading.refused == []
    assert len(reading.messages) == len(said)
    assert not any(message.suspect for message in reading.messages)
    assert Counter(message.kind for message in reading.messages).keys() == {
        "position", "observation", "event", "feature_change",
    }  # fmt: skip


def test_all_kinds_of_things_speak(city):
    layers = {message["subject"].partition("/")[0] for message in city.reports(NOON, NOON + 600)}
    assert layers == {
        "vehicles", "grid_workers", "iot_devices", "water_level_stations", "rain_gauges", "flood_risk_points",
        "water_facilities", "air_quality_stations",
    }  # fmt: skip
    in_storm = {message["subject"].partition("/")[0] for message in city.reports(NOON, NOON + 600, is_storm=True)}
    assert in_storm == {"vehicles", "grid_workers", "iot_devices", "air_quality_stations"}


def test_it_is_marked_as_synthetic(city):
    for message in [*city.reports(NOON, NOON + 30), *city.changes(NOON, NOON + HOUR)]:
        assert message["source"] == "/feeds/demo"
        if ".event." in message["type"]:
            assert message["data"]["extra"] == {"synthetic": True}
            assert "（示例）" in message["data"]["title"]


def test_how_much_it_says_is_bounded(district):
    quiet, busy = (City(district, SEED, Liveliness.at(rate)) for rate in (0.1, 1.0))
    counts = [sum(1 for _ in one.reports(NOON, NOON + 300)) / 300 for one in (quiet, busy)]
    assert counts[0] < counts[1] < 60


def test_the_city_reads_nothing_that_it_changes_itself():
    """Otherwise its messages would depend on its earlier messages and on pauses."""
    definitions = read_definitions()
    for layer, names in PROPERTIES.items():
        own = definitions[layer].by_name
        assert all(own[name].live is None for name in names)
        assert not {"online_status", "status_code", "on_duty", "status_since"} & set(names)


def test_where_things_have_gone_meanwhile_changes_nothing(given, city):
    moved = dict(given)
    for layer in ("vehicles", "grid_workers"):
        other = {"type": "Point", "coordinates": [113.36, 23.14]}
        moved[layer] = [{**feature, "geometry": other} for feature in given[layer]]
    again = City(CityDistrict(moved), SEED)
    assert list(again.reports(NOON, NOON + 60)) == list(city.reports(NOON, NOON + 60))


def test_a_district_without_anything_is_silent():
    empty = City(CityDistrict({}), SEED)
    assert [*empty.reports(NOON, NOON + 60), *empty.changes(NOON, NOON + HOUR)] == []


@drawn(seed=st.integers(-(2**63), 2**63 - 1), name=st.text(max_size=20))
def test_chance_repeats_itself(seed, name):
    assert 0 <= chance.unit(seed, name) < 1
    assert chance.unit(seed, name) == chance.unit(seed, name)
    assert chance.whole(3, 5, seed, name) in {3, 4, 5}
    assert -1 <= chance.smooth(seed, 12_345.6, 60, name) <= 1


@pytest.mark.parametrize("mean", [0.02, 0.7, 6.0, 80.0])
def test_rare_things_are_as_rare_as_wanted(mean):
    drawn = [chance.poisson(mean, chance.unit(1, "rare", mean, k)) for k in range(4000)]
    assert sum(drawn) / len(drawn) == pytest.approx(mean, abs=5 * (mean / 4000) ** 0.5)


def test_the_clock_of_the_city():
    assert clock.written(NOON) == "2026-06-08T12:00:00+08:00"
    assert clock.hour_of(NOON) == 12
    assert clock.day_starts(clock.day_of(NOON)) == NOON - 12 * HOUR
    assert clock.is_working_day(clock.day_of(NOON))
    assert not clock.is_working_day(clock.day_of(NOON) - 1)
    assert clock.written(clock.after_working_hours(NOON, 10)) == "2026-06-09T13:00:00+08:00"
    assert clock.written(clock.after_working_days(NOON, 5)) == "2026-06-15T18:00:00+08:00"
