"""`/twin/nearest-resources` against the answers of the worked fixture (`domain.md` 4.5)."""

from __future__ import annotations

import numpy as np
import orjson
import pytest

from layers.coordinates.datum import wgs84_to_gcj02
from layers.database.connection import Role, connect
from tests.twin.fixture import lonlat, polygon
from tests.twin.service import serving
from twin.surroundings import closures

P = {"lon": 113.3316634, "lat": 23.1395597}  # as the reference prints it
TYPES = "warehouse,team,hospital"
BRIDGE = "RD2"


def nearest(service, actor="operator", **asked):
    return service.json("/twin/nearest-resources", actor=actor, **{**P, "types": TYPES, **asked})


def told(found, *names):
    return [(one["id"], *(one["properties"][name] for name in names)) for one in found["features"]]


def test_by_road_time_and_not_by_straight_line(worked):
    found = nearest(worked)
    assert told(found, "duration_s", "reachable") == [("R2", 42.0, True), ("R3", 48.0, True), ("R1", 120.0, True)]
    lengths = [350, 400, 1000]
    assert [m for _, m in told(found, "road_distance_m")] == pytest.approx(lengths, rel=2e-4)
    assert [m for _, m in told(found, "distance_m")] == pytest.approx([350, 400, 300], rel=1e-4)
    assert found["fallback"] is None
    assert found["on_road"] is True
    assert all(snapped <= 0.01 for _, snapped in told(found, "snapped_m"))
    assert found["complete"] is True
    assert int(found["network_version"]) > 0


def test_the_route_leads_over_the_bridge(worked):
    r1 = nearest(worked)["features"][2]
    line = r1["properties"]["route"]["coordinates"]
    assert r1["geometry"]["coordinates"] == pytest.approx(line[0], abs=2e-7)  # inbound: it comes here
    assert line[-1] == pytest.approx([P["lon"], P["lat"]], abs=2e-7)
    assert len(line) == 4


def test_with_the_bridge_closed_the_last_one_is_unreachable(worked):
    found = nearest(worked, avoid=BRIDGE)
    assert told(found, "duration_s", "reachable") == [("R2", 42.0, True), ("R3", 48.0, True), ("R1", None, False)]
    assert found["features"][2]["properties"]["route"] is None


def ask_by_body(service, **question):
    body = {"point": [P["lon"], P["lat"]], "types": TYPES.split(","), **question}
    sent = {"content-type": "application/json"}
    return service.ask("/twin/nearest-resources", method="POST", content=orjson.dumps(body), headers=sent)


def square(x, y, half_m=20):
    return polygon(x - half_m, y - half_m, x + half_m, y + half_m)


def test_a_polygon_over_the_bridge_closes_it(worked):
    found = ask_by_body(worked, avoid={"polygons": [square(700, 200)]}).json()
    assert told(found, "reachable") == [("R2", True), ("R3", True), ("R1", False)]
    beside = ask_by_body(worked, avoid={"polygons": [square(600, 200)]}).json()
    assert told(beside, "reachable") == [("R2", True), ("R3", True), ("R1", True)]


def test_places_and_polygons_come_in_the_crs_of_the_question(twin):
    from_gcj = wgs84_to_gcj02(np.array([[P["lon"], P["lat"]], *square(700, 200)["coordinates"][0]]))
    area = {"type": "Polygon", "coordinates": [from_gcj[1:].tolist()]}
    found = ask_by_body(twin, point=from_gcj[0].tolist(), crs="gcj02", avoid={"polygons": [area]}).json()
    assert told(found, "reachable") == [("R2", True), ("R3", True), ("R1", False)]
    assert found["lon"] == pytest.approx(P["lon"], abs=2e-6)


def test_beside_the_network_the_straight_line_decides(worked):
    lon, lat = lonlat(100, 600)  # 250 m from the nearest road
    found = nearest(worked, lon=lon, lat=lat)
    assert (found["fallback"], found["snapped_m"], found["on_road"]) == ("straight_line", None, False)
    straight = [m for _, m in told(found, "distance_m")]
    assert straight == sorted(straight)
    assert {reachable for _, reachable in told(found, "reachable")} == {None}


def test_who_walks_goes_at_one_speed(worked):
    r2 = nearest(worked, types="team", mode="walk")["features"][0]["properties"]
    assert r2["duration_s"] == pytest.approx(350 / 1.25, abs=0.3)


def test_live_water_closes_the_road_that_it_stands_on(cluster, fixture_url, monkeypatch):
    with serving(cluster, fixture_url, _flood) as running:
        found = nearest(running)
        assert told(found, "reachable") == [("R2", True), ("R3", True), ("R1", False)]
        assert found["closures"] == [{"layer": "flood_risk_points", "id": "F3"}]
        assert told(nearest(running, closures=False), "reachable")[2] == ("R1", True)
        unaware = nearest(running, actor="neighbour", layers="flood_risk_points", types="", n=1)
        assert unaware["closures"] == [{"layer": "flood_risk_points", "id": "F3"}]  # its depth is public
        assert found["closures_complete"] is True
        monkeypatch.setattr(closures, "CLOSURES_MAX", 0)
        assert nearest(running)["closures_complete"] is False


async def _flood(url):
    connection = await connect(url, Role.OWNER)
    try:
        await connection.execute(
            """INSERT INTO twin.observation_now (id, property, value, phenomenon_time)
            VALUES ('F3', 'water_depth_m', 0.6, now())"""
        )
    finally:
        await connection.close()


def test_what_was_closed_is_that_of_the_moment(cluster, fixture_url):
    """The bridge was flooded and is dry again: ways of the moment keep clear of it, and those of now do not."""
    flooded = []
    with serving(cluster, fixture_url, lambda url: _flood_and_dry(url, flooded)) as running:
        ends = {"from": f"{P['lon']},{P['lat']}", "to": "113.3316768,23.1368509"}  # R1
        for at, closed in ((None, False), (flooded[0], True), ("2020-01-01T00:00:00Z", False)):
            asked = {"at": at} if at else {}
            way = running.json("/twin/route", **ends, **asked)["properties"]
            beside = running.json("/twin/cameras-along-route", **ends, **asked, max_m=100)
            closures = [{"layer": "flood_risk_points", "id": "F3"}] if closed else []
            assert (way["closures"], beside["closures"]) == (closures, closures)
            assert (way["reachable"], beside["reachable"]) == (not closed, not closed)
            assert bool(beside["features"]) is (at is None), "no camera was there before it was loaded"
        then = nearest(running, at=flooded[0])
        assert told(then, "reachable") == [("R2", True), ("R3", True), ("R1", False)]
        by_body = ask_by_body(running, at=flooded[0]).json()
        assert told(by_body, "reachable") == told(then, "reachable")
        reached = running.json("/twin/reachable", **P, minutes=5, at=flooded[0])
        assert "R1" not in {one["id"] for one in reached["features"]}
        assert "R1" in {one["id"] for one in running.json("/twin/reachable", **P, minutes=5)["features"]}


async def _flood_and_dry(url, flooded):
    connection = await connect(url, Role.OWNER)
    try:
        await connection.execute("SELECT twin.make_day(current_date + n) FROM generate_series(-1, 1) AS n")
        for depth_m in (0.6, 0.0):
            told = await connection.fetchval(
                """INSERT INTO twin.observation (id, property, value, phenomenon_time, ingested_at)
                VALUES ('F3', 'water_depth_m', $1, clock_timestamp(), clock_timestamp()) RETURNING clock_timestamp()""",
                depth_m,
            )
            flooded.append(told.isoformat())
        await connection.execute(
            """INSERT INTO twin.observation_now (id, property, value, phenomenon_time)
            VALUES ('F3', 'water_depth_m', 0.0, now())"""
        )
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"mode": "boat"}, 400),
        ({"direction": "sideways"}, 400),
        ({"n": 0}, 400),
        ({"n": 51}, 400),
        ({"types": "castle"}, 400),
        ({"layers": "nothing"}, 400),
        ({"avoid": "RD99"}, 400),
        ({"lon": "nan"}, 400),
        ({"lon": 999}, 400),
        ({"at": "yesterday"}, 400),
        ({"colour": "red"}, 400),
        ({"avoid": ",".join(f"RD{n}" for n in range(501))}, 413),
    ],
)
def test_limits(twin, wrong, status):
    answer = twin.ask("/twin/nearest-resources", **{**P, "types": TYPES, **wrong})
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "Point", "coordinates": [113.33, 23.14]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]},
        {"type": "Polygon"},
        {},
    ],
)
def test_bad_polygons(twin, wrong):
    answer = ask_by_body(twin, avoid={"polygons": [wrong]})
    assert answer.status_code == 400, answer.text
    assert "polygon" in answer.text or "area" in answer.text


def test_one_sees_the_resources_that_one_may(twin):
    assert {one for one, _ in told(nearest(twin, actor="grid_worker", types="", n=9), "reachable")} == {"R1", "S2"}
    hidden = twin.ask("/twin/nearest-resources", actor="public", **P, layers="video_points")
    assert hidden.status_code == 400
