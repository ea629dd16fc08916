"""Real outlines, read from a package's plain files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shapely

from layers.demo.outline import nearest_outlines, read_outline
from layers.errors import NotFound

SHARED = Path(__file__).parents[3] / "shared" / "data" / "admin" / "guangzhou_districts_wgs84.geojson"


def test_tianhe_has_the_vertices_and_place_it_is_known_for():
    outline = read_outline("440106")
    assert (outline.name, outline.city) == ("天河区", "广州市")
    assert len(outline.polygon.exterior.coords) == 229
    assert outline.polygon.bounds == pytest.approx((113.29561, 23.100628, 113.442556, 23.24833), abs=1e-9)


@pytest.mark.skipif(not SHARED.exists(), reason="the real files are not here")
def test_every_outline_of_the_city_is_the_published_one():
    for feature in json.loads(SHARED.read_text(encoding="utf-8"))["features"]:
        published = shapely.geometry.shape(feature["geometry"])
        largest = max(shapely.get_parts(published), key=lambda part: part.area)
        assert read_outline(feature["properties"]["adcode"]).polygon.equals(largest), feature["properties"]["name"]


def test_unknown_district_is_refused_with_an_example():
    with pytest.raises(NotFound, match=r"there is no district '999999'.*440106"):
        read_outline("999999")


def test_neighbours_come_nearest_first_and_are_different():
    near = nearest_outlines("440106", 6)
    assert near[0].code == "440106"
    assert len({outline.code for outline in near}) == 6
    assert {"海珠区", "越秀区"} <= {outline.name for outline in near}
