"""Repair: dimension kept, validity reached, types promoted; as laws over random geometries."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.load.repair import VERTICES_MAX, repair_geometries
from tests.layers.load.test_gate import batch_of

coordinates = st.tuples(st.integers(0, 6), st.integers(0, 6))


@given(st.lists(st.lists(coordinates, min_size=3, max_size=9), min_size=1, max_size=3))
def test_any_rings_become_valid_polygons_or_are_rejected(rings):
    raw = shapely.MultiPolygon([shapely.Polygon(ring) for ring in rings])
    batch = batch_of(raw)
    repair_geometries(batch, "MultiPolygon")
    if batch.ok[0]:
        made = batch.geometry[0]
        assert made.geom_type == "MultiPolygon"
        assert made.is_valid
        assert made.area > 0
        assert all(part.exterior.is_ccw and not any(h.is_ccw for h in part.interiors) for part in made.geoms)
    else:
        assert next(iter(batch.rejections())).reason in {"collapsed", "wrong_type", "no_geometry"}


@given(st.lists(coordinates, min_size=4, max_size=12))
def test_repair_of_the_repaired_changes_nothing(ring):
    batch = batch_of(shapely.Polygon(ring))
    repair_geometries(batch, "MultiPolygon")
    if batch.ok[0]:
        again = batch_of(batch.geometry[0])
        repair_geometries(again, "MultiPolygon")
        assert again.geometry[0].equals_exact(batch.geometry[0], 0)
        assert not again.repairs


@pytest.mark.parametrize(
    ("wkt", "wanted", "made", "kinds"),
    [
        ("POLYGON((0 0,1 0,1 1,0 1,0 0))", "MultiPolygon", "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 1, 0 0)))", {"promoted"}),
        ("LINESTRING(0 0,1 0)", "MultiLineString", "MULTILINESTRING ((0 0, 1 0))", {"promoted"}),
        ("MULTIPOINT(0 1)", "Point", "POINT (0 1)", {"unwrapped"}),
        ("MULTILINESTRING((0 0,1 0),(1 0,2 0))", "LineString", "LINESTRING (0 0, 1 0, 2 0)", set()),
        ("POINT Z(0 1 9)", "Point", "POINT (0 1)", {"z_dropped"}),
        (
            "GEOMETRYCOLLECTION(POINT(9 9),LINESTRING(0 0,1 0))",
            "LineString",
            "LINESTRING (0 0, 1 0)",
            {"dimension_kept", "unwrapped"},
        ),
        ("POLYGON((0 0,0 1,1 1,1 0,0 0))", "Polygon", "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))", {"ring_order"}),
    ],
)
def test_known_repairs(wkt, wanted, made, kinds):
    batch = batch_of(shapely.from_wkt(wkt))
    repair_geometries(batch, wanted)
    assert batch.ok.all(), list(batch.rejections())
    assert batch.geometry[0].normalize().equals(shapely.from_wkt(made))
    assert batch.geometry[0].geom_type == shapely.from_wkt(made).geom_type
    assert set(batch.repairs) == kinds


@pytest.mark.parametrize(
    ("wkt", "wanted", "reason"),
    [
        ("POINT EMPTY", "Point", "no_geometry"),
        ("LINESTRING(0 0,1 1)", "Point", "wrong_type"),
        ("MULTIPOINT(0 0,1 1)", "Point", "several_parts"),
        ("POLYGON((0 0,1 1,0 0,0 0))", "MultiPolygon", "collapsed"),
    ],
)
def test_what_cannot_be_repaired_is_rejected(wkt, wanted, reason):
    batch = batch_of(shapely.from_wkt(wkt), None)
    repair_geometries(batch, wanted)
    assert [r.reason for r in batch.rejections()] == [reason, "no_geometry"]


def test_vertices_are_limited():
    angle = np.linspace(0, 6.28, VERTICES_MAX + 10)
    batch = batch_of(shapely.LineString(np.column_stack([np.cos(angle), np.sin(angle)])))
    repair_geometries(batch, "LineString")
    assert [r.reason for r in batch.rejections()] == ["too_many_vertices"]


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=4, max_size=6),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=4, max_size=6),
)
def test_a_hole_never_becomes_land(shell, hole):
    batch = batch_of(shapely.Polygon(shell, [hole]))
    repair_geometries(batch, "MultiPolygon")
    land = shapely.union_all(shapely.make_valid([shapely.Polygon(shell)], method="structure", keep_collapsed=False))
    if batch.ok[0]:
        assert shapely.difference(batch.geometry[0], land).area == pytest.approx(0, abs=1e-9)


def test_a_spike_is_dropped_and_the_area_stays():
    spiked = shapely.Polygon([(0, 0), (2, 0), (2, 2), (1, 2), (1, 4), (1, 2), (0, 2)])
    batch = batch_of(spiked)
    repair_geometries(batch, "Polygon")
    assert batch.geometry[0].geom_type == "Polygon"
    assert batch.geometry[0].area == pytest.approx(4)
