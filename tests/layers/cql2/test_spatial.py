"""Boxes and geometries in every served system and axis order, exactly, and across the antimeridian."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from shapely import LineString, Point, box

from layers.coordinates.crs import CRS84, EPSG_3857, EPSG_4326, EPSG_4490, EPSG_4526, EPSG_4547, SERVED, Crs, transform
from layers.cql2 import FilterLimits, Queryable, compile_bbox, compile_filter, parse, parse_bbox
from layers.cql2.spatial import SHAPELY, relate_shapes
from layers.errors import BadInput
from tests.layers.cql2.conftest import Database
from tests.layers.cql2.expressions import QUERYABLES

ANY = QUERYABLES["geom"]
POINTS = Queryable("geom", "geom", "geometry", "Point")
WEST, SOUTH, EAST, NORTH = 113.30, 23.10, 113.40, 23.20


def in_order(x: float, y: float, crs: Crs) -> tuple[float, float]:
    return (y, x) if crs.flips else (x, y)


def corners(crs: Crs) -> np.ndarray:
    return transform(np.array([[WEST, SOUTH], [EAST, NORTH]]), 4490, crs.srid)


@pytest.fixture
def places(database: Database) -> Database:
    rng = np.random.default_rng(7)
    rows = [
        {"id": f"p{i}", "geom": Point(x, y)}
        for i, (x, y) in enumerate(rng.uniform((113.2, 23.0), (113.5, 23.3), (400, 2)))
    ]
    rows += [
        {"id": f"l{i}", "geom": LineString(c)}
        for i, c in enumerate(rng.uniform((113.2, 23.0), (113.5, 23.3), (50, 2, 2)))
    ]
    database.fill([*rows, {"id": "none", "geom": None}])
    return database


def expected(database: Database, area: shapely.Geometry) -> set[str]:
    rows = database.fetch_all()
    return {i for i, wkb in rows if wkb is not None and shapely.from_wkb(wkb).intersects(area)}


@pytest.mark.parametrize("crs", SERVED, ids=lambda c: c.short)
def test_a_box_in_any_system_and_axis_order(places: Database, crs: Crs) -> None:
    (x0, y0), (x1, y1) = corners(crs)
    numbers = [*in_order(x0, y0, crs), *in_order(x1, y1, crs)]
    bbox = parse_bbox(",".join(map(repr, map(float, numbers))), crs)
    edge = shapely.segmentize(box(x0, y0, x1, y1), max(x1 - x0, y1 - y0) / 2000)
    area = shapely.transform(edge, lambda xy: transform(xy, crs.srid, 4490))
    found = places.ids(compile_bbox(bbox, ANY))
    assert found == expected(places, area)
    assert 20 < len(found) < 300
    text = f"S_INTERSECTS(geom, BBOX({','.join(map(repr, map(float, numbers)))}))"
    assert places.ids(compiled(text, crs)) == found


@pytest.mark.parametrize("crs", SERVED, ids=lambda c: c.short)
def test_a_polygon_in_any_system_and_axis_order(places: Database, crs: Crs) -> None:
    triangle = np.array([[WEST, SOUTH], [EAST, SOUTH], [WEST, NORTH], [WEST, SOUTH]])
    ring = [in_order(x, y, crs) for x, y in transform(triangle, 4490, crs.srid)]
    wkt = shapely.Polygon(ring).wkt
    for text in (f"S_INTERSECTS(geom, {wkt})", f"S_INTERSECTS({wkt}, geom)"):
        assert places.ids(compiled(text, crs)) == expected(places, shapely.Polygon(triangle))


def test_an_area_with_a_bay_and_a_hole(places: Database) -> None:
    """Most of what meets it is known by its box, and the rest is tested exactly."""
    bay = shapely.Polygon([(113.2, 23.0), (113.5, 23.0), (113.5, 23.3), (113.35, 23.1), (113.2, 23.3)])
    area = bay.difference(box(113.25, 23.03, 113.28, 23.06))
    assert places.ids(compiled(f"S_INTERSECTS(geom, {area.wkt})")) == expected(places, area)
    assert places.ids(compiled(f"NOT S_INTERSECTS({area.wkt}, geom)")) == (
        expected(places, box(-180, -90, 180, 90)) - expected(places, area)
    )


def compiled(text: str, crs: Crs = CRS84) -> Any:
    return compile_filter(parse(text, "cql2-text", limits=FilterLimits()), QUERYABLES, filter_crs=crs)


def test_points_are_tested_exactly_and_edges_count(database: Database) -> None:
    """`&&` alone rounds to single precision: it would let in a point a millimetre outside."""
    inside, outside = 113.3, float(np.nextafter(113.3, 0))
    database.fill([{"id": "on", "geom": Point(inside, 23.1)}, {"id": "off", "geom": Point(outside, 23.1)}])
    bbox = parse_bbox("113.3,23.1,113.4,23.2", CRS84)
    for geometry in (POINTS, ANY):
        assert database.ids(compile_bbox(bbox, geometry)) == {"on"}


def test_a_box_across_the_antimeridian(database: Database) -> None:
    longitudes = [-180, -179, -170, 0, 113, 170, 179, 180]
    database.fill([{"id": str(x), "geom": Point(x, 0)} for x in longitudes])
    bbox = parse_bbox("175,-1,-175,1", CRS84)
    assert len(bbox.rectangles) == 2
    for condition in (
        compile_bbox(bbox, POINTS),
        compile_bbox(bbox, ANY),
        compiled("S_INTERSECTS(geom, BBOX(175,-1,-175,1))"),
    ):
        assert database.ids(condition) == {"-180", "-179", "179", "180"}
    flipped = parse_bbox("-1,175,1,-175", EPSG_4326)
    assert flipped == bbox


def test_six_numbers_leave_the_heights_aside() -> None:
    assert parse_bbox("1,2,-50,3,4,900", CRS84) == parse_bbox("1,2,3,4", CRS84)
    assert parse_bbox("2,1,-50,4,3,900", EPSG_4490) == parse_bbox("1,2,3,4", CRS84)


def test_a_box_without_width_or_height_is_a_point_or_a_line(database: Database) -> None:
    database.fill(
        [{"id": "a", "geom": Point(1, 1)}, {"id": "b", "geom": Point(1, 2)}, {"id": "c", "geom": box(0, 0, 3, 3)}]
    )
    assert database.ids(compile_bbox(parse_bbox("1,1,1,1", CRS84), ANY)) == {"a", "c"}
    assert database.ids(compile_bbox(parse_bbox("1,0,1,3", CRS84), ANY)) == {"a", "b", "c"}


def test_the_whole_world_in_web_mercator() -> None:
    edge = 20037508.342789244
    assert parse_bbox(f"{-edge},{-edge},{edge},{edge}", EPSG_3857).rectangles[0][0] == -180


@pytest.mark.parametrize(
    ("text", "crs", "expected"),
    [
        ("", CRS84, "4 or 6 numbers"),
        ("1,2,3", CRS84, "3 numbers"),
        ("1,2,3,4,5", CRS84, "5 numbers"),
        ("1,2,3,4,5,6,7", CRS84, "7 numbers"),
        ("1,2,3,4" * 1000, CRS84, "numbers"),
        ("a,b,c,d", CRS84, "4 or 6 numbers"),
        ("1,2,3,", CRS84, "4 or 6 numbers"),
        ("1_0,2,3,4", CRS84, "4 or 6 numbers"),
        ("nan,2,3,4", CRS84, "not finite"),
        ("1,2,inf,4", CRS84, "not finite"),
        ("1,2,1e999,4", CRS84, "not finite"),
        ("1,5,3,4", CRS84, "southern edge 5 is above"),
        ("1,2,9,3,4,8", CRS84, "lower height 9.0 is above"),
        ("113,23,114,24", EPSG_4490, "axis order of EPSG:4490 is latitude, longitude"),
        ("23,113,24,114", CRS84, "axis order of OGC:CRS84 is longitude, latitude"),
        ("1,-91,3,4", CRS84, "latitude"),
        ("-181,0,3,4", CRS84, "longitude"),
        ("9,0,3,4", EPSG_3857, "western edge 9"),
        ("0,0,9e9,9e9", EPSG_3857, "outside the area of EPSG:3857"),
        ("0,0,1e300,1e300", EPSG_4547, "outside the area of EPSG:4547"),
    ],
)
def test_a_wrong_box_is_refused(text: str, crs: Crs, expected: str) -> None:
    with pytest.raises(BadInput, match=expected) as caught:
        parse_bbox(text, crs)
    assert caught.value.parameter == "bbox"


def test_a_projected_box_has_curved_edges() -> None:
    (x0, y0), (x1, y1) = transform(np.array([[110.0, 20.0], [118.0, 26.0]]), 4490, 4526)
    outline = parse_bbox(f"{y0},{x0},{y1},{x1}", EPSG_4526).outline
    assert outline is not None
    assert len(outline.exterior.coords) > 100
    assert outline.area < outline.envelope.area


def test_collections(database: Database) -> None:
    database.fill([{"id": "a", "geom": Point(1, 1)}, {"id": "b", "geom": Point(3, 3)}])
    mixed = "GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(0 0, 0 1))"
    assert database.ids(compiled(f"S_INTERSECTS(geom, {mixed})")) == {"a"}
    assert database.ids(compiled(f"S_DISJOINT(geom, {mixed})")) == {"b"}
    assert database.ids(compiled("S_WITHIN(geom, GEOMETRYCOLLECTION(POINT(1 1), POINT(3 3)))")) == {"a", "b"}
    assert database.ids(compiled(f"S_WITHIN(geom, {mixed})")) == {"a"}
    assert database.ids(compiled(f"S_CONTAINS({mixed}, geom)")) == {"a"}


KINDS = {
    "nothing": None,
    "point in the area": Point(1, 1),
    "point on the edge": Point(0, 1),
    "point of the collection": Point(9, 9),
    "end of its line": Point(6, 1),
    "point elsewhere": Point(8, 1),
    "two points": shapely.MultiPoint([(1, 1), (9, 9)]),
    "one in, one out": shapely.MultiPoint([(1, 1), (8, 8)]),
    "line in the area": LineString([(0.5, 1), (1.5, 1)]),
    "line out of the area along the line": LineString([(1, 1), (5, 1)]),
    "line across": LineString([(1, 1), (5, 3)]),
    "line that only meets the edge": LineString([(-1, 0), (0, 0)]),
    "line over the line": LineString([(4, 0), (4, 2)]),
    "line along the line and on": LineString([(4, 1), (7, 1)]),
    "part of the area": box(0.5, 0.5, 1, 1),
    "all of the area": box(0, 0, 2, 2),
    "around all": box(-1, -1, 10, 10),
    "around all but the point": box(-1, -1, 8, 8),
    "over the area's edge": box(1, 1, 3, 3),
    "beside the area": box(-1, 0, 0, 2),
    "around the line": box(2.5, 0, 7, 2),
    "far away": box(20, 20, 21, 21),
}
COLLECTIONS = [
    "GEOMETRYCOLLECTION(POLYGON((0 0, 2 0, 2 2, 0 2, 0 0)), LINESTRING(1 1, 6 1), POINT(9 9))",
    "GEOMETRYCOLLECTION(POLYGON((0 0, 2 0, 2 2, 0 2, 0 0)), POINT(9 9), POINT(1 1))",
    "GEOMETRYCOLLECTION(LINESTRING(1 1, 6 1), POINT(9 9))",
    "GEOMETRYCOLLECTION(LINESTRING(1 1, 6 1), POLYGON((0 0, 2 0, 2 2, 0 2, 0 0)))",
    "GEOMETRYCOLLECTION(POLYGON((0 0, 2 0, 2 2, 0 2, 0 0)), POINT(1 1))",  # the area holds the point
]


@pytest.mark.parametrize("wkt", COLLECTIONS)
def test_every_function_takes_collections_of_several_kinds(database: Database, wkt: str) -> None:
    """In SQL and in memory alike, and as GEOS has it where GEOS is right; an unknown stays unknown."""
    database.fill([{"id": name, "geom": shape} for name, shape in KINDS.items()])
    collection = shapely.from_wkt(wkt)
    rows = {name: shape for name, shape in KINDS.items() if shape is not None}
    for op, test in SHAPELY.items():
        for text, on_the_left in ((f"{op}(geom, {wkt})", False), (f"{op}({wkt}, geom)", True)):
            pairs = {name: (collection, s) if on_the_left else (s, collection) for name, s in rows.items()}
            wanted = {name for name, pair in pairs.items() if relate_shapes(op, *pair)}
            united = shapely.union_all(shapely.get_parts(collection))
            if "Point" not in {part.geom_type for part in shapely.get_parts(united)}:
                pairs = {name: (united, s) if on_the_left else (s, united) for name, s in rows.items()}
                assert wanted == {name for name, pair in pairs.items() if test(*pair)}, text
            assert database.ids(compiled(text)) == wanted, text
            assert database.ids(compiled(f"NOT {text}")) == rows.keys() - wanted, text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("S_WITHIN", {"point in the area", "point of the collection", "two points", "line in the area"}),
        ("S_CONTAINS", {"around all"}),
        ("S_TOUCHES", {"point on the edge", "end of its line", "line that only meets the edge", "beside the area"}),
        ("S_EQUALS", set()),
    ],
)
def test_what_is_within_touches_and_holds_a_collection(database: Database, text: str, found: set[str]) -> None:
    database.fill([{"id": name, "geom": shape} for name, shape in KINDS.items()])
    within = {"line out of the area along the line", "part of the area", "all of the area"}
    assert database.ids(compiled(f"{text}(geom, {COLLECTIONS[0]})")) == found | (
        within if text == "S_WITHIN" else set()
    )


def test_distance_is_geodesic(database: Database) -> None:
    database.fill([{"id": str(n), "geom": Point(113.3, 23.1 + n / 1000)} for n in range(10)])
    assert database.ids(compiled("S_DWITHIN(geom, POINT(113.3 23.1), 250)")) == {"0", "1", "2"}
    assert database.ids(compiled("DISTANCE_M(geom, POINT(113.3 23.1)) < 250")) == {"0", "1", "2"}
    assert database.ids(compiled("S_DWITHIN(geom, POINT(-179.9999 89.9999), 1000000)")) == set()
    database.fill(
        [
            {"id": "square", "geom": box(113, 23, 113.001, 23.001)},
            {"id": "line", "geom": LineString([(113, 23), (113, 23.01)])},
        ]
    )
    assert database.ids(compiled("AREA_M2(geom) BETWEEN 11300 AND 11400")) == {"square"}
    assert database.ids(compiled("LENGTH_M(geom) BETWEEN 1100 AND 1110")) == {"line"}


def test_a_hundred_thousand_vertices(database: Database) -> None:
    database.fill([{"id": "in", "geom": Point(113.3, 23.1)}, {"id": "out", "geom": Point(114.3, 23.1)}])
    angles = np.linspace(0, 2 * np.pi, 99_999, endpoint=False)
    ring = np.column_stack([113.3 + 0.1 * np.cos(angles), 23.1 + 0.1 * np.sin(angles)]).tolist()
    node = {
        "op": "s_intersects",
        "args": [{"property": "geom"}, {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}],
    }
    read = parse(node, "cql2-json", limits=FilterLimits())
    assert database.ids(compile_filter(read, QUERYABLES, filter_crs=CRS84)) == {"in"}
