"""The content of tiles: neighbouring areas stay adjacent, ids are those of the features, snapshots show changes.

The content of the city's tiles is stored as text in `snapshots/`. With `ONEMAP_TEST_RENEW_TILES=1` in the environment
the tests write it again, so that a review shows the change.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path

import anyio
import pytest
import shapely
from shapely.geometry import box, shape
from shapely.ops import unary_union
from shapely.strtree import STRtree

from layers.catalog import read_catalog
from layers.database.connection import connect
from tests.databases import temporary_database
from tests.readers import INSIDER
from tests.tiles.town_tiles import EXTENT, around, drawn, in_units, outlines
from tiles.address import TileAddress
from tiles.draw import draw
from tiles.vector import Drawing

pytestmark = pytest.mark.anyio
SNAPSHOTS = Path(__file__).with_name("snapshots")
SHOWN = 6  # features of each MVT layer, whole
TILES = [
    ("streets", 10),
    ("communities", 13),
    ("grids", 15),
    ("buildings", 15),
    ("roads", 12),
    ("roads", 15),
    ("waterways", 12),
    ("urban_villages", 13),
]


@pytest.fixture(scope="module")
def city_url(cluster, district_template):
    with temporary_database(cluster, district_template) as url:
        yield url


@pytest.fixture
async def city(city_url):
    connection = await connect(city_url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("layer_id", ["streets", "communities", "grids"])
@pytest.mark.parametrize("zoom", range(9, 17))
async def test_areas_that_meet_never_gap_or_overlap_by_more_than_a_unit(city, layer_id, zoom):
    tiles = around(zoom)
    seen = await outlines(city, layer_id, tiles)
    shapes = list(seen.values())
    for one, other in STRtree(shapes).query(shapes, predicate="intersects").T:
        if one < other:
            assert shapes[one].intersection(shapes[other]).buffer(-0.75).is_empty
    there = await ground(city, layer_id, tiles)
    gaps = there.buffer(-1.5).difference(unary_union(shapes).buffer(1))
    assert gaps.area < 1


async def ground(city, layer_id, tiles):
    """Return the stored areas of a layer within tiles."""
    rows = await city.fetch(f"SELECT ST_AsBinary(geom) AS shape FROM layer.{layer_id} WHERE data_grade <= 2")
    zoom = tiles[0].z
    whole = box(
        min(t.x for t in tiles) * EXTENT,
        min(t.y for t in tiles) * EXTENT,
        (max(t.x for t in tiles) + 1) * EXTENT,
        (max(t.y for t in tiles) + 1) * EXTENT,
    )
    stored = shapely.from_wkb([row["shape"] for row in rows])
    placed = shapely.transform(stored, lambda places: in_units(places, zoom))
    return unary_union(placed).intersection(whole)


@pytest.mark.parametrize("layer_id", ["streets", "urban_villages", "buildings", "waterways"])
async def test_ids_are_those_of_the_features_at_every_zoom(city, layer_id):
    known = {row["id"] for row in await city.fetch(f"SELECT id FROM layer.{layer_id}")}
    before = set()
    for zoom in (16, 14, 12):
        parents = {(t.x >> (16 - zoom), t.y >> (16 - zoom)) for t in around(16)}
        ids = set()
        for x, y in parents:
            tile = await drawn(city, layer_id, TileAddress(zoom, x, y))
            ids |= {f["properties"]["id"] for f in tile.get(layer_id, {"features": []})["features"]}
        assert ids <= known
        if layer_id == "streets":
            assert before <= ids  # what is shown near by is shown from afar, under the same name
        before = ids


async def test_a_field_comes_at_the_zoom_its_definition_says(city):
    fields = {}
    for zoom in (12, 14, 15):
        found = [(await drawn(city, "roads", tile))["roads"]["features"] for tile in around(zoom, 0)]
        fields[zoom] = {name for features in found for feature in features for name in feature["properties"]}
    assert "one_way" not in fields[12] | fields[14]
    assert "one_way" in fields[15]
    assert {"id", "road_class"} <= fields[12]


async def test_lines_that_say_the_same_are_one_from_afar(city):
    (tile,) = around(12, 0)
    merged = (await drawn(city, "roads", tile))["roads"]["features"]
    said = Counter(tuple(sorted((k, v) for k, v in f["properties"].items() if k != "id")) for f in merged)
    assert set(said.values()) == {1}
    rows = await city.fetchval(
        "SELECT sum(ST_Length(ST_Intersection(geom, ST_MakeEnvelope($1, $2, $3, $4, 4490))::geography))"
        " FROM layer.roads WHERE data_grade <= 2",
        *tile.box(),
    )
    metres = 40_075_016 / (EXTENT << 12) * 0.9197  # a unit at this latitude
    inside = box(0, 0, EXTENT, EXTENT)
    length = sum(shape(f["geometry"]).intersection(inside).length for f in merged) * metres
    assert length == pytest.approx(rows, rel=0.05)


@pytest.mark.parametrize(("layer_id", "zoom"), TILES)
async def test_tiles_are_what_they_were(city, layer_id, zoom):
    (tile,) = around(zoom, 0)
    text = "\n".join(described(await drawn(city, layer_id, tile)))
    path = SNAPSHOTS / f"{layer_id}-{zoom}.txt"
    if os.environ.get("ONEMAP_TEST_RENEW_TILES"):
        SNAPSHOTS.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text + "\n"


def described(tile):
    """Yield lines that describe a tile: a summary of each layer, and some of its features."""
    for name, layer in sorted(tile.items()):
        features = sorted(layer["features"], key=lambda f: f["properties"]["id"])
        points = sum(shapely.get_num_coordinates(shape(f["geometry"])) for f in features)
        yield f"{name}: {len(features)} features, {points} points"
        for key, count in sorted(Counter(key for f in features for key in f["properties"]).items()):
            yield f"  {key} in {count}"
        for feature in features[:: max(1, len(features) // SHOWN)][:SHOWN]:
            said = ", ".join(f"{k}={v}" for k, v in sorted(feature["properties"].items()))
            geometry = shape(feature["geometry"])
            corners = " ".join(f"{side:.0f}" for side in geometry.bounds)
            yield f"  {said}"
            yield f"    {geometry.geom_type} of {shapely.get_num_coordinates(geometry)} points in {corners}"


READ = """
import json, sys, pyogrio
meta, _, _, fields = pyogrio.raw.read(sys.argv[1], layer="streets", read_geometry=True)
print(json.dumps({"crs": meta["crs"], "ids": sorted(fields[list(meta["fields"]).index("id")].tolist())}))
"""


async def test_gdal_reads_a_tile(city, tmp_path):
    """GDAL derives the place of a tile from the names of its folders; QGIS and others use GDAL."""
    (tile,) = around(11, 0)
    layer = (await read_catalog(city))["streets"]
    content = (await draw(city, Drawing(layer, INSIDER, tile, 1000))).content
    file = tmp_path / str(tile.z) / str(tile.x) / f"{tile.y}.pbf"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    command = [sys.executable, "-c", READ, file]
    done = await anyio.run_process(command, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert "3857" in told["crs"]
    inside = box(0, 0, EXTENT, EXTENT)  # beyond it, GDAL cuts off
    features = (await drawn(city, "streets", tile))["streets"]["features"]
    assert set(told["ids"]) == {f["properties"]["id"] for f in features if shape(f["geometry"]).intersects(inside)}
