"""`/twin/service-sites`: the nearest that is open, on working days, weekends and holidays."""

from __future__ import annotations

import orjson
import pytest

from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from layers.schema.tables import refresh_statistics
from tests.layers.schema.fixture import INCIDENT, point
from tests.twin.fixture import lonlat
from tests.twin.service import serving

LON, LAT = lonlat(*INCIDENT)
OFFICE = {"working": [["08:30", "12:00"], ["14:00", "17:30"]], "free": []}
HALL = {"working": [["08:30", "17:30"]], "free": [["09:00", "12:00"]]}
ALWAYS = {"working": [["00:00", "24:00"]], "free": [["00:00", "24:00"]]}
SITES = {
    "office": (OFFICE, ["HJ", "SB"], (350, 400)),
    "hall": (HALL, None, (350, 550)),
    "machine": (ALWAYS, ["SB"], (350, 700)),
    "unknown": (None, None, (350, 360)),
    "odd": ({"working": [["x", "y"], 5, ["08:00"]], "free": "never"}, None, (350, 370)),
}


async def fill(url):
    connection = await connect(url, Role.OWNER)
    for name, (hours, matters, place) in SITES.items():
        await connection.execute(
            """INSERT INTO layer.service_sites (id, geom, name, opening_hours, matter_prefixes)
            VALUES ($1, ST_Transform($2::text::geometry, 4490), $1, $3, $4)""",
            *(name, point(*place), None if hours is None else orjson.dumps(hours).decode(), matters),
        )
    for layer in (await read_catalog(connection)).values():
        await refresh_statistics(connection, layer.definition)
    await connection.close()


@pytest.fixture(scope="module")
def sites(cluster, fixture_url):
    with serving(cluster, fixture_url, fill) as running:
        yield running


def found(sites, at, **how):
    answer = sites.json("/twin/service-sites", lon=LON, lat=LAT, at=f"{at}+08:00", **how)
    return [one["id"] for one in answer["features"]]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-06-08T10:00:00", ["office", "hall", "machine"]),  # a Monday
        ("2026-06-08T12:00:00", ["hall", "machine"]),  # an end is not part of its span
        ("2026-06-08T14:00:00", ["office", "hall", "machine"]),
        ("2026-06-08T23:59:59", ["machine"]),
        ("2026-06-13T10:00:00", ["hall", "machine"]),  # a Saturday
        ("2026-10-01T10:00:00", ["hall", "machine"]),  # the national holiday, a Thursday
        ("2026-10-10T10:00:00", ["office", "hall", "machine"]),  # a Saturday that is worked
    ],
)
def test_who_is_open_by_the_holiday_calendar(sites, at, expected):
    assert found(sites, at) == expected


def test_only_those_that_handle_the_matter(sites):
    assert found(sites, "2026-06-08T10:00:00", matter="HJ01") == ["office", "hall"]
    assert found(sites, "2026-06-08T20:00:00", matter="HJ01") == []
    assert found(sites, "2026-06-08T20:00:00", matter="SB02") == ["machine"]


def test_closed_and_unknown_ones_are_told_when_asked_for(sites):
    answer = sites.json("/twin/service-sites", lon=LON, lat=LAT, at="2026-06-08T20:00:00+08:00", open_only="false")
    told = {one["id"]: one["properties"]["open"] for one in answer["features"]}
    assert told == {"unknown": None, "odd": False, "office": False, "hall": False, "machine": True}
    assert answer["features"][0]["properties"]["distance_m"] == pytest.approx(10, abs=0.1)
    assert answer["calendar"] == "workdays"


def test_sites_that_were_not_looked_at_are_missed_where_there_are_too_few(sites, monkeypatch):
    asked = {"lon": LON, "lat": LAT, "at": "2026-06-08T10:00:00+08:00"}
    assert sites.json("/twin/service-sites", **asked)["complete"] is True
    monkeypatch.setattr("twin.services.sites._COMPARED_MAX", 3)  # the third is open
    assert sites.json("/twin/service-sites", **asked)["complete"] is False
    assert sites.json("/twin/service-sites", limit=1, **asked)["complete"] is True


@pytest.mark.parametrize("how", [{"radius_m": 0}, {"radius_m": 1e6}, {"at": "x"}, {"matter": "a b"}, {"limit": 0}])
def test_bad_questions_are_refused(sites, how):
    assert sites.ask("/twin/service-sites", lon=LON, lat=LAT, **how).status_code == 400
