"""Served coordinate reference systems: names, axis order, known points."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from layers.coordinates import crs
from layers.errors import BadCrs


@pytest.mark.parametrize("served", crs.SERVED, ids=lambda c: c.short)
def test_every_form_of_a_name_is_the_same_system(served):
    authority, code = served.short.split(":")
    version = "1.3" if authority == "OGC" else "0"
    for text in (
        served.uri,
        served.uri.replace("http:", "https:"),
        served.short,
        served.short.lower(),
        f"[{served.short}]",
        f"urn:ogc:def:crs:{authority}:{version}:{code}",
        f"urn:ogc:def:crs:{authority}::{code}",
    ):
        assert crs.parse_crs(text) is served


@pytest.mark.parametrize("served", crs.SERVED, ids=lambda c: c.short)
def test_axis_order_and_unit_are_the_authority_s(served):
    official = CRS.from_user_input(served.short)
    first = official.axis_info[0]
    assert served.flips == (first.direction == "north")
    assert served.unit == first.unit_name


@pytest.mark.parametrize("text", ["", "EPSG:9999", "4490", "EPSG:4490;DROP TABLE", "http://example.org/4490", "GCJ02"])
def test_anything_else_is_refused_naming_what_is_allowed(text):
    with pytest.raises(BadCrs, match="EPSG:4490") as caught:
        crs.parse_crs(text, "bbox-crs")
    assert caught.value.parameter == "bbox-crs"


@given(st.text())
def test_no_text_breaks_the_parser(text):
    with contextlib.suppress(BadCrs):
        assert crs.parse_crs(text) in crs.SERVED


def test_known_point_in_gauss_kruger():
    lonlat = np.array([[113.361597, 23.124817]])
    assert np.allclose(crs.transform(lonlat, 4490, 4547), [[434608.697, 2558503.501]], rtol=0, atol=1e-3)
    assert np.allclose(crs.transform(lonlat, 4490, 4526), [[38434608.697, 2558503.501]], rtol=0, atol=1e-3)


def test_corner_of_the_fixture_frame():
    # (0, 0) and (800, 800) of domain.md 4.1 lie 800 m apart in each direction of EPSG:4547.
    corners = crs.transform(np.array([[113.3282620, 23.1363850], [113.3360369, 23.1436413]]), 4490, 4547)
    assert np.allclose(corners[1] - corners[0], [800, 800], atol=0.02)


def test_web_mercator_stretches_300_m_to_328():
    a = np.array([[113.34, 23.13]])
    in_4547 = crs.transform(a, 4490, 4547)
    b = crs.transform(in_4547 + np.array([300.0, 0.0]), 4547, 4490)
    apart = crs.transform(b, 4490, 3857) - crs.transform(a, 4490, 3857)
    # 326.0 on the sphere's scale; PROJ's ellipsoid and the grid's convergence leave a little on both axes.
    assert np.hypot(*apart[0]) == pytest.approx(326.4, abs=0.4)


def test_wgs84_is_taken_as_cgcs2000():
    lonlat = np.array([[113.34, 23.13]])
    assert crs.transform(lonlat, 4326, 4490) is lonlat


@pytest.mark.parametrize("srid", [4490, 4326, 3857, 4547, 4526])
def test_srid_is_found_from_a_shapefile_s_prj(srid):
    assert crs.srid_of(CRS.from_epsg(srid).to_wkt("WKT1_ESRI")) == srid


def test_system_without_a_code_is_refused():
    local = "+proj=tmerc +lat_0=0 +lon_0=113.28 +k=1 +x_0=40000 +y_0=-2529000 +ellps=krass +units=m"
    with pytest.raises(BadCrs, match="declare one"):
        crs.srid_of(local)
    with pytest.raises(BadCrs, match="PROJ knows"):
        crs.srid_of("nonsense")


def test_transformers_are_made_once():
    assert crs.transformer(4490, 4547) is crs.transformer(4490, 4547)


def test_hong_kong_comes_by_the_way_that_is_known():
    there = crs.transform(np.array([[836_000.0, 819_500.0]]), 2326, 4490)
    expected = Transformer.from_crs(2326, 4326, always_xy=True).transform(836_000.0, 819_500.0)
    assert np.allclose(there, [expected], rtol=0, atol=1e-9)
    ballpark = Transformer.from_crs(2326, 4490, always_xy=True).transform(836_000.0, 819_500.0)
    apart_m = np.hypot(*((there[0] - ballpark) * [103_000, 111_000]))
    assert 250 < apart_m < 350
    assert crs.shift_note(2326, np.array([[836_000.0, 819_500.0]])) is None


@pytest.mark.parametrize("srid", [4326, 4490, 3857, 4547, 4526, 4513, 32649, 32650])
def test_nothing_is_said_of_systems_that_need_no_shift(srid):
    assert crs.shift_note(srid, crs.transform(np.array([[113.35, 23.13]]), 4490, srid)) is None


@pytest.mark.parametrize("srid", [4214, 2414, 2435, 4610, 2383, 4555])
def test_a_shift_that_proj_only_guesses_is_said_in_words(srid):
    xy = crs.transform(np.array([[113.35, 23.13]]), 4490, srid)
    assert "ballpark" in str(crs.shift_note(srid, xy))
    assert crs.shift_note(srid, np.empty((0, 2))) is None


@given(st.floats(113.9, 114.4), st.floats(22.2, 22.5))
def test_there_and_back_again_for_other_datums(lon, lat):
    lonlat = np.array([[lon, lat]])
    assert np.allclose(crs.transform(crs.transform(lonlat, 4490, 2326), 2326, 4490), lonlat, rtol=0, atol=1e-7)


def test_the_horizontal_part_of_a_compound_system_counts():
    assert crs.srid_of("EPSG:4490+5737") == 4490
    assert crs.srid_of(CRS.from_user_input("EPSG:4547+5737").to_wkt()) == 4547
