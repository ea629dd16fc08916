"""Rasters: images and values equal the file, with numpy and rasterio as oracles."""

from __future__ import annotations

import asyncio
import io
import math
import warnings
from contextlib import ExitStack

import httpx
import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyproj import Transformer
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

from layers.errors import BadInput
from layers.loaders.raster import RasterOptions, load_raster
from server.settings import load_settings
from tests.databases import temporary_database
from tests.running_app import running_app
from tiles.cells import cell_of
from tiles.raster.relief import gradient, hillshade, slope_deg, terrain_rgb
from tiles.raster.style import read_style

WEST, NORTH = 434_000.0, 2_560_000.0  # EPSG:4547, within the district
SIDE = 400
PIXEL_M = 10.0
ZOOM = 14
TO_DEGREES = Transformer.from_crs(4547, 4326, always_xy=True)


def heights():
    """A plane that rises 1 m in 10 to the east, with an empty edge in the west."""
    plane = np.tile(np.arange(SIDE, dtype=np.float32), (SIDE, 1))
    plane[:, :20] = -9999
    return plane


@pytest.fixture(scope="module")
def dem(tmp_path_factory):
    path = tmp_path_factory.mktemp("dem") / "dem.tif"
    options = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "float32", "nodata": -9999}
    with rasterio.open(
        path, "w", **options, crs="EPSG:4547", transform=from_origin(WEST, NORTH, PIXEL_M, PIXEL_M)
    ) as file:
        file.write(heights(), 1)
    return path


@pytest.fixture(scope="module")
def client(cluster, template, tmp_path_factory, dem):
    home = tmp_path_factory.mktemp("home")
    with ExitStack() as started:
        url = started.enter_context(temporary_database(cluster, template))
        asyncio.run(load_raster(url, dem, "dem", home / "rasters", options=RasterOptions(1)))
        asyncio.run(load_raster(url, dem, "hidden", home / "rasters", options=RasterOptions(4)))
        address = started.enter_context(running_app(load_settings(home=home, database={"url": url})))
        client = started.enter_context(httpx.Client(base_url=address, timeout=60))
        client.home = home
        yield client


def place(x, y):
    """Longitude and latitude of a pixel's centre."""
    return TO_DEGREES.transform(WEST + (x + 0.5) * PIXEL_M, NORTH - (y + 0.5) * PIXEL_M)


def picture(content):
    """Bands of an image, [band, row, column]."""
    with warnings.catch_warnings(action="ignore"), MemoryFile(content) as memory, memory.open() as file:
        return file.read().astype(int)


def tile(x=200, y=200, zoom=ZOOM):
    return "{}/{}/{}".format(zoom, *cell_of(*place(x, y), zoom))


def test_the_value_at_a_place_is_that_of_the_file(client):
    for x, y in ((20, 0), (200, 200), (399, 399)):
        lon, lat = place(x, y)
        answer = client.get("/raster/dem/point", params={"lon": lon, "lat": lat}).json()
        assert answer["values"] == [x]
        assert "vertical_datum" in answer
    lon, lat = place(5, 200)
    assert client.get("/raster/dem/point", params={"lon": lon, "lat": lat}).json()["values"] == [None]
    assert client.get("/raster/dem/point", params={"lon": 113.0, "lat": 24.0}).status_code == 404
    assert client.get("/raster/dem/point", params={"lon": 999, "lat": 24.0}).status_code == 400


def test_values_of_a_tile_are_the_file_warped(client):
    answer = client.get(f"/raster/dem/{tile()}.npy")
    assert answer.status_code == 200
    (values,) = np.load(io.BytesIO(answer.content))
    assert values.shape == (256, 256)
    there = np.isfinite(values)
    assert there.any()
    assert 20 <= values[there].min() < values[there].max() <= 399
    along = values[128][there[128]]
    assert (np.diff(along) >= -1e-6).all()


@pytest.mark.parametrize("form", ["png", "webp", "jpg"])
def test_pictures_are_pictures(client, form):
    answer = client.get(f"/raster/dem/{tile()}.{form}", params={"colormap": "terrain", "rescale": "0,400"})
    assert answer.status_code == 200
    bands = picture(answer.content)
    assert bands.shape[1:] == (256, 256)
    assert bands.shape[0] in {3, 4}
    assert len(np.unique(bands[:3].reshape(3, -1), axis=1).T) > 5


def test_terrain_rgb_can_be_read_back(client):
    answer = client.get(f"/raster/dem/{tile()}.png", params={"form": "terrain"})
    red, green, blue = picture(answer.content)[:3]
    decoded = -10_000 + (red * 65_536 + green * 256 + blue) * 0.1
    (values,) = np.load(io.BytesIO(client.get(f"/raster/dem/{tile()}.npy").content))
    assert np.nanmax(np.abs(decoded - values)) <= 1.1  # a pixel of the file; heights are interpolated
    described = client.get("/raster/dem.json", params={"form": "terrain"}).json()
    assert described["encoding"] == "mapbox"


def test_tiles_of_relief_meet_at_their_edges(client):
    x, y = cell_of(*place(200, 200), ZOOM)
    left, right = (
        np.load(io.BytesIO(client.get(f"/raster/dem/{ZOOM}/{x + i}/{y}.npy?form=slope").content)) for i in (0, 1)
    )
    edges = np.abs(left[0][:, -1] - right[0][:, 0])
    assert np.isfinite(edges).any()
    assert np.nanmax(edges) < 1.0
    assert math.isclose(float(np.nanmedian(left[0])), math.degrees(math.atan(0.1)), rel_tol=0.05)


def test_a_profile_follows_the_line(client):
    (west, y1), (east, y2) = place(30, 100), place(390, 100)
    answer = client.get("/raster/dem/profile", params={"line": f"{west},{y1} {east},{y2}", "n": 37}).json()
    points = answer["points"]
    assert len(points) == 37
    assert points[0]["distance_m"] == 0
    assert points[-1]["distance_m"] == pytest.approx(3600, rel=0.002)
    assert [p["value"] for p in points] == pytest.approx(np.linspace(30, 390, 37).tolist(), abs=1.1)
    for line in ("", "113,23", "113,23 x,y", "113 23", "999,0 1,1"):
        assert client.get("/raster/dem/profile", params={"line": line}).status_code == 400


def test_statistics_under_a_polygon_are_those_of_its_pixels(client):
    corners = [place(100, 100), place(200, 100), place(200, 200), place(100, 200), place(100, 100)]
    answer = client.post("/raster/dem/statistics", json={"type": "Polygon", "coordinates": [corners]}).json()
    assert "bands" in answer, answer
    band = answer["bands"]["b1"]
    assert band["mean"] == pytest.approx(150, abs=1)
    assert band["count"] == pytest.approx(100 * 100, rel=0.03)
    assert (band["min"], band["max"]) == (pytest.approx(100, abs=1), pytest.approx(200, abs=1))
    far = [[1, 1], [2, 1], [2, 2], [1, 1]]
    assert client.post("/raster/dem/statistics", json={"type": "Polygon", "coordinates": [far]}).status_code == 404
    for body in (
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "Polygon"},
        [],
        {"type": "Polygon", "coordinates": ["x"]},
    ):
        assert client.post("/raster/dem/statistics", json=body).status_code in {400, 404}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("colormap=nosuch", "viridis"),
        ("rescale=5", "two numbers"),
        ("rescale=9,1", "the lower first"),
        ("bands=2", "from 1 to 1"),
        ("expression=__import__('os')", "may hold"),
        ("expression=b1**b1", "may hold"),
        ("expression=b7%2B1", "b1 to b1"),
        ("expression=b1%2B", "cannot be read"),
        ("form=magic", "hillshade"),
        ("azimuth=500", "from 0 to 360"),
        ("nosuch=1", "there is no parameter"),
    ],
)
def test_a_look_that_cannot_be_is_told(client, query, said):
    answer = client.get(f"/raster/dem/{tile()}.png?{query}")
    assert answer.status_code == 400
    assert said in answer.text


@pytest.mark.parametrize(
    "path", ["dem/30/0/0.png", "dem/3/8/0.png", "dem/3/0/0.bmp", "dem/a/0/0.png", "nosuch/3/0/0.png"]
)
def test_tiles_that_are_not_there(client, path):
    assert client.get(f"/raster/{path}").status_code == 404


def test_beside_the_raster_there_is_nothing(client):
    assert client.get("/raster/dem/14/0/0.png").status_code == 204


def test_a_hidden_raster_is_not_there(client):
    assert [one["id"] for one in client.get("/raster").json()["rasters"]] == ["dem"]
    for path in ("hidden.json", f"hidden/{tile()}.png", "hidden/point?lon=113.3&lat=23.1"):
        assert client.get(f"/raster/{path}").status_code == 404


def test_a_known_tile_is_not_sent_again_and_a_damaged_file_kills_nobody(client):
    first = client.get(f"/raster/dem/{tile()}.png?rescale=0,300")
    assert client.get(first.url, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    (file,) = (client.home / "rasters").glob("dem.*.tif")
    whole = file.read_bytes()
    try:
        for damaged in (b"", whole[:200], whole[: len(whole) // 3], b"II*\x00" + b"\xff" * 3000):
            file.write_bytes(damaged)
            assert client.get(f"/raster/dem/{tile()}.png?rescale=0,{len(damaged) + 1}").status_code in {503, 500, 204}
            assert client.get(first.url).content == first.content
        middle = len(whole) // 2
        file.write_bytes(whole[: middle - 2000] + b"\xff" * 4000 + whole[middle + 2000 :])
        within = client.get(f"/raster/dem/{tile()}.png?rescale=0,{len(whole)}")
        assert within.status_code in {503, 200}  # as the damage lies within what is read, or beside it
        assert within.status_code == 200 or "cannot be read now" in within.text
    finally:
        file.write_bytes(whole)
    assert client.get(f"/raster/dem/{tile()}.png?rescale=1,301").status_code == 200


PLANES = arrays(np.float64, (6, 7), elements=st.floats(-5000, 9000))


@given(PLANES, st.floats(0.5, 500))
def test_relief_is_bounded_and_flat_ground_is_flat(z, pixel_m):
    assert ((slope_deg(z, pixel_m) >= 0) & (slope_deg(z, pixel_m) < 90)).all()
    assert ((hillshade(z, pixel_m) >= 0) & (hillshade(z, pixel_m) <= 255)).all()
    assert np.allclose(slope_deg(np.full((4, 4), z[0, 0]), pixel_m), 0)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.5, 100))
def test_the_gradient_of_a_plane_is_its_own(to_east, to_north, pixel_m):
    rows, columns = np.mgrid[0:5, 0:6]
    plane = columns * pixel_m * to_east - rows * pixel_m * to_north
    east, north = gradient(plane, pixel_m)
    assert np.allclose(east, to_east)
    assert np.allclose(north, to_north)


@given(st.floats(-9999, 9000))
def test_terrain_rgb_keeps_a_decimetre(height):
    red, green, blue = terrain_rgb(np.array([[height]]))[:, 0, 0].astype(int)
    assert -10_000 + (red * 65_536 + green * 256 + blue) * 0.1 == pytest.approx(height, abs=0.0501)


@given(st.text(max_size=30))
def test_no_expression_gets_through_but_arithmetic_of_bands(text):
    try:
        look = read_style({"expression": text}, 3)
    except BadInput:
        return
    assert set(look.expression) <= set("b0123456789+-*/(). ")
