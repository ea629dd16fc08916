"""GCJ-02 and BD-09 against published vectors and the stated accuracy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.coordinates import datum

DISTRICT_BBOX = (113.29, 23.09, 113.44, 23.25)
METRES_PER_DEGREE = 111_320.0


def error_m(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    delta = (found - true) * METRES_PER_DEGREE
    return np.hypot(delta[:, 0] * np.cos(np.radians(true[:, 1])), delta[:, 1])


def random_points(bbox: tuple[float, float, float, float], n: int = 20_000) -> np.ndarray:
    west, south, east, north = bbox
    rng = np.random.default_rng(440106)
    return np.column_stack([rng.uniform(west, east, n), rng.uniform(south, north, n)])


def test_published_vector():
    wgs = np.array([[113.3265, 23.1365]])
    gcj, bd = np.array([[113.3319274, 23.1339142]]), np.array([[113.3384715, 23.1396002]])
    assert np.allclose(datum.wgs84_to_gcj02(wgs), gcj, rtol=0, atol=1e-7)
    assert np.allclose(datum.gcj02_to_bd09(gcj), bd, rtol=0, atol=1e-7)
    assert np.allclose(datum.wgs84_to_bd09(wgs), bd, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("iterations", "bound_m"), [(1, 4e-3), (2, 10e-6), (3, 0.02e-6)], ids=["one", "two", "three"])
def test_gcj_inverse_accuracy_in_the_district(monkeypatch, iterations, bound_m):
    monkeypatch.setattr(datum, "ITERATIONS", iterations)
    true = random_points(DISTRICT_BBOX)
    assert error_m(datum.gcj02_to_wgs84(datum.wgs84_to_gcj02(true)), true).max() <= bound_m


def test_inverse_accuracy_all_over_china():
    true = random_points((73.5, 18.2, 135.0, 53.5))
    assert error_m(datum.gcj02_to_wgs84(datum.wgs84_to_gcj02(true)), true).max() < 1.4e-6
    assert error_m(datum.bd09_to_gcj02(datum.gcj02_to_bd09(true)), true).max() < 1e-6


def test_offset_in_the_district_is_what_was_measured():
    true = random_points(DISTRICT_BBOX)
    offset_m = error_m(datum.wgs84_to_gcj02(true), true)
    assert 620 < offset_m.min() < offset_m.max() < 631
    assert 626 < offset_m.mean() < 628


@given(
    lon=st.floats(72.1, 137.7, allow_nan=False),
    lat=st.floats(1.0, 55.7, allow_nan=False),
    shift=st.sampled_from([("gcj02", datum.wgs84_to_gcj02), ("bd09", datum.wgs84_to_bd09)]),
)
def test_round_trip(lon, lat, shift):
    point, (name, to_datum) = np.array([[lon, lat]]), shift
    back = datum.from_datum(to_datum(point), name)
    if datum.inside_china(to_datum(point))[0]:
        assert error_m(back, point)[0] < 1e-4


@given(lon=st.floats(-180, 71), lat=st.floats(-90, 90))
def test_outside_china_nothing_moves(lon, lat):
    point = np.array([[lon, lat]])
    for convert in (datum.wgs84_to_gcj02, datum.gcj02_to_wgs84, datum.gcj02_to_bd09, datum.bd09_to_gcj02):
        assert np.array_equal(convert(point), point)


def test_nan_stays_nan_and_empty_stays_empty():
    mixed = np.array([[np.nan, np.nan], [113.3265, 23.1365]])
    assert np.isnan(datum.wgs84_to_bd09(mixed)[0]).all()
    assert np.isfinite(datum.wgs84_to_bd09(mixed)[1]).all()
    assert datum.bd09_to_wgs84(np.empty((0, 2))).shape == (0, 2)


def test_input_is_not_changed():
    point = np.array([[113.3265, 23.1365]])
    datum.wgs84_to_gcj02(point)
    assert point.tolist() == [[113.3265, 23.1365]]
