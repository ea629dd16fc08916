"""Maps and map tiles of rasters at their OGC addresses."""

from __future__ import annotations

import asyncio
import math
import shutil
import warnings
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

from layers.loaders.raster import RasterOptions, load_raster
from tests.databases import temporary_database
from tests.ogc.service import Service

OGC = "http://www.opengis.net/spec"
WEST, NORTH, SIDE, PIXEL_M = 434_000.0, 2_560_000.0, 200, 10.0
MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
GAUSS = "http://www.opengis.net/def/crs/EPSG/0/4547"
TIMES = ["2026-06-08T10:00:00+08:00", "2026-06-08T10:05:00+08:00"]
TO_DEGREES = Transformer.from_crs(4547, 4326, always_xy=True)


@pytest.fixture(scope="module")
def maps(cluster, template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    values = np.tile(np.arange(SIDE, dtype=np.float32), (SIDE, 1))
    values[:, :20] = -9999
    options = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "float32", "nodata": -9999}
    there = {"crs": "EPSG:4547", "transform": from_origin(WEST, NORTH, PIXEL_M, PIXEL_M)}
    for name, shown in (("dem", values), ("later", values * 0 + 100)):
        with rasterio.open(folder / f"{name}.tif", "w", **options, **there) as file:
            file.write(shown, 1)
    with ExitStack() as started:
        url = started.enter_context(temporary_database(cluster, template))

        def load(paths, name, **how):
            asyncio.run(load_raster(url, paths, name, folder / "rasters", **how))

        load(folder / "dem.tif", "dem", options=RasterOptions(1))
        load(folder / "dem.tif", "hidden", options=RasterOptions(4))
        load([folder / "dem.tif", folder / "later.tif"], "rain", options=RasterOptions(1, synthetic=True), time=TIMES)
        service = Service(url)
        started.callback(service.close)
        shutil.copytree(folder / "rasters", Path(service._home.name) / "rasters")
        yield service


def picture(answer):
    """Bands of a picture, [band, row, column]."""
    assert answer.status_code == 200, answer.text
    with warnings.catch_warnings(action="ignore"), MemoryFile(answer.content) as memory, memory.open() as file:
        return file.read().astype(int)


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/core")
@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/collection-map")
@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/png")
def test_a_raster_is_a_collection_that_leads_to_its_map(maps):
    assert [one["id"] for one in maps.json("collections")["collections"]] == ["dem", "rain"]
    document = maps.json("collections/dem")
    assert document["storageCrs"] == GAUSS
    link = next(link for link in document["links"] if link["rel"].endswith("/map"))
    answer = maps.ask(link["href"])
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-crs"] == f"<{GAUSS}>"
    bands = picture(answer)
    assert bands.shape[0] in {2, 4}
    assert max(bands.shape[1:]) == 1024
    assert 0 < (bands[-1] > 0).mean() < 1
    assert maps.json("collections/rain")["extent"]["temporal"]["interval"] == [
        ["2026-06-08T02:00:00Z", "2026-06-08T02:05:00Z"]
    ]


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/crs")
@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/tiff")
def test_a_map_is_the_file_in_every_system(maps):
    lon, lat = TO_DEGREES.transform(WEST + 1_005, NORTH - 1_005)
    for crs in ("EPSG:4547", "EPSG:3857", "EPSG:4490", "EPSG:4526", "OGC:CRS84", MERCATOR):
        answer = maps.ask("collections/dem/map", f="values", crs=crs, width=400)
        assert answer.status_code == 200, answer.text
        with MemoryFile(answer.content) as memory, memory.open() as file:
            way = Transformer.from_crs(4326, file.crs, always_xy=True)
            (value,) = next(file.sample([way.transform(lon, lat)], indexes=1))
        assert value == pytest.approx(100, abs=2), crs
    latlon = maps.ask("collections/dem/map", f="values", crs="EPSG:4490", width=8)
    south, west, north, east = map(float, latlon.headers["content-bbox"].split(","))
    assert 23 < south < north < 24
    assert 113 < west < east < 114


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/scaling")
def test_a_map_is_as_large_as_asked_for(maps):
    box = f"{WEST},{NORTH - 1000},{WEST + 2000},{NORTH}"
    for asked, shape in (
        ({"width": 300, "height": 200}, (200, 300)),
        ({"width": 300}, (150, 300)),
        ({"height": 50}, (50, 100)),
        ({"scale-denominator": 10_000 / 0.28}, (100, 200)),
    ):
        named = {name.replace("-", "__"): value for name, value in asked.items()}
        answer = maps.ask("collections/dem/map", bbox=_turned(box), bbox__crs=GAUSS, crs=GAUSS, **named)
        assert picture(answer).shape[1:] == shape, asked


def _turned(box):
    """Write a box with north first, as the system's axes are."""
    west, south, east, north = box.split(",")
    return f"{south},{west},{north},{east}"


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/jpeg")
def test_what_is_nothing_is_transparent_or_the_ground(maps):
    size = {"width": 64, "height": 64, "rescale": "0,200"}
    assert (picture(maps.ask("collections/dem/map", **size))[-1, :, :4] == 0).all()
    blue = picture(maps.ask("collections/dem/map", bgcolor="0000FF", **size))
    assert blue.shape[0] == 3
    assert blue[:, 32, 1].tolist() == [0, 0, 255]
    white = picture(maps.ask("collections/dem/map", f="jpg", **size))
    assert (white[:, 32, 1] > 250).all()
    beside = picture(maps.ask("collections/dem/map", bbox="10,10,11,11", transparent="false", **size))
    assert (beside == 255).all()


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/datetime")
def test_a_map_shows_a_moment(maps):
    size = {"width": 32, "f": "values"}
    shown = [picture(maps.ask("collections/rain/map", datetime=time, **size))[0, 16, 30] for time in TIMES]
    assert shown[0] > 150
    assert shown[1] == 100
    assert maps.ask("collections/rain/map", datetime="2020-01-01T00:00:00Z").status_code == 404


FIRST, SECOND = "2026-06-08T02:00:00Z", "2026-06-08T02:05:00Z"


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/datetime")
@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({}, SECOND),
        ({"datetime": FIRST}, FIRST),
        ({"datetime": f"{FIRST}/2026-06-08T02:04:00Z"}, FIRST),
        ({"datetime": f"{FIRST}/{SECOND}"}, SECOND),
        ({"datetime": f"{SECOND}/.."}, SECOND),
        ({"datetime": "../2026-06-08T02:03:00Z"}, FIRST),
        ({"datetime": "../.."}, SECOND),
        ({"subset": f'time("{FIRST}")'}, FIRST),
        ({"subset": f'time("{FIRST}":"2026-06-08T02:01:00Z")'}, FIRST),
        ({"subset": f'time("{FIRST}":*)'}, SECOND),
    ],
)
def test_the_newest_frame_of_an_interval_is_shown_and_told(maps, asked, shown):
    answer = maps.ask("collections/rain/map", width=16, **asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-datetime"] == shown
    if "datetime" in asked:
        lon, lat = TO_DEGREES.transform(WEST + 1_000, NORTH - 1_000)
        column = int((lon + 180) / 360 * (1 << 14))
        row = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * (1 << 14))
        tile = f"collections/rain/map/tiles/WebMercatorQuad/14/{row}/{column}"
        assert maps.ask(tile, **asked).content == maps.ask(tile, datetime=shown).content


def test_where_nothing_is_nothing_is_sent(maps):
    """No earlier content of the memory is sent, not even below full transparency."""
    answer = maps.ask("collections/dem/map", bbox="10,10,11,11", width=64)
    assert not picture(answer).any()


def test_a_raster_without_times_tells_none(maps):
    assert "content-datetime" not in maps.ask("collections/dem/map", width=16).headers


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/tiff")
def test_a_tiff_is_a_picture_that_lies_where_it_belongs(maps):
    for path, asked in (("map", {"width": 40}), ("map/tiles/WebMercatorQuad/10/444/834", {})):
        png = picture(maps.ask(f"collections/dem/{path}", f="png", **asked))
        for f in ("tif", "tiff"):
            answer = maps.ask(f"collections/dem/{path}", f=f, **asked)
            assert answer.headers["content-type"] == "image/tiff; application=geotiff"
            with MemoryFile(answer.content) as memory, memory.open() as file:
                assert file.dtypes == ("uint8",) * 4
                assert [one.name for one in file.colorinterp] == ["red", "green", "blue", "alpha"]
                assert file.crs is not None
                bands = file.read()
            assert (bands[3] == png[-1]).all()
            assert (bands[:3] == png[:-1]).all()


def test_values_say_what_is_nothing(maps):
    answer = maps.ask("collections/dem/map", f="values", width=40)
    with MemoryFile(answer.content) as memory, memory.open() as file:
        assert file.count == 1
        assert np.isnan(file.nodata)
        values = file.read(1, masked=True)
    assert 0 < values.mask.mean() < 1
    assert 0 <= values.min() < values.max() <= SIDE


@pytest.mark.parametrize("path", ["map", "map/tiles/WebMercatorQuad/10/444/834"])
@pytest.mark.parametrize(
    ("accept", "sent"),
    [
        ("image/jpeg", "image/jpeg"),
        ("image/webp", "image/webp"),
        ("image/tiff", "image/tiff; application=geotiff"),
        ("image/png;q=0.5, image/jpeg", "image/jpeg"),
        ("text/html, image/*;q=0.8", "image/png"),
        ("*/*", "image/png"),
        ("application/json", "image/png"),
    ],
)
def test_what_is_accepted_is_sent(maps, path, accept, sent):
    answer = maps.ask(f"collections/dem/{path}", headers={"accept": accept})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == sent
    assert "Accept" in answer.headers["vary"].split(", ")
    assert (
        maps.ask(f"collections/dem/{path}?f=webp", headers={"accept": accept}).headers["content-type"] == "image/webp"
    )


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/spatial-subsetting")
def test_a_place_is_said_in_several_ways(maps):
    west, south, east, north = 113.357, 23.125, 113.367, 23.135
    size = {"width": 60, "crs": "OGC:CRS84"}
    box = maps.ask("collections/dem/map", bbox=f"{west},{south},{east},{north}", **size)
    same = [
        {"subset": f"Lat({south}:{north}),Lon({west}:{east})"},
        {"subset": f"Lon({west}:{east}),Lat({south}:{north})", "subset-crs": "[OGC:CRS84]"},
        {"subset": f"Lat({south}:{north}),Lon({west}:{east})", "subset-crs": "EPSG:4490"},
        {"center": f"{(west + east) / 2},{(south + north) / 2}", "height": 60, "scale-denominator":
            (east - west) / 60 * 111_319.49079327358 / 0.28e-3},
    ]  # fmt: skip
    for asked in same:
        named = {name.replace("-", "__"): value for name, value in asked.items()}
        answer = maps.ask("collections/dem/map", **named, **size)
        assert answer.status_code == 200, answer.text
        assert [float(one) for one in answer.headers["content-bbox"].split(",")] == pytest.approx(
            [float(one) for one in box.headers["content-bbox"].split(",")], abs=1e-7, rel=0
        )
        assert (picture(answer) == picture(box)).mean() > 0.99, asked
    twice = maps.ask(f"collections/dem/map?subset=Lat({south}:{north})&subset=Lon({west}:{east})", **size)
    assert twice.content == maps.ask("collections/dem/map", subset=same[0]["subset"], **size).content
    assert maps.ask("collections/dem/map", subset="Lon(170:-170)", width=9).status_code in {200, 400}
    assert maps.ask("collections/dem/map", subset="Lon(170:-170)", crs="OGC:CRS84", width=9).status_code == 200


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/tilesets")
@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/scaling")
def test_a_map_tile_is_as_large_as_asked_for(maps):
    tile = "collections/dem/map/tiles/WebMercatorQuad/10/444/834"
    for asked, shape in (
        ({"width": 512}, (512, 512)),
        ({"height": 300}, (300, 300)),
        ({"width": 128, "height": 64}, (64, 128)),
        ({}, (256, 256)),
    ):
        assert picture(maps.ask(tile, **asked)).shape[1:] == shape
    blue = picture(maps.ask(tile, bgcolor="0000FF"))
    assert blue.shape[0] == 3


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/collection-map")
def test_a_collection_tells_its_extent_in_its_own_system(maps):
    document = maps.json("collections/dem")
    assert document["itemType"] == "coverage"
    ((south, west, north, east),) = document["extent"]["spatial"]["storageCrsBbox"]
    whole = (NORTH - SIDE * PIXEL_M, WEST, NORTH, WEST + SIDE * PIXEL_M)  # of which the box in degrees is a little more
    assert (south, west, north, east) == pytest.approx(whole, abs=20, rel=0)
    kinds = {link["type"] for link in document["links"] if link["rel"].endswith("/map")}
    assert kinds == {"image/png", "image/jpeg", "image/webp", "image/tiff; application=geotiff"}
    for link in document["links"]:
        if link["rel"].endswith("/map"):
            assert maps.ask(link["href"]).headers["content-type"] == link["type"]


@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/tilesets")
def test_map_tiles_are_those_of_the_map(maps):
    link = next(one for one in maps.json("collections/dem")["links"] if one["rel"].endswith("/tilesets-map"))
    tilesets = maps.json(link["href"])["tilesets"]
    assert [one["tileMatrixSetId"] for one in tilesets] == ["WebMercatorQuad", "WorldCRS84Quad", "CGCS2000Quad"]
    lon, lat = TO_DEGREES.transform(WEST + 1_000, NORTH - 1_000)
    for one in tilesets:
        assert maps.json(next(link["href"] for link in one["links"] if link["rel"] == "self")) == one
        template = next(link["href"] for link in one["links"] if link["rel"] == "item")
        if one["tileMatrixSetId"] == "WebMercatorQuad":
            column = int((lon + 180) / 360 * (1 << 14))
            row = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * (1 << 14))
            xyz = maps.ask(f"/raster/dem/14/{column}/{row}.png")
        else:
            column, row = int((lon + 180) / 180 * (1 << 14)), int((90 - lat) / 180 * (1 << 14))
            xyz = None
        answer = maps.ask(template.format(tileMatrix=14, tileRow=row, tileCol=column))
        assert (picture(answer)[-1] > 0).any()
        assert xyz is None or xyz.content == answer.content


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("dem/map", {"width": "5000", "height": "5000"}, 413),
        ("dem/map", {"width": "0"}, 400),
        ("dem/map", {"width": "x"}, 400),
        ("dem/map", {"height": "9999999"}, 400),
        ("dem/map", {"scale__denominator": "1"}, 413),
        ("dem/map", {"scale__denominator": "nan"}, 400),
        ("dem/map", {"width": "9", "scale__denominator": "1000", "bbox": "113,23,114,24"}, 400),
        ("dem/map", {"center": "113.3", "width": "9"}, 400),
        ("dem/map", {"center": "113.3,23.1", "bbox": "113,23,114,24"}, 400),
        ("dem/map", {"subset": "Lat(23:24)", "bbox": "113,23,114,24"}, 400),
        ("dem/map", {"subset": "Lat(23:24),Lat(23:24)"}, 400),
        ("dem/map", {"subset": "Height(1:2)"}, 400),
        ("dem/map", {"subset": "Lat(a:b)"}, 400),
        ("dem/map", {"subset": "Lat(200:300)"}, 404),
        ("dem/map", {"subset": 'time("x")'}, 400),
        ("dem/map", {"subset": 'time("2026-06-08T10:00:00Z")', "datetime": "2026-06-08T10:00:00Z"}, 400),
        ("dem/map", {"datetime": "2026-06-09T10:00:00Z/2026-06-08T10:00:00Z"}, 400),
        ("rain/map", {"datetime": "2026-06-08T11:00:00Z/.."}, 404),
        ("dem/styles/light/map", {}, 404),
        ("dem/map/tiles/WebMercatorQuad/3/3/6", {"width": "9999"}, 400),
        ("dem/map/tiles/WebMercatorQuad/3/3/6", {"f": "gif"}, 400),
        ("dem/map", {"bbox": "1,2,3"}, 400),
        ("dem/map", {"bbox": "113,23,113,23"}, 400),
        ("dem/map", {"bbox": "a,b,c,d"}, 400),
        ("dem/map", {"crs": "EPSG:9999"}, 400),
        ("dem/map", {"f": "gif"}, 400),
        ("dem/map", {"bgcolor": "red"}, 400),
        ("dem/map", {"transparent": "maybe"}, 400),
        ("dem/map", {"nosuch": "1"}, 400),
        ("dem/map", {"colormap": "nosuch"}, 400),
        ("nosuch/map", {}, 404),
        ("hidden/map", {}, 404),
        ("hidden", {}, 404),
        ("hidden/map/tiles", {}, 404),
        ("hidden/map/tiles/WebMercatorQuad/3/3/6", {}, 404),
        ("dem/map/tiles/nosuch/3/3/6", {}, 404),
        ("dem/map/tiles/WebMercatorQuad/3/99/6", {}, 404),
        ("dem/items", {}, 404),
        ("nosuch", {}, 404),
    ],
)
def test_maps_that_cannot_be(maps, path, asked, status):
    answer = maps.ask(f"collections/{path}", **asked)
    assert answer.status_code == status, answer.text
    assert answer.json()["description"]
