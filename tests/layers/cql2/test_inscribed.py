"""The rectangle inside an area lies in it, and is large enough to be useful."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, Polygon, box

from layers.cql2.inscribed import inscribed

angles = st.lists(st.floats(0.2, 1), min_size=3, max_size=24)


def star(radii: list[float]) -> Polygon:
    """Return a polygon about (113.3, 23.1) with its corners at these distances, one after the other."""
    turn = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    return Polygon(np.column_stack([113.3 + np.cos(turn) * radii, 23.1 + np.sin(turn) * radii]))


@given(angles, angles)
def test_it_is_inside(outer: list[float], inner: list[float]) -> None:
    whole = star(outer)
    for area in (
        whole,
        whole.difference(shapely.transform(star(inner), lambda xy: (xy - xy.mean(0)) / 9 + xy.mean(0))),
    ):
        found = inscribed(area)
        assert found is None or area.contains(box(*found))


def test_it_is_large() -> None:
    hexagon = star([1.0] * 6)
    found = inscribed(MultiPolygon([box(0, 0, 0.1, 0.1), hexagon]))
    assert found is not None
    assert box(*found).area > 0.5 * hexagon.area


@pytest.mark.parametrize("area", [Point(1, 1), LineString([(0, 0), (1, 1)]), Polygon()])
def test_what_has_no_area_has_none(area: shapely.Geometry) -> None:
    assert inscribed(area) is None
