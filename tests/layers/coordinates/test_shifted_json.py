"""Whole documents in a shifted datum: every place is shifted once, and no value of a layer is touched."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.coordinates.datum import DATUMS, to_datum
from layers.coordinates.shifted_json import shift_document

PLACES = st.tuples(st.floats(73, 137), st.floats(1, 55))
SHAPES = st.one_of(
    st.builds(shapely.Point, PLACES),
    st.builds(shapely.LineString, st.lists(PLACES, min_size=2, max_size=6)),
    st.builds(shapely.MultiPoint, st.lists(PLACES, min_size=1, max_size=4)),
    st.builds(lambda x, y: shapely.box(x, y, x + 1, y + 1), st.floats(73, 136), st.floats(1, 54)),
    st.builds(lambda one, two: shapely.GeometryCollection([one, two]), st.builds(shapely.Point, PLACES), st.none()),
)


def geojson(shape):
    """Return a geometry as GeoJSON, with lists in the place of tuples."""

    def listed(node):
        return [listed(one) for one in node] if isinstance(node, tuple | list) else node

    found = dict(shapely.geometry.mapping(shape))
    if "geometries" in found:
        return {**found, "geometries": [geojson(one) for one in shape.geoms]}
    return {**found, "coordinates": listed(found["coordinates"])}


@pytest.mark.parametrize("datum", DATUMS)
@given(shape=SHAPES, place=PLACES)
def test_every_place_is_shifted_once(datum, shape, place):
    lon, lat = place
    values = {"lon": lon, "lat": lat, "area": geojson(shape), "name": "one"}
    feature = {"type": "Feature", "geometry": geojson(shape), "properties": {**values, "route": geojson(shape)}}
    plain = {"lon": lon, "lat": lat, "features": [feature], "rows": [dict(values), {"lon": None, "lat": None}]}
    document = copy.deepcopy(plain)
    shift_document(document, datum)
    x, y = np.round(to_datum(np.array([place]), datum)[0], 7).tolist()
    (found,) = document["features"]
    assert (document["datum"], found["datum"]) == (datum, datum)
    assert (document["lon"], document["lat"]) == (x, y)
    wanted = np.round(to_datum(shapely.get_coordinates(shape), datum), 7)
    for geometry in (found["geometry"], found["properties"]["route"]):
        assert np.array_equal(shapely.get_coordinates(shapely.geometry.shape(geometry)), wanted)
    assert {name: value for name, value in found["properties"].items() if name != "route"} == values
    assert document["rows"] == [{**values, "lon": x, "lat": y}, {"lon": None, "lat": None}]


def test_what_has_no_place_is_declared_all_the_same():
    document = {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": None, "properties": None}]}
    shift_document(document, "gcj02")
    assert document["datum"] == document["features"][0]["datum"] == "gcj02"
