"""Tilesets and tiles at their OGC addresses."""

from __future__ import annotations

import math

import mapbox_vector_tile
import pytest

from tiles.grids import GRIDS, _degrees

OGC = "http://www.opengis.net/spec"
ZOOM = 14


def tile_of(longitude, latitude):
    """Return column and row of the tile that holds a place."""
    count = 1 << ZOOM
    north = math.asinh(math.tan(math.radians(latitude)))
    return int((longitude + 180) / 360 * count), int((1 - north / math.pi) / 2 * count)


@pytest.mark.requirement(f"{OGC}/ogcapi-tiles-1/1.0/conf/core")
@pytest.mark.requirement(f"{OGC}/ogcapi-tiles-1/1.0/conf/mvt")
def test_a_tile_is_the_same_at_both_addresses(service):
    column, row = tile_of(113.305, 23.1)
    ogc = service.ask(f"collections/points/tiles/WebMercatorQuad/{ZOOM}/{row}/{column}")
    xyz = service.ask(f"/tiles/points/{ZOOM}/{column}/{row}.mvt")
    assert ogc.status_code == xyz.status_code == 200
    assert ogc.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert ogc.content == xyz.content
    assert mapbox_vector_tile.decode(ogc.content)["points"]["features"]


def test_a_tile_that_is_not_there(service):
    assert service.ask("collections/points/tiles/WebMercatorQuad/3/99/0").status_code == 404
    assert service.ask("collections/hidden/tiles/WebMercatorQuad/0/0/0").status_code == 404
    assert service.ask("collections/points/tiles/WebMercatorQuad/a/0/0").status_code in {400, 404}
    assert service.ask("collections/plain_list/tiles").status_code == 404


@pytest.mark.requirement(f"{OGC}/ogcapi-tiles-1/1.0/conf/tileset")
@pytest.mark.requirement(f"{OGC}/ogcapi-tiles-1/1.0/conf/tilesets-list")
@pytest.mark.requirement(f"{OGC}/ogcapi-tiles-1/1.0/conf/geodata-tilesets")
def test_a_collection_leads_to_its_tiles(service):
    links = service.json("collections/points")["links"]
    tilesets = service.json(next(link["href"] for link in links if link["rel"].endswith("/tilesets-vector")))
    listed = tilesets["tilesets"][0]
    assert listed["dataType"] == "vector"
    tileset = service.json(next(link["href"] for link in listed["links"] if link["rel"] == "self"))
    assert tileset["tileMatrixSetURI"].endswith("/WebMercatorQuad")
    template = next(link["href"] for link in tileset["links"] if link["rel"] == "item")
    column, row = tile_of(113.305, 23.1)
    address = template.format(tileMatrix=ZOOM, tileRow=row, tileCol=column)
    assert service.ask(address).status_code == 200
    scheme = service.json(next(link["href"] for link in tileset["links"] if link["rel"].endswith("/tiling-scheme")))
    assert scheme["id"] == "WebMercatorQuad"
    sets = service.json("TileMatrixSets")["tileMatrixSets"]
    assert [one["id"] for one in sets] == ["WebMercatorQuad", "WorldCRS84Quad", "CGCS2000Quad"]
    assert [service.json(one["links"][0]["href"])["id"] for one in sets] == [one["id"] for one in sets]


@pytest.mark.requirement(f"{OGC}/ogcapi-tiles-1/1.0/conf/tileset")
@pytest.mark.parametrize("path", ["collections/points/tiles", "collections/areas/tiles", "collections/areas/map/tiles",
                                  "tiles", "map/tiles", "styles/dark/map/tiles"])  # fmt: skip
def test_a_tileset_tells_where_its_tiles_are(service, path):
    """A tileset states its box with its system, since clients take a box without one to be in that of the tiles."""
    for tileset in service.json(path)["tilesets"]:
        box, grid = tileset["boundingBox"], GRIDS[tileset["tileMatrixSetId"]]
        assert box["crs"].endswith("/OGC/1.3/CRS84" if grid.in_degrees else "/EPSG/0/3857")
        corners = [tuple(box[corner]) for corner in ("lowerLeft", "upperRight")]
        (west, south), (east, north) = corners if grid.in_degrees else map(_degrees, corners)
        assert 113 < west < east < 114
        assert 23 < south < north < 24
        limits = tileset["tileMatrixSetLimits"]
        levels = [int(one["tileMatrix"]) for one in limits]
        assert levels == list(range(levels[0], levels[-1] + 1))
        assert levels[-1] <= grid.deepest
        for one in limits:
            z = int(one["tileMatrix"])
            left, _, _, top = grid.stored_box(z, one["minTileCol"], one["minTileRow"])
            _, bottom, right, _ = grid.stored_box(z, one["maxTileCol"], one["maxTileRow"])
            wide = right - left, top - bottom
            assert left <= west < east <= right
            assert bottom <= south < north <= top
            side = grid.tile_deg(z)
            assert wide[0] < east - west + 2 * side + 1e-9
        for part in tileset.get("layers", []):
            assert levels[0] <= int(part["minTileMatrix"]) <= int(part["maxTileMatrix"]) <= levels[-1]


def test_a_tileset_names_every_layer_of_its_tiles_and_every_property(service):
    column, row = tile_of(113.305, 23.1)
    for path in ("collections/areas/tiles", "tiles"):
        tileset = service.json(path)["tilesets"][0]
        named = {part["id"]: part["propertiesSchema"]["properties"].keys() for part in tileset["layers"]}
        template = next(link["href"] for link in tileset["links"] if link["rel"] == "item")
        for zoom in (ZOOM, 16, 17):
            scale = 2 ** (zoom - ZOOM)
            tile = service.ask(template.format(tileMatrix=zoom, tileRow=int(row * scale), tileCol=int(column * scale)))
            for name, layer in (mapbox_vector_tile.decode(tile.content) if tile.content else {}).items():
                assert {key for one in layer["features"] for key in one["properties"]} <= named[name]


def test_a_vector_tile_is_asked_for_by_name_too(service):
    column, row = tile_of(113.305, 23.1)
    path = f"collections/points/tiles/WebMercatorQuad/{ZOOM}/{row}/{column}"
    plain = service.ask(path)
    assert service.ask(path, f="mvt").content == plain.content
    assert service.ask(path, f="application/vnd.mapbox-vector-tile").content == plain.content
    refused = service.ask(path, f="png")
    assert refused.status_code == 400
    assert "mvt" in refused.json()["description"]


def test_a_tile_of_the_dataset_holds_the_layers_that_are_named(service):
    column, row = tile_of(113.305, 23.1)
    path = f"tiles/WebMercatorQuad/{ZOOM}/{row}/{column}"
    xyz = service.ask(f"/tiles/points,areas/{ZOOM}/{column}/{row}.mvt")
    assert service.ask(path, collections="points,areas").content == xyz.content
    whole = mapbox_vector_tile.decode(service.ask(path).content)
    assert {"points", "areas"} <= whole.keys()
    assert "hidden" not in whole
    few = mapbox_vector_tile.decode(service.ask(path, collections="points", filter="id = 'r0001'").content)
    assert [one["properties"]["id"] for one in few["points"]["features"]] == ["r0001"]


@pytest.mark.parametrize(("name", "levels", "scale"), [("WebMercatorQuad", 25, 559082264.028717), ("WorldCRS84Quad", 24, 279541132.014358)])  # fmt: skip  # noqa: E501  # OGC's registry
def test_a_registered_set_has_all_its_levels(service, name, levels, scale):
    matrices = service.json(f"TileMatrixSets/{name}")["tileMatrices"]
    assert [int(one["id"]) for one in matrices] == list(range(levels))
    for z, one in enumerate(matrices):
        assert one["scaleDenominator"] == pytest.approx(scale / 2**z, rel=1e-9)
    assert service.ask(f"collections/points/tiles/{name}/{levels - 1}/0/0").status_code == 204
    assert service.ask(f"collections/points/tiles/{name}/{levels}/0/0").status_code == 404


def test_a_set_of_our_own_says_so(service):
    document = service.json("TileMatrixSets/CGCS2000Quad", lang="en")
    assert "uri" not in document
    assert "not in OGC's registry" in document["title"]


@pytest.mark.requirement(f"{OGC}/ogcapi-tiles-1/1.0/conf/png")
@pytest.mark.requirement(f"{OGC}/ogcapi-tiles-1/1.0/conf/jpeg")
@pytest.mark.requirement(f"{OGC}/ogcapi-tiles-1/1.0/conf/tiff")
def test_map_tiles_come_as_pictures(service):
    column, row = tile_of(113.305, 23.1)
    path = f"collections/points/map/tiles/WebMercatorQuad/{ZOOM}/{row}/{column}"
    for kind in ("image/png", "image/jpeg", "image/tiff"):
        assert service.ask(path, headers={"accept": kind}).headers["content-type"].startswith(kind)


def degrees(grid, z, x, y, feature):
    """Return longitude and latitude of a decoded point of a tile."""
    west, south, east, north = grid.bounds(z, x, y)
    right, down = feature["geometry"]["coordinates"]
    easting, northing = west + right / 4096 * (east - west), north - down / 4096 * (north - south)
    if grid.in_degrees:
        return easting, northing
    radius = 6_378_137
    return math.degrees(easting / radius), math.degrees(math.atan(math.sinh(northing / radius)))


def test_a_place_is_the_same_in_every_set(service):
    places = {}
    for grid in GRIDS.values():
        if grid.in_degrees:
            side = grid.tile_deg(ZOOM)
            column, row = int((113.305 + 180) / side), int((90 - 23.1) / side)
        else:
            column, row = tile_of(113.305, 23.1)
        tile = service.ask(f"collections/points/tiles/{grid.id}/{ZOOM}/{row}/{column}")
        assert tile.status_code == 200
        decoded = mapbox_vector_tile.decode(tile.content, default_options={"y_coord_down": True})
        for feature in decoded["points"]["features"]:
            place = degrees(grid, ZOOM, column, row, feature)
            places.setdefault(feature["properties"]["id"], []).append(place)
    common = [found for found in places.values() if len(found) == len(GRIDS)]
    assert common
    for (lon, lat), *others in common:
        for other in others:
            assert other == pytest.approx((lon, lat), abs=1e-5)
