"""Drawing SVG: in its own process, which is killed when it takes too long; names whole or not at all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, box

from layers.errors import TooMuch, Unavailable
from tiles.maps.encode import bands_of
from tiles.maps.labels import Labels
from tiles.maps.rasterize import rasterize
from tiles.maps.shapes import Shape
from tiles.maps.svg import path
from tiles.styles.expression import StyledFeature

RED = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="4"><rect width="4" height="4" fill="#f00"/></svg>'
NAME = {
    "type": "symbol",
    "layout": {"text-field": ["get", "name"], "text-size": 12},
    "paint": {"text-color": "#000000"},
}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
places = st.tuples(st.floats(-50, 350), st.floats(-50, 250))


def test_a_picture_is_drawn():
    bands = bands_of(rasterize(RED))
    assert bands.shape == (4, 4, 8)
    assert bands[:, 0, 0].tolist() == [255, 0, 0, 255]
    assert not bands[:, 0, 7].any()


def test_what_takes_too_long_is_ended():
    with pytest.raises(TooMuch, match="too much on this map"):
        rasterize(RED, seconds=0)


def test_what_cannot_be_drawn_is_told():
    with pytest.raises(Unavailable, match="could not be drawn"):
        rasterize("<svg")


def test_areas_keep_their_holes():
    data = path(MultiPolygon([box(0, 0, 10, 10).difference(box(2, 2, 4, 4)), box(20, 0, 30, 10)]))
    assert data.count("M") == data.count("Z") == 3
    assert path(LineString([(0, 0.04), (1.26, 2)])) == "M0.0 0.0L1.3 2.0"


def placed(features):
    names = Labels((0, 0, 300, 200))
    shapes = [
        (Shape("Point", Point(*at), {"name": text}), StyledFeature({"name": text}, "Point", 14))
        for text, at in features
    ]
    names.place(NAME, shapes)
    return names


@settings(max_examples=15)
@given(st.lists(st.tuples(texts, places), max_size=30))
def test_whatever_a_name_holds_it_can_be_drawn(features):
    inside = "".join(placed(features).elements())
    size = 'width="300" height="200"'
    assert bands_of(rasterize(f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{inside}</svg>')).shape == (4, 200, 300)


@given(st.lists(st.tuples(texts, places), max_size=30))
def test_names_lie_inside_apart_and_are_text(features):
    names = placed(features)
    boxes = names._occupied
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert -2 <= left < right <= 302
        assert -2 <= top < bottom <= 202
        assert not any(left < o[2] and o[0] < right and top < o[3] and o[1] < bottom for o in boxes[:number])
    for written in names.elements():
        inside = re.fullmatch(r"<text [^<>]*>([^<>]*)</text>", written)
        assert inside, written
        assert not re.search(r"&(?!amp;|lt;|gt;|quot;|#x27;)", inside[1])
