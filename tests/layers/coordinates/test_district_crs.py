"""A district measures in its own 3-degree zone, in Python and in SQL, and serves it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod

from layers.coordinates import crs
from layers.coordinates.district_crs import (
    choose_measuring_srid,
    measuring_srid,
    read_measuring_srid,
    to_degrees,
    to_metres,
    use_district_crs,
    zone_srid,
)
from layers.database.connection import connect
from layers.errors import BadCrs, BadInput

WGS84 = Geod(ellps="GRS80")


@pytest.fixture(autouse=True)
def _plane_of_114_east_again():
    yield
    use_district_crs(4547)


@given(st.floats(74, 136))
def test_the_zone_of_a_longitude_is_the_one_epsg_has(lon):
    srid = zone_srid(lon)
    parameters = CRS.from_epsg(srid).to_json_dict()["conversion"]["parameters"]
    central = next(p["value"] for p in parameters if "natural origin" in p["name"] and "Longitude" in p["name"])
    assert abs(lon - central) <= 1.5 + 1e-9


@pytest.mark.parametrize(("lon", "lat"), [(113.36, 23.14), (121.47, 31.23), (104.07, 30.57), (87.6, 43.8)])
def test_lengths_are_those_of_the_ground_in_the_own_zone_only(lon, lat):
    points = np.array([[lon, lat], [lon + 0.01, lat]])
    true_m = WGS84.inv(*points[0], *points[1])[2]
    use_district_crs(zone_srid(lon))
    own_m = float(np.hypot(*np.diff(to_metres(points), axis=0)[0]))
    assert own_m == pytest.approx(true_m, rel=4e-4)
    assert np.allclose(to_degrees(to_metres(points)), points, atol=1e-9)
    use_district_crs(zone_srid(lon + 12))
    other_m = float(np.hypot(*np.diff(to_metres(points), axis=0)[0]))
    assert abs(other_m - true_m) > 0.01 * true_m


def test_the_own_zone_is_served_with_and_without_its_number_and_what_was_named():
    use_district_crs(4549, [4547])
    assert [one.short for one in crs.served_crs()] == [
        "OGC:CRS84", "EPSG:4490", "EPSG:4326", "EPSG:3857", "EPSG:4549", "EPSG:4528", "EPSG:4547",
    ]  # fmt: skip
    assert crs.parse_crs("EPSG:4549").name == CRS.from_epsg(4549).name
    assert crs.parse_crs("EPSG:4528").name == CRS.from_epsg(4528).name
    with pytest.raises(BadCrs, match="EPSG:4549"):
        crs.parse_crs("EPSG:4526")


@pytest.mark.parametrize("srid", [4326, 0, 4555, 3857])
def test_what_is_no_zone_is_refused(srid):
    with pytest.raises(BadInput, match="zone"):
        use_district_crs(srid)
    assert measuring_srid() == 4547


@pytest.mark.anyio
async def test_the_database_knows_the_plane_and_the_district_decides(database_url):
    from layers.definition import read_definitions  # noqa: PLC0415
    from layers.schema.tables import refresh_statistics, sync_definitions  # noqa: PLC0415

    await sync_definitions(database_url)
    owner = await connect(database_url)
    assert await read_measuring_srid(owner) == 4547
    await owner.execute(
        """INSERT INTO layer.districts (id, geom)
        VALUES ('310101', ST_Multi(ST_MakeEnvelope(121.4, 31.1, 121.5, 31.3, 4490)))"""
    )
    await refresh_statistics(owner, read_definitions()["districts"])
    assert await choose_measuring_srid(owner) == 4549
    assert await read_measuring_srid(owner) == 4549
    assert await choose_measuring_srid(owner, 4550) == 4550
    with pytest.raises(BadInput, match="4534"):
        await choose_measuring_srid(owner, 4326)
    await owner.close()
