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

from layers.loaders.raster import Said, load_raster
from tests.conftest import _database
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
        url = started.enter_context(_database(cluster, template))

        def load(paths, name, **how):
            asyncio.run(load_raster(url, paths, name, folder / "rasters", **how))

        load(folder / "dem.tif", "dem", said=Said(1))
        load(folder / "dem.tif", "hidden", said=Said(4))
        load([folder / "dem.tif", folder / "later.tif"], "rain", said=Said(1, synthetic=True), time=TIMES)
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
        answer = maps.ask("collections/dem/map", f="tif", crs=crs, width=400)
        assert answer.status_code == 200, answer.text
        with MemoryFile(answer.content) as memory, memory.open() as file:
            way = Transformer.from_crs(4326, file.crs, always_xy=True)
            (value,) = next(file.sample([way.transform(lon, lat)], indexes=1))
        assert value == pytest.approx(100, abs=2), crs
    latlon = maps.ask("collections/dem/map", f="tif", crs="EPSG:4490", width=8)
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
    size = {"width": 32, "f": "tif"}
    shown = [picture(maps.ask("collections/rain/map", datetime=time, **size))[0, 16, 30] for time in TIMES]
    assert shown[0] > 150
    assert shown[1] == 100
    assert maps.ask("collections/rain/map", datetime="2020-01-01T00:00:00Z").status_code == 404


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
        ("dem/map", {"width": "9", "scale__denominator": "1000"}, 400),
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
    ],
)
def test_maps_that_cannot_be(maps, path, asked, status):
    answer = maps.ask(f"collections/{path}", **asked)
    assert answer.status_code == status, answer.text
    assert answer.json()["description"]
