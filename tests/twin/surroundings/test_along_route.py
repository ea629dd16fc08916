"""`/twin/cameras-along-route` on the worked fixture: from R2 by the incident to R3."""

from __future__ import annotations

import pytest

from twin.surroundings import along_route

R2, P, R3, R1 = "113.3350806,23.1395741", "113.3316634,23.1395597", "113.3316455,23.1431713", "113.3316768,23.1368509"


def asked(service, **question):
    return service.json("/twin/cameras-along-route", **{"from": R2, "to": R3, "max_m": 60, **question})


def test_cameras_come_in_the_order_of_travel_with_the_part_that_they_see(worked):
    found = asked(worked)
    told = {one["id"]: one["properties"] for one in found["features"]}
    assert list(told) == ["C5", "C2", "C1", "C4"]  # 100, 250, 450 and 700 m along; C3 is 200 m beside
    assert [one["along_m"] for one in told.values()] == pytest.approx([100, 250, 450, 700], abs=0.2)
    assert found["reachable"] is True
    assert found["road_distance_m"] == pytest.approx(750, abs=0.2)
    assert told["C5"]["sees_route"] is True  # it looks west along the first road
    assert told["C5"]["sees_to_m"] == pytest.approx(441, abs=11)  # 20° to the north of its axis, 250 m away
    assert told["C1"]["sees_from_m"] < 350 < told["C1"]["sees_to_m"] <= 450  # it looks south, over the corner
    assert told["C2"]["sees_route"] is False  # it looks north, away from the road it stands on


def test_of_what_was_not_looked_at_nobody_says_that_it_is_hidden(twin, monkeypatch):
    seen = {one["id"]: one["properties"]["sees_route"] for one in asked(twin)["features"]}
    monkeypatch.setattr(along_route, "_LINES_MAX", 1)
    told = {one["id"]: one["properties"]["sees_route"] for one in asked(twin)["features"]}
    assert "unknown" in told.values()
    assert all(how in {seen[name], "unknown"} for name, how in told.items())


def test_what_no_way_leads_to_has_no_cameras(worked):
    found = asked(worked, to=R1, avoid="RD2")
    assert (found["reachable"], found["route"], found["features"]) == (False, None, [])


@pytest.mark.parametrize(("wrong", "status"), [({"max_m": 1e6}, 413), ({"max_m": 501}, 413), ({"from": "here"}, 400)])
def test_limits(twin, wrong, status):
    answer = twin.ask("/twin/cameras-along-route", **{"from": R2, "to": R3, **wrong})
    assert answer.status_code == status, answer.text
