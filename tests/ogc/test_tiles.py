"""Tilesets and tiles at their OGC addresses."""

from __future__ import annotations

import math

import mapbox_vector_tile
import pytest

from tiles.grids import GRIDS

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
