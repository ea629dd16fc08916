"""However a tile is drawn, its features lie where PostGIS's own drawing has them, and are whole."""

from __future__ import annotations

import math

import mapbox_vector_tile
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import make_valid, wkt
from shapely.geometry import Polygon, box, shape

from layers.actor import OPERATOR
from layers.catalog import read_catalog
from layers.clause import Clause, compose
from layers.database.connection import connect
from layers.schema.tables import create_layer
from tests.tiles.conftest import LAMPS
from tiles.address import BUFFER, EXTENT, TileAddress
from tiles.geometry import fit_to_tile
from tiles.grids import CGCS2000, WEB_MERCATOR
from tiles.vector import Drawing, tile_clause

pytestmark = pytest.mark.anyio
DOWN = {"y_coord_down": True}
AREAS = LAMPS.model_copy(update={"geometry_type": "Polygon", "id": "areas"})
ADDRESSES = [TileAddress(14, 13348, 7110), TileAddress(12, 3337, 1777), TileAddress(18, 213582, 113770)]
CLIP = box(-BUFFER, -BUFFER, EXTENT + BUFFER, EXTENT + BUFFER)


@st.composite
def outlines(draw):
    """Star-shaped polygons of a few units to several tiles, with and without a hole, inside and across the edge."""
    middle = draw(st.tuples(*[st.floats(-200, EXTENT + 200)] * 2))
    size = draw(st.sampled_from([3, 20, 200, 3000, 20_000]))
    count = draw(st.integers(3, 40))
    reach = draw(st.lists(st.floats(0.3, 1), min_size=count, max_size=count))
    angles = [2 * math.pi * n / count for n in range(count)]
    ring = [
        (middle[0] + size * r * math.cos(a), middle[1] + size * r * math.sin(a))
        for a, r in zip(angles, reach, strict=True)
    ]
    inner = [(middle[0] + (x - middle[0]) * 0.2, middle[1] + (y - middle[1]) * 0.2) for x, y in ring]
    return Polygon(ring, [inner] if draw(st.booleans()) else [])


def in_degrees(tile, outline):
    """Write an outline in units of a tile as the text of a stored geometry."""
    west, south, east, north = tile.grid.bounds(tile.z, tile.x, tile.y)
    placed = [
        [
            _degrees(tile, west + x / EXTENT * (east - west), north - y / EXTENT * (north - south))
            for x, y in ring.coords
        ]
        for ring in (outline.exterior, *outline.interiors)
    ]
    return Polygon(placed[0], placed[1:]).wkt


def _degrees(tile, x, y):
    if tile.grid.in_degrees:
        return x, y
    radius = 6_378_137
    return math.degrees(x / radius), math.degrees(math.atan(math.sinh(y / radius)))


async def fit(owner, tile, text):
    rows = compose("SELECT ST_GeomFromText({}, 4490) AS geom", Clause("?0::text", (text,)))
    statement = compose("SELECT ST_AsText(t.geom) FROM ({}) AS t", fit_to_tile(tile, rows, "1 AS one", areas=True))
    query, values = statement.render()
    return await owner.fetchval(query, *values)


@pytest.mark.parametrize("tile", [*ADDRESSES, TileAddress(13, 13348, 3040, CGCS2000)], ids=str)
async def test_an_outline_lies_where_it_is_to_a_unit(database_url, tile):
    owner = await connect(database_url)
    drawn = []

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(outlines())
    def collect(outline):
        drawn.append(outline)

    collect()
    for outline in drawn:
        found = await fit(owner, tile, in_degrees(tile, outline))
        wanted = outline.intersection(CLIP)
        if found is None:
            assert wanted.buffer(-1.5).is_empty
            continue
        seen = make_valid(wkt.loads(found))
        assert wanted.buffer(-1.5).difference(seen).area < 1
        assert seen.difference(wanted.buffer(1.5)).area < 1
        assert seen.bounds[0] >= -BUFFER - 10
        assert seen.bounds[2] <= EXTENT + BUFFER + 10
    await owner.close()


@given(st.integers(0, 22), st.floats(0, 1), st.floats(0.02, 0.98), st.floats(0, 1))
@settings(deadline=None, database=None)
def test_a_tile_is_drawn_from_degrees_only_where_nobody_can_tell(z, across, down, share):
    tile = TileAddress(z, int(across * ((1 << z) - 1)), int(down * ((1 << z) - 1)))
    if not tile.is_straight:
        return
    _, south, _, north = tile.box()
    latitude = south + share * (north - south)
    _, bottom, _, top = WEB_MERCATOR.bounds(tile.z, tile.x, tile.y)
    right = (6_378_137 * math.asinh(math.tan(math.radians(latitude))) - bottom) / (top - bottom)
    assert abs(right - share) * EXTENT < 0.3
    assert z >= 8


async def test_hardly_any_tile_of_a_town_is_bent():
    assert [TileAddress(z, (13348 << z) >> 14, (7110 << z) >> 14).is_straight for z in (9, 12, 13, 14, 18)] == [
        False,
        False,
        True,
        True,
        True,
    ]


async def test_what_explodes_when_it_is_clipped_comes_in_pieces_within_the_tile(database_url):
    """A comb across the tile, a bow tie, a spike and a ring as wide as the world."""
    owner = await connect(database_url)
    await create_layer(owner, AREAS)
    tile = ADDRESSES[0]
    teeth = [(x, y) for n in range(400) for x, y in ((n * 12 - 300, -300), (n * 12 - 294, EXTENT + 300))]
    comb = Polygon([*teeth, (EXTENT + 900, EXTENT + 400), (-400, EXTENT + 400)])
    shapes = {
        "comb": comb,
        "tie": Polygon([(100, 100), (900, 900), (900, 100), (100, 900)]),
        "spike": Polygon([(1000, 1000), (1000.2, 60_000), (1000.4, 1000)]),
        "world": Polygon(box(-60_000, -60_000, 60_000, 60_000).exterior, [box(500, 500, 3500, 3500).exterior.coords]),
    }
    for name, outline in shapes.items():
        await owner.execute(
            "INSERT INTO layer.areas (id, geom) VALUES ($1, ST_GeomFromText($2, 4490))", name, in_degrees(tile, outline)
        )
    layer = (await read_catalog(owner))["areas"]
    text, values = tile_clause(Drawing(layer, OPERATOR, tile, 1000)).render()
    body = await owner.fetchval(text, *values)
    await owner.close()
    features = {
        f["properties"]["id"]: make_valid(shape(f["geometry"]))
        for f in mapbox_vector_tile.decode(body, default_options=DOWN)["areas"]["features"]
    }
    assert len(body) < 500_000
    assert {"comb", "tie", "world"} <= set(features)
    for outline in features.values():
        west, south, east, north = outline.bounds
        assert min(west, south) >= -BUFFER - 1
        assert max(east, north) <= EXTENT + BUFFER + 1
    assert features["world"].area == pytest.approx((EXTENT + 2 * BUFFER) ** 2 - 3000**2, rel=0.001)
    assert features["comb"].area == pytest.approx(make_valid(comb).intersection(CLIP).area, rel=0.05)
