"""Checks of coordinates: each fault is found, named, and fixed only where that was declared."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.coordinates.crs import transform
from layers.coordinates.datum import wgs84_to_bd09, wgs84_to_gcj02
from layers.coordinates.source_crs import SourceCrs, parse_source_crs
from layers.errors import BadCrs
from layers.load.coordinate_checks import CoordinateChecks, with_margin
from layers.loaders.batch import Batch

HERE = np.array([[113.34, 23.13]])
DISTRICT = (113.29561, 23.100628, 113.442556, 23.24833)
DEGREES, METRES, ZONED = SourceCrs(4490), SourceCrs(4547), SourceCrs(4526)


def batch_of(*geometries: object) -> Batch:
    n = len(geometries)
    columns = pa.RecordBatch.from_pydict({"n": pa.array(range(n))})
    return Batch(columns, np.array(geometries, dtype=object), np.arange(1, n + 1))


def at(x: float, y: float) -> shapely.Point:
    return shapely.Point(x, y)


EASTING, NORTHING = transform(HERE, 4490, 4547)[0]


@pytest.mark.parametrize(
    ("crs", "given_point", "reason", "hint"),
    [
        (DEGREES, at(0, 0), "zero", "never measured"),
        (DEGREES, at(23.13, 113.34), "swapped", "--fix swapped"),
        (DEGREES, at(38_434_608.7, 2_558_503.5), "zone_prefixed", "EPSG:4526"),
        (DEGREES, at(19_734_608.7, 2_558_503.5), "zone_prefixed", "EPSG:4497"),
        (DEGREES, at(113_340_000, 23_130_000), "scaled", "--fix scaled"),
        (DEGREES, at(434_608.7, 2_558_503.5), "not_degrees", "EPSG:4547"),
        (DEGREES, at(116.4, 39.9), "outside_district", "--anywhere"),
        (METRES, at(113.34, 23.13), "not_metres", "EPSG:4490"),
        (METRES, at(NORTHING, EASTING), "swapped", "--fix swapped"),
        (METRES, at(38e6 + EASTING, NORTHING), "zone_prefixed", "EPSG:4526"),
        (DEGREES, at(np.inf, 23), "bad_coordinate", "infinite"),
    ],
)
def test_each_fault_has_its_reason_and_says_what_to_do(crs, given_point, reason, hint):
    batch = batch_of(given_point, given_point)
    CoordinateChecks(crs, district_crs84=DISTRICT).check(batch)
    found = list(batch.rejections())
    assert [r.reason for r in found] == [reason, reason]
    assert hint in found[0].detail


@pytest.mark.parametrize(
    ("crs", "given_point", "fix"),
    [
        (DEGREES, at(23.13, 113.34), "swapped"),
        (DEGREES, at(113_340_000, 23_130_000), "scaled"),
        (METRES, at(NORTHING, EASTING), "swapped"),
        (METRES, at(38e6 + EASTING, NORTHING), "zone_prefixed"),
    ],
)
def test_a_declared_fix_puts_right_only_what_shows_the_fault(crs, given_point, fix):
    right = at(*(HERE[0] if crs.degrees else (EASTING, NORTHING)))
    batch = batch_of(given_point, right)
    CoordinateChecks(crs, frozenset({fix}), DISTRICT).check(batch)
    assert batch.ok.all()
    assert batch.repairs == {fix: 1}
    assert np.allclose(shapely.get_coordinates(batch.geometry), np.vstack([HERE, HERE]), atol=1e-7)


@pytest.mark.parametrize(
    ("declared", "coordinates"),
    [
        ("gcj02", wgs84_to_gcj02(HERE)),
        ("GCJ-02", wgs84_to_gcj02(HERE)),
        ("bd09", wgs84_to_bd09(HERE)),
        ("EPSG:4547", transform(HERE, 4490, 4547)),
        ("EPSG:4526", transform(HERE, 4490, 4526)),
        ("EPSG:3857", transform(HERE, 4490, 3857)),
        ("auto", HERE),
    ],
)
def test_every_declared_system_arrives_at_the_same_place(declared, coordinates):
    batch = batch_of(at(*coordinates[0]))
    CoordinateChecks(parse_source_crs(declared), district_crs84=DISTRICT).check(batch)
    assert np.allclose(shapely.get_coordinates(batch.geometry), HERE, atol=1e-8)


def test_lines_that_leave_the_district_stay_and_lines_beyond_it_do_not():
    leaving = shapely.LineString([[113.40, 23.15], [113.90, 23.15]])
    beyond = shapely.LineString([[113.80, 23.15], [113.90, 23.15]])
    batch = batch_of(leaving, beyond, None)
    CoordinateChecks(DEGREES, district_crs84=DISTRICT).check(batch)
    assert batch.ok.tolist() == [True, False, True]


def test_the_margin_is_two_kilometres():
    west, south, east, north = with_margin(DISTRICT)
    corners = transform(
        np.array([[west, 23.17], [DISTRICT[0], 23.17], [113.37, north], [113.37, DISTRICT[3]]]), 4490, 4547
    )
    assert np.hypot(*(corners[0] - corners[1])) == pytest.approx(2000, abs=10)
    assert np.hypot(*(corners[2] - corners[3])) == pytest.approx(2000, abs=15)
    assert east > DISTRICT[2]
    assert south < DISTRICT[1]


@pytest.mark.parametrize("text", ["", "gcj", "EPSG:", "EPSG:0", "4547x"])
def test_unknown_systems_are_refused(text):
    with pytest.raises(BadCrs, match="gcj02, bd09"):
        parse_source_crs(text)


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=20), st.sampled_from([DEGREES, METRES, ZONED]))
def test_nothing_that_passes_lies_outside(pairs, crs):
    batch = batch_of(*(shapely.Point(x, y) for x, y in pairs))
    CoordinateChecks(crs, frozenset({"swapped", "scaled"}), DISTRICT).check(batch)
    passed = [g for g, ok in zip(batch.geometry, batch.ok, strict=True) if ok and not g.is_empty]
    west, south, east, north = with_margin(DISTRICT)
    assert all(west <= g.x <= east and south <= g.y <= north for g in passed)
    assert len(list(batch.rejections())) == int((~batch.ok).sum())


@pytest.mark.parametrize(("x", "y"), [(180, 41.15), (-180, -41.15), (0, 90), (3, -90)])
@pytest.mark.parametrize("noise", [6e-14, 1e-10])
def test_noise_at_a_limit_is_no_fault(x, y, noise):
    beyond = (x + np.sign(x) * noise * (abs(x) == 180), y + np.sign(y) * noise * (abs(y) == 90))
    batch = batch_of(shapely.LineString([(x * 0.1, y * 0.1), beyond]))
    CoordinateChecks(DEGREES).check(batch)
    assert batch.ok.all()
    assert shapely.get_coordinates(batch.geometry).tolist() == [[x * 0.1, y * 0.1], [x, y]]


def test_what_is_no_degree_is_named_by_its_own_corner():
    batch = batch_of(shapely.LineString([(-170, 41.15), (180.5, 60), (10, 10)]))
    CoordinateChecks(DEGREES).check(batch)
    assert [r.detail.rpartition("given ")[2] for r in batch.rejections()] == ["180.5, 60"]
