"""Real outlines, read from a package's plain files."""

from __future__ import annotations

import pytest

from layers.demo.district.outline import nearest_outlines, read_outline
from layers.errors import NotFound


def test_tianhe_has_the_vertices_and_place_it_is_known_for():
    outline = read_outline("440106")
    assert (outline.name, outline.city) == ("天河区", "广州市")
    assert len(outline.polygon.exterior.coords) == 229
    assert outline.polygon.bounds == pytest.approx((113.29561, 23.100628, 113.442556, 23.24833), abs=1e-9)


def test_unknown_district_is_refused_with_an_example():
    with pytest.raises(NotFound, match=r"there is no district '999999'.*440106"):
        read_outline("999999")


def test_neighbours_come_nearest_first_and_are_different():
    near = nearest_outlines("440106", 6)
    assert near[0].code == "440106"
    assert len({outline.code for outline in near}) == 6
    assert {"海珠区", "越秀区"} <= {outline.name for outline in near}
