"""`/twin/nearest-resources` against the answers of the worked fixture (`domain.md` 4.5)."""

from __future__ import annotations

import pytest

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
