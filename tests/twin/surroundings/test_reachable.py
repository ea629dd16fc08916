"""`/twin/reachable` and `/twin/route` on the worked fixture."""

from __future__ import annotations

import pytest
import shapely

from tests.twin.fixture import lonlat

P = {"lon": 113.3316634, "lat": 23.1395597}
PLACES = {"P": "113.3316634,23.1395597", "R1": "113.3316768,23.1368509", "R2": "113.3350806,23.1395741"}


def reached(service, **asked):
    return service.json("/twin/reachable", **{**P, "minutes": 1, "types": "warehouse,team,hospital", **asked})


def test_who_is_reached_within_a_time(worked):
    found = reached(worked)
    assert [(one["id"], one["properties"]["duration_s"]) for one in found["features"]] == [("R2", 42.0), ("R3", 48.0)]
    assert found["layers"] == [{"id": "emergency_resources", "number_matched": 2, "number_returned": 2}]
    assert [one["id"] for one in reached(worked, minutes=2)["features"]] == ["R2", "R3", "R1"]
    assert [one["id"] for one in reached(worked, minutes=0.75)["features"]] == ["R2"]


def test_the_limit_cuts_and_counts(worked):
    found = reached(worked, limit=1)
    assert found["layers"][0] | {"number_matched": 2, "number_returned": 1} == found["layers"][0]


def test_the_area_holds_what_is_reached_and_grows_with_the_time(worked):
    near, far = (shapely.from_geojson(shapely_text(reached(worked, minutes=one)["area"])) for one in (1, 3))
    assert near.covers(shapely.Point(lonlat(350, 350)))
    assert near.covers(shapely.Point(lonlat(690, 350)))
    assert not near.covers(shapely.Point(lonlat(350, 50)))
    assert far.covers(shapely.Point(lonlat(350, 50)))
    assert far.area > near.area


def shapely_text(geojson):
    return shapely.to_geojson(shapely.geometry.shape(geojson))


def test_on_no_road_nothing_is_reached(worked):
    lon, lat = lonlat(100, 600)
    found = reached(worked, lon=lon, lat=lat)
    assert (found["fallback"], found["area"], found["features"]) == ("straight_line", None, [])


@pytest.mark.parametrize(
    ("wrong", "status"), [({"minutes": 0}, 400), ({"minutes": 1e6}, 413), ({"minutes": "nan"}, 400)]
)
def test_limits(twin, wrong, status):
    assert twin.ask("/twin/reachable", **{**P, "minutes": 5, **wrong}).status_code == status


def test_a_route(worked):
    found = worked.json("/twin/route", **{"from": PLACES["P"], "to": PLACES["R1"]})
    assert found["properties"]["roads"] == ["RD1", "RD2", "RD3"]
    assert found["properties"]["duration_s"] == 120.0
    assert found["properties"]["distance_m"] == pytest.approx(299.98, abs=0.02)
    assert len(found["geometry"]["coordinates"]) == 4


def test_a_way_that_is_closed_or_beside_the_network(worked):
    closed = worked.json("/twin/route", **{"from": PLACES["P"], "to": PLACES["R1"], "avoid": "RD2"})
    assert (closed["geometry"], closed["properties"]["reachable"]) == (None, False)
    beside = worked.json("/twin/route", **{"from": PLACES["P"], "to": ",".join(map(str, lonlat(100, 600)))})
    assert beside["properties"] | {"fallback": "straight_line", "reachable": None} == beside["properties"]
    same = worked.json("/twin/route", **{"from": PLACES["P"], "to": PLACES["P"]})["properties"]
    assert (same["duration_s"], same["reachable"]) == (0.0, True)
