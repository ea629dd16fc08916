"""Rasters of many files: pieces equal the whole, the uppermost is visible, and every moment shows its own frame."""

from __future__ import annotations

import asyncio
import io
from contextlib import ExitStack
from time import monotonic

import httpx
import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio.transform import from_origin

from layers.errors import BadInput
from layers.loaders.raster import RasterOptions, load_raster
from server.settings import load_settings
from tests.databases import temporary_database
from tests.running_app import running_app
from tiles.cells import cell_of

WEST, NORTH, SIDE, PIXEL_M, ZOOM = 434_000.0, 2_560_000.0, 400, 10.0, 14
DEADLINE_S = 90
TO_DEGREES = Transformer.from_crs(4547, 4326, always_xy=True)
TIMES = ["2026-06-08T10:00:00+08:00", "2026-06-08T10:05:00+08:00", "2026-06-08T10:15:00+08:00"]


def whole():
    """Heights that are all different, with a hole."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    heights = (rows * 1000 + columns).astype(np.float32)
    heights[150:170, 150:170] = -9999
    return heights


def written(path, values, column=0, row=0, **more):
    options = {"driver": "GTiff", "width": values.shape[1], "height": values.shape[0], "count": 1, "nodata": -9999}
    there = from_origin(WEST + column * PIXEL_M, NORTH - row * PIXEL_M, PIXEL_M, PIXEL_M)
    with rasterio.open(path, "w", **options, dtype="float32", crs="EPSG:4547", transform=there) as file:
        file.write(values.astype(np.float32), 1)
        file.update_tags(**more)
    return path


def place(x, y):
    """Longitude and latitude of a pixel's centre."""
    return TO_DEGREES.transform(WEST + (x + 0.5) * PIXEL_M, NORTH - (y + 0.5) * PIXEL_M)


@pytest.fixture(scope="module")
def client(cluster, template, tmp_path_factory):
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("files")
    heights = whole()
    with ExitStack() as started:
        url = started.enter_context(temporary_database(cluster, template))

        def load(path, name, **how):
            return asyncio.run(
                load_raster(url, path, name, home / "rasters", options=how.pop("options", RasterOptions(1)), **how)
            )

        load(written(folder / "whole.tif", heights), "whole")
        pieces = [
            written(folder / f"{x}{y}.tif", heights[y : y + 210, x : x + 210], x, y) for x in (0, 190) for y in (0, 190)
        ]
        assert load(pieces, "pieces").members == 4
        for overlap in ("newest", "first"):
            said = RasterOptions(1, overlap=overlap)
            load(written(folder / "low.tif", np.full((SIDE, SIDE), 1)), overlap, options=said)
            load(written(folder / "high.tif", np.full((100, 100), 2), 100, 100), overlap)
        frames = [written(folder / f"{n}.tif", np.full((SIDE, SIDE), n)) for n in range(3)]
        load(frames, "rain", time=TIMES, options=RasterOptions(1, synthetic=True))
        address = started.enter_context(running_app(load_settings(home=home, database={"url": url})))
        client = started.enter_context(httpx.Client(base_url=address, timeout=60))
        client.load, client.folder, client.rasters = load, folder, home / "rasters"
        yield client


def values(client, path, **query):
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return np.load(io.BytesIO(answer.content))[0]


@given(
    st.integers(0, SIDE - 1), st.integers(0, SIDE - 1), st.integers(ZOOM, 17)
)  # nearer than overviews, which begin where a file does
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pieces_are_the_whole(client, x, y, zoom):
    tile = "{}/{}/{}".format(zoom, *cell_of(*place(x, y), zoom))
    pieces, one = (values(client, f"/raster/{name}/{tile}.npy") for name in ("pieces", "whole"))
    alike = np.isclose(pieces, one, equal_nan=True)
    assert alike.mean() > 0.999
    lon, lat = place(x, y)
    told = [client.get(f"/raster/{name}/point", params={"lon": lon, "lat": lat}) for name in ("pieces", "whole")]
    hole = 150 <= x < 170 and 150 <= y < 170
    assert [one.status_code for one in told] in ([200, 200], [404, 404])
    if told[0].status_code == 200:
        assert [one.json()["values"] for one in told] == [[None if hole else y * 1000 + x]] * 2


def test_lines_and_areas_cross_the_seams(client):
    (west, y1), (east, y2) = place(50, 200), place(350, 200)
    line = {"line": f"{west},{y1} {east},{y2}", "n": 61}
    pieces, one = (client.get(f"/raster/{name}/profile", params=line).json()["points"] for name in ("pieces", "whole"))
    assert pieces == one
    assert [point["value"] for point in one][:2] == pytest.approx([200_050, 200_055], abs=1)
    corners = [place(120, 180), place(280, 180), place(280, 250), place(120, 250), place(120, 180)]
    area = {"type": "Polygon", "coordinates": [corners]}
    pieces, one = (client.post(f"/raster/{name}/statistics", json=area).json()["bands"] for name in ("pieces", "whole"))
    assert pieces["b1"] == pytest.approx(one["b1"], rel=1e-6)


def test_who_lies_on_top_is_declared(client):
    lon, lat = place(150, 150)
    tops = {
        name: client.get(f"/raster/{name}/point", params={"lon": lon, "lat": lat}).json()
        for name in ("newest", "first")
    }
    assert {name: told["values"] for name, told in tops.items()} == {"newest": [2], "first": [1]}
    listed = {one["id"]: one for one in client.get("/raster").json()["rasters"]}
    assert {name: listed[name]["overlap"] for name in tops} == {"newest": "newest", "first": "first"}
    assert listed["pieces"]["members"] == 4
    tile = "{}/{}/{}".format(ZOOM, *cell_of(lon, lat, ZOOM))
    shown = values(client, f"/raster/newest/{tile}.npy")
    assert set(np.unique(shown[np.isfinite(shown)])) == {1, 2}


@pytest.mark.parametrize(
    ("moment", "shown"),
    [(None, 2), (TIMES[0], 0), ("2026-06-08T02:04:59Z", 0), (TIMES[1], 1), ("2030-01-01T00:00:00Z", 2)],
)
def test_a_moment_shows_the_newest_before_it(client, moment, shown):
    lon, lat = place(150, 150)
    query = {"datetime": moment} if moment else {}
    told = client.get("/raster/rain/point", params={"lon": lon, "lat": lat, **query}).json()
    assert told["values"] == [shown]
    assert told["time"] == ["2026-06-08T02:00:00Z", "2026-06-08T02:05:00Z", "2026-06-08T02:15:00Z"][shown]
    tile = "{}/{}/{}".format(ZOOM, *cell_of(lon, lat, ZOOM))
    assert np.nanmax(values(client, f"/raster/rain/{tile}.npy", **query)) == shown
    corners = [place(100, 100), place(110, 100), place(110, 110), place(100, 100)]
    area = {"type": "Polygon", "coordinates": [corners]}
    assert client.post("/raster/rain/statistics", params=query, json=area).json()["bands"]["b1"]["mean"] == shown


def test_times_are_listed_and_a_place_has_a_course(client):
    described = client.get("/raster/rain.json").json()
    assert described["interval"] == ["2026-06-08T02:00:00Z", "2026-06-08T02:15:00Z"]
    assert described["times"][1] == "2026-06-08T02:05:00Z"
    assert described["step_s"] is None  # a frame is missing
    listed = client.get("/raster/rain/times", params={"datetime": f"{TIMES[1]}/..", "limit": 1}).json()
    assert (listed["numberMatched"], listed["times"]) == (2, ["2026-06-08T02:15:00Z"])
    lon, lat = place(150, 150)
    asked = {"lon": lon, "lat": lat, "datetime": f"../{TIMES[1]}"}
    course = client.get("/raster/rain/point", params=asked).json()
    assert [(one["time"], one["values"]) for one in course["series"]] == [
        ("2026-06-08T02:00:00Z", [0]), ("2026-06-08T02:05:00Z", [1]),
    ]  # fmt: skip
    assert course["synthetic"] is True


@pytest.mark.parametrize(
    ("moment", "status"),
    [
        ("2026-06-08T09:00:00+08:00", 404),
        ("2026-06-08T09:00:00+08:00/2026-06-08T09:30:00+08:00", 404),
        ("yesterday", 400),
        ("2026-06-08T10:00:00", 400),
        (f"{TIMES[1]}/{TIMES[0]}", 400),
    ],
)
def test_moments_that_show_nothing(client, moment, status):
    tile = "{}/{}/{}".format(ZOOM, *cell_of(*place(150, 150), ZOOM))
    answer = client.get(f"/raster/rain/{tile}.png", params={"datetime": moment})
    assert answer.status_code == status
    assert "2026-06-08T02:00:00Z" in answer.text or status == 400


def test_what_does_not_fit_is_refused_and_nothing_changes(client):
    before = sorted(path.name for path in client.rasters.iterdir())
    two = client.folder / "two.tif"
    with rasterio.open(
        two,
        "w",
        driver="GTiff",
        width=8,
        height=8,
        count=2,
        dtype="float32",
        crs="EPSG:4547",
        transform=from_origin(WEST, NORTH, 10, 10),
    ) as file:
        file.write(np.zeros((2, 8, 8), dtype=np.float32))
    good = client.folder / "whole.tif"
    for path, name, how, said in (
        (two, "whole", {}, "2 bands"),
        (good, "whole", {"time": TIMES[0]}, "have no time"),
        (good, "rain", {}, "have a time"),
        (good, "rain", {"time": "rain_%Y.tif"}, "not of the form"),
        (good, "rain", {"time": "tag"}, "tag DateTime"),
        (good, "rain", {"mode": "merge"}, "append, replace, upsert"),
    ):
        with pytest.raises(BadInput, match=said):
            client.load(path, name, **how)
    assert sorted(path.name for path in client.rasters.iterdir()) == before


def test_a_frame_that_comes_again_takes_the_old_one_s_place(client):
    lon, lat = place(5, 5)

    def now():
        return client.get("/raster/radar/point", params={"lon": lon, "lat": lat, "datetime": TIMES[0]}).json()

    name = client.folder / "radar_202606081000.tif"
    for mode, value, members in (("append", 1, 1), ("upsert", 2, 1), ("append", 3, 2), ("replace", 4, 1)):
        written(name, np.full((10, 10), value), TIFFTAG_DATETIME="2026:06:08 10:00:00")
        how = "tag" if value == 2 else "radar_%Y%m%d%H%M.tif"
        assert client.load(name, "radar", mode=mode, time=how).members == members
        until = monotonic() + DEADLINE_S
        while (told := now()).get("values") != [value] and monotonic() < until:
            pass  # the server hears of it a moment later
        assert told["values"] == [value]
    assert len(list(client.rasters.glob("radar.*.tif"))) == 1
