"""The shifted datums in the database: the functions of SQL give what the formulas of Python give."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.coordinates.crs import SHIFTED, parse_crs_or_datum
from layers.coordinates.datum import DATUMS, to_datum
from layers.database.connection import connect
from layers.errors import BadCrs

_BOUND_DEG = 1e-9
_SHAPES = (
    "POINT EMPTY",
    "POINT (113.3265 23.1365)",
    "MULTIPOINT ((113.3265 23.1365))",
    "LINESTRING (113.3 23.1, 113.4 23.2, 113.4 23.2, 113.3 23.1)",
    "MULTILINESTRING ((113.3 23.1, 113.4 23.2), (2.3 48.8, 2.4 48.9))",
    "POLYGON ((113 23, 114 23, 114 24, 113 24, 113 23), (113.2 23.2, 113.4 23.2, 113.4 23.4, 113.2 23.2))",
    "MULTIPOLYGON (((113 23, 114 23, 114 24, 113 23)), ((115 23, 116 23, 116 24, 115 23)))",
    "GEOMETRYCOLLECTION (POINT (113.3265 23.1365), LINESTRING (113.3 23.1, 113.4 23.2))",
    "GEOMETRYCOLLECTION (POINT (113.3265 23.1365))",
)


@pytest.fixture(scope="module")
def shift(cluster, template):
    """Shift WKB in the database, many at once, by one connection."""
    del cluster
    runner = asyncio.Runner()
    connection = runner.run(connect(template))

    def shifted(shapes: list[shapely.Geometry], datum: str) -> list[shapely.Geometry]:
        text = "SELECT ST_AsBinary(onemap.to_datum(ST_GeomFromWKB(w, 4490), $2)) FROM unnest($1::bytea[]) AS w"
        rows = runner.run(connection.fetch(text, [shapely.to_wkb(one) for one in shapes], datum))
        return [shapely.from_wkb(row[0]) for row in rows]

    yield shifted
    runner.run(connection.close())
    runner.close()


@pytest.mark.parametrize("datum", DATUMS)
@settings(max_examples=30)
@given(
    places=st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=20)
    | st.lists(st.tuples(st.floats(72, 138), st.floats(0.8, 55.9)), min_size=1, max_size=200)
)
def test_places_are_those_of_the_formula(shift, datum, places):
    xy = np.array(places)
    found = shapely.get_coordinates(shift(list(shapely.points(xy)), datum))
    assert np.abs(found - to_datum(xy, datum)).max() <= _BOUND_DEG


@pytest.mark.parametrize("datum", DATUMS)
def test_every_type_of_geometry_is_shifted_vertex_by_vertex(shift, datum):
    shapes = shapely.from_wkt(list(_SHAPES)).tolist()
    for found, shape in zip(shift(shapes, datum), shapes, strict=True):
        wanted = shapely.transform(shape, lambda xy: to_datum(xy, datum))
        assert found.geom_type == wanted.geom_type
        assert shapely.equals_exact(found, wanted, _BOUND_DEG), found.wkt


@pytest.mark.parametrize("crs", SHIFTED, ids=lambda crs: crs.short)
def test_a_datum_is_named_by_its_name_and_by_its_address(crs):
    for name in (crs.short, f" {crs.short.upper()} ", crs.named("http://map.example"), crs.named("https://a.b/one")):
        assert parse_crs_or_datum(name) is crs


@pytest.mark.parametrize("name", ["gcj", "gcj-02", "http://map.example/crs/wgs84", "https:///crs/gcj02", "", "EPSG:1"])
def test_another_name_is_refused_with_what_is_allowed(name):
    with pytest.raises(BadCrs, match=r"OGC:CRS84.*gcj02, bd09"):
        parse_crs_or_datum(name)
