"""`/twin/locate` against the answers of the worked fixture (`domain.md` 4.2)."""

from __future__ import annotations

import numpy as np
import pytest

from layers.coordinates.datum import wgs84_to_bd09, wgs84_to_gcj02
from tests.layers.schema.fixture import EAST_M, EDGE, NORTH_M
from tests.twin.fixture import lonlat

INCIDENT = (113.3316634, 23.1395597)


def test_the_incident_of_the_reference(twin):
    found = twin.json("/twin/locate?lon=113.3316634&lat=23.1395597")
    codes = {name: found[name]["code"] for name in ("district", "street", "community", "grid")}
    assert codes == {
        "district": "440106",
        "street": "440106011",
        "community": "440106011001",
        "grid": "440106011001001",
    }
    assert (found["match"], found["distance_m"]) == ("inside", 0)
    assert [village["id"] for village in found["urban_villages"]] == ["UV1"]
    assert found["nearest_building"] is None  # 90 m away
    assert found["waterway"] is None
    assert found["responsible"]["responsible_org"] is None


def test_a_corner_of_four_grids_is_in_the_smallest_code(twin):
    lon, lat = lonlat(*EDGE)
    found = twin.json(f"/twin/locate?lon={lon!r}&lat={lat!r}")
    assert (found["grid"]["code"], found["community"]["code"]) == ("440106011001001", "440106011001")


@pytest.mark.parametrize(
    ("place", "grid", "match", "distance_m"),
    [
        ((-25, 100), "440106011001001", "nearest", 25),
        ((-35, 100), None, "none", None),
        ((-9000, 0), None, "none", None),
    ],
)
def test_outside_every_grid(twin, place, grid, match, distance_m):
    lon, lat = lonlat(*place)
    found = twin.json("/twin/locate", lon=lon, lat=lat)
    assert (found["grid"] and found["grid"]["code"], found["match"]) == (grid, match)
    assert found["distance_m"] == (None if distance_m is None else pytest.approx(distance_m, abs=0.01))
    assert (found["district"] is None) == (place[0] < -1000)
    assert found["community"] is None


def test_waterway_and_building(twin):
    lon, lat = lonlat(250, 335)
    assert twin.json("/twin/locate", lon=lon, lat=lat)["nearest_building"] == {
        "id": "K1",
        "name": "K1",
        "distance_m": pytest.approx(5, abs=0.01),
    }
    lon, lat = lonlat(250, 250)
    assert twin.json("/twin/locate", lon=lon, lat=lat)["waterway"] == {
        "id": "W1",
        "name": "W1",
        "chainage_m": pytest.approx(250, abs=0.05),
        "bank": "left",
        "distance_m": pytest.approx(50, abs=0.01),
    }


def shifted(way):
    lon, lat = way(np.array([INCIDENT]))[0]
    return {"lon": lon, "lat": lat}


@pytest.mark.parametrize(
    "given",
    [
        {"crs": "gcj02", **shifted(wgs84_to_gcj02)},
        {"crs": "bd09", **shifted(wgs84_to_bd09)},
        {"crs": "EPSG:4547", "lon": EAST_M + 350, "lat": NORTH_M + 350},
        {"crs": "http://www.opengis.net/def/crs/EPSG/0/4490", "lon": INCIDENT[0], "lat": INCIDENT[1]},
    ],
)
def test_places_of_other_systems_are_converted_first(twin, given):
    found = twin.json("/twin/locate", **given)
    assert (found["lon"], found["lat"]) == pytest.approx(INCIDENT, abs=1e-7)
    assert found["grid"]["code"] == "440106011001001"


def test_a_shifted_place_taken_as_it_is_lies_outside_of_everything(twin):
    """GCJ-02 is half a kilometre off: the conversion is not for show."""
    lon, lat = wgs84_to_gcj02(np.array([INCIDENT]))[0]
    assert twin.json("/twin/locate", lon=lon, lat=lat)["grid"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"lon": "nan", "lat": "23"},
        {"lon": "inf", "lat": "23"},
        {"lon": "23.1", "lat": "113.3"},
        {"lon": "181", "lat": "0"},
        {"lon": "113.3", "lat": "23.1", "crs": "EPSG:9999"},
        {"lon": "113.3", "lat": "23.1", "crs": "guessed"},
        {"lon": "1e300", "lat": "1e300", "crs": "EPSG:4547"},
        {"lon": "x", "lat": "23"},
        {"lat": "23"},
    ],
)
def test_what_is_no_place_is_refused_in_words(twin, wrong):
    answer = twin.ask("/twin/locate", **wrong)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert any(name in answer.json()["detail"] for name in ("lon", "crs"))


def test_who_may_not_see_grids_is_told_of_none(twin):
    lon, lat = INCIDENT
    for actor in ("public", "neighbour"):
        found = twin.json("/twin/locate", actor=actor, lon=lon, lat=lat)
        assert (found["grid"], found["match"], found["responsible"], found["urban_villages"]) == (
            None,
            "none",
            None,
            [],
        )
        assert found["community"]["code"] == "440106011001"
    assert twin.json("/twin/locate", actor="grid_worker", lon=lon, lat=lat)["grid"]["code"] == "440106011001001"
