"""Contours: at the distances of the ground, and continuous across the edges of tiles."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import httpx
import mapbox_vector_tile
import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer
from rasterio.transform import from_origin

from layers.loaders.raster import RasterOptions, load_raster
from server.settings import load_settings
from tests.databases import temporary_database
from tests.running_app import running_app
from tiles.cells import cell_of

WEST, NORTH, SIDE, PIXEL_M, ZOOM = 434_000.0, 2_560_000.0, 200, 10.0, 15
TO_DEGREES = Transformer.from_crs(4547, 4326, always_xy=True)
TO_METRES = Transformer.from_crs(4326, 4547, always_xy=True)


@pytest.fixture(scope="module")
def client(cluster, template, tmp_path_factory):
    """A cone, 0.1 m lower each metre from its top."""
    home = tmp_path_factory.mktemp("home")
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    away_m = np.hypot(columns + 0.5 - SIDE / 2, rows + 0.5 - SIDE / 2) * PIXEL_M
    options = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "float32"}
    there = {"crs": "EPSG:4547", "transform": from_origin(WEST, NORTH, PIXEL_M, PIXEL_M)}
    with rasterio.open(home / "cone.tif", "w", **options, **there) as file:
        file.write((100 - away_m / 10).astype(np.float32), 1)
    with ExitStack() as started:
        url = started.enter_context(temporary_database(cluster, template))
        asyncio.run(load_raster(url, home / "cone.tif", "cone", home / "rasters", options=RasterOptions(1)))
        address = started.enter_context(running_app(load_settings(home=home, database={"url": url})))
        yield started.enter_context(httpx.Client(base_url=address, timeout=60))


def corner():
    """West, south, east, north of a box around the top, in degrees."""
    (west, south), (east, north) = (TO_DEGREES.transform(WEST + 1000 + d, NORTH - 1000 + d) for d in (-700, 700))
    return f"{west},{south},{east},{north}"


def test_lines_lie_where_the_heights_are(client):
    answer = client.get("/raster/cone/contours", params={"bbox": corner(), "interval_m": 10}).json()
    assert {f["properties"]["value"] for f in answer["features"]} == {10, 20, 30, 40, 50, 60, 70, 80, 90}
    assert {f["properties"]["value"] for f in answer["features"] if f["properties"]["index"]} == {50}
    for feature in answer["features"]:
        x, y = TO_METRES.transform(*np.array(feature["geometry"]["coordinates"]).T)
        away_m = np.hypot(x - WEST - 1000, y - NORTH + 1000)
        assert away_m == pytest.approx((100 - feature["properties"]["value"]) * 10, abs=PIXEL_M)


def test_lines_go_on_in_the_next_tile(client):
    x, y = cell_of(*TO_DEGREES.transform(WEST + 1000, NORTH - 1000), ZOOM)
    crossings = []
    for column, edge in ((x, 4096), (x + 1, 0)):
        answer = client.get(f"/raster/cone/contours/{ZOOM}/{column}/{y}.mvt", params={"interval_m": 5})
        assert answer.status_code == 200
        layer = mapbox_vector_tile.decode(answer.content)["contours"]
        assert {"value", "index"} == set(layer["features"][0]["properties"])
        border = shapely.LineString([(edge, 0), (edge, 4096)])
        crossings.append(
            sorted(
                (feature["properties"]["value"], round(point.y))
                for feature in layer["features"]
                for point in shapely.get_parts(shapely.geometry.shape(feature["geometry"]).intersection(border))
                if point.geom_type == "Point"
            )
        )
    left, right = crossings
    assert len(left) > 3
    assert [value for value, _ in left] == [value for value, _ in right]
    assert [at for _, at in left] == pytest.approx([at for _, at in right], abs=3)
    again = client.get(f"/raster/cone/contours/{ZOOM}/{x}/{y}.mvt?interval_m=5", headers={"Accept-Encoding": "gzip"})
    assert client.get(again.url, headers={"If-None-Match": again.headers["etag"]}).status_code == 304


def test_contours_are_described(client):
    described = client.get("/raster/cone/contours.json", params={"interval_m": 5}).json()
    assert described["tiles"][0].endswith("/raster/cone/contours/{z}/{x}/{y}.mvt?interval_m=5")
    assert described["vector_layers"][0]["id"] == "contours"
    assert client.get("/raster/cone/contours/3/0/0.mvt").status_code == 204


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"contours?bbox={corner()}&interval_m=0.1", 413),
        (f"contours?bbox={corner()}&interval_m=0", 400),
        (f"contours?bbox={corner()}&interval_m=x", 400),
        ("contours?bbox=1,2,3", 400),
        ("contours?bbox=113,23,113,23", 400),
        ("contours/3/0/0.mvt?interval_m=-1", 400),
        ("contours/3/0/0.mvt?nosuch=1", 400),
        ("contours/3/0/0.png", 404),
        ("contours/3/9/0.mvt", 404),
        ("contours.json?interval_m=nan", 400),
    ],
)
def test_contours_that_cannot_be(client, path, status):
    answer = client.get(f"/raster/cone/{path}")
    assert answer.status_code == status, answer.text


def test_far_away_there_are_none(client):
    assert client.get("/raster/cone/contours", params={"bbox": "10,10,11,11"}).json()["features"] == []
