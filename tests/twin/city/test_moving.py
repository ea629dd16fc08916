"""Laws of movement: vehicles on roads, workers in their grids, and no impossible speed."""

from __future__ import annotations

from itertools import pairwise
from math import dist

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import shape

from tests.twin.city.conftest import NOON
from twin.city.clock import hour_of
from twin.city.roads import Arc
from twin.city.vehicles import ROUND_S, SPEED_MAX_KMH
from twin.city.workers import SPEED_MAX_KMH as WALKING_MAX_KMH

WEEK = 7 * 86_400
seconds = st.integers(NOON - WEEK, NOON + WEEK)


@pytest.fixture(scope="session")
def roads(district):
    lines = [district.metres(feature["geometry"]) for feature in district.features["roads"]]
    return shapely.STRtree(lines)


def metres(district, message):
    return district.plane.metres([(message["data"]["lon"], message["data"]["lat"])])[0]


@settings(max_examples=20, deadline=None)
@given(second=seconds)
def test_vehicles_are_on_roads_inside_the_district(district, city, roads, second):
    places = np.array([metres(district, city.vehicles.position(v, second)) for v in city.vehicles.things])
    found, distance = roads.query_nearest(shapely.points(places), return_distance=True, all_matches=False)
    assert len(found[0]) == len(places)
    assert distance.max() <= 6
    assert shapely.contains_xy(shapely.buffer(district.inner, 6), places).all()


@settings(max_examples=20, deadline=None)
@given(second=seconds, number=st.integers(0, 10_000))
def test_vehicles_drive_and_never_jump(district, city, second, number):
    vehicle = city.vehicles.things[number % len(city.vehicles.things)]
    path = [city.vehicles.position(vehicle, second + k) for k in range(0, 400, 2)]
    for before, after in pairwise(path):
        step_m = dist(metres(district, before), metres(district, after))
        fastest = max(before["data"]["speed_kmh"], after["data"]["speed_kmh"], 30) / 3.6
        assert step_m <= 2 * fastest + 20, "a turn from one side of a road to another costs a few metres"
        assert after["data"]["speed_kmh"] <= SPEED_MAX_KMH
        assert (after["data"]["speed_kmh"] > 0) <= (after["data"]["status_code"] != "idle")


def test_vehicles_get_about(district, city):
    reach = []
    for vehicle in city.vehicles.things:
        path = [metres(district, city.vehicles.position(vehicle, NOON + k)) for k in range(0, 2 * ROUND_S, 60)]
        reach.append(max(dist(path[0], place) for place in path))
    assert sum(r > 500 for r in reach) > len(reach) / 2


def test_one_drives_on_the_right_and_heads_where_one_goes():
    east = Arc(0, 0, 1, ((0.0, 0.0), (100.0, 0.0)), (0.0, 100.0), 50, 4.0)
    north = Arc(0, 0, 1, ((0.0, 0.0), (0.0, 100.0)), (0.0, 100.0), 50, 4.0)
    assert east.at(25) == pytest.approx((25, -4, 90))
    assert north.at(25) == pytest.approx((4, 25, 0))


@settings(max_examples=20, deadline=None)
@given(second=seconds)
def test_workers_are_in_their_grids(district, city, second):
    grids = {f["properties"]["grid_code"]: shape(f["geometry"]) for f in district.features["grids"]}
    for worker in city.workers.things:
        said = city.workers.position(worker, second)
        assert (said is None) == (city.workers.duty(worker, second) is None)
        if said is not None:
            assert shapely.contains_xy(grids[city.workers.grid_of(worker)], said["data"]["lon"], said["data"]["lat"])
            assert said["data"]["speed_kmh"] <= WALKING_MAX_KMH


def test_workers_walk_no_faster_than_people(district, city):
    for worker in city.workers.things[:20]:
        path = [city.workers.position(worker, NOON + k) for k in range(0, 1800, 10)]
        for before, after in pairwise(path):
            if before and after:
                assert dist(metres(district, before), metres(district, after)) <= 10 * WALKING_MAX_KMH / 3.6 + 0.3


def test_most_work_by_day_and_some_by_night(city):
    def share(second):
        return sum(city.workers.duty(w, second) is not None for w in city.workers.things) / len(city.workers.things)

    assert hour_of(NOON) == 12
    assert share(NOON) > 0.6
    assert 0 < share(NOON + 14 * 3600) < 0.3


def test_duty_is_said_when_it_changes(city):
    said = list(city.workers.changes(NOON - 86_400, NOON))
    for message in said:
        worker = next(w for w in city.workers.things if message["subject"].endswith(w.id))
        at_s = int(message["id"].rpartition("-")[2])
        is_on = message["data"]["properties"]["on_duty"]
        assert (city.workers.duty(worker, at_s) is not None) == is_on
        assert (city.workers.duty(worker, at_s - 1) is not None) != is_on
    assert said
