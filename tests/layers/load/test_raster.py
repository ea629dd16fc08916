"""A GeoTIFF becomes a cloud-optimised one with a row in the catalogue of rasters."""

from __future__ import annotations

import json
from pathlib import Path

import asyncpg
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from layers.errors import BadFile, BadInput
from layers.loaders.raster import RasterOptions, load_raster
from tests.databases import count_rows

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),  # what one of the files is for
]


@pytest.fixture
def tiff(tmp_path):
    def make(srid: int | None = 4547, name: str = "dem.tif"):
        path = tmp_path / name
        values = np.arange(600 * 700, dtype="float32").reshape(600, 700)
        where = {"crs": f"EPSG:{srid}", "transform": from_origin(431200, 2560600, 1, 1)} if srid else {}
        with rasterio.open(
            path, "w", driver="GTiff", width=700, height=600, count=1, dtype="float32", nodata=-9999, **where
        ) as out:
            out.write(values, 1)
        return path

    return make


async def test_stored_and_catalogued(layers_url, db, tiff, tmp_path):
    folder = tmp_path / "rasters"
    summary = await load_raster(layers_url, tiff(), "dem", folder)
    with rasterio.open(summary.file) as stored:
        assert stored.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert stored.overviews(1)
        assert stored.read(1)[599, 699] == 600 * 700 - 1
    row = await db.fetchrow("SELECT *, ST_XMin(extent) AS west, ST_YMax(extent) AS north FROM onemap.raster_member")
    assert (row["raster"], row["srid"], row["width"], row["height"]) == ("dem", 4547, 700, 600)
    assert (row["west"], row["north"]) == pytest.approx((113.32825, 23.14362), abs=1e-4)
    assert summary.extent_crs84[0] == row["west"]
    assert [p.name for p in folder.iterdir()] == [row["file"]]
    (band,) = json.loads(row["bands"])
    assert (band["type"], band["nodata"], band["min"], band["max"]) == ("float32", "-9999.0", 0, 600 * 700 - 1)
    assert band["mean"] == pytest.approx((600 * 700 - 1) / 2)


async def test_again_replaces(layers_url, db, tiff, tmp_path):
    for _ in range(2):
        await load_raster(layers_url, tiff(), "dem", tmp_path / "rasters", mode="replace")
    assert await count_rows(db, "onemap.raster_member") == 1
    assert len(list((tmp_path / "rasters").iterdir())) == 1


async def test_refused_and_nothing_left(layers_url, db, tiff, tmp_path):
    folder = tmp_path / "rasters"
    nowhere, cut, text = tiff(None, "nowhere.tif"), tiff(name="cut.tif"), tmp_path / "a.csv"
    cut.write_bytes(cut.read_bytes()[:200_000])
    text.write_text("a,b\n1,2\n")
    for path, message in ((nowhere, "does not say where"), (cut, "cannot be stored"), (text, "not a GeoTIFF")):
        with pytest.raises(BadFile, match=message):
            await load_raster(layers_url, path, "dem", folder)
    with pytest.raises(BadInput, match="GCJ-02"):
        await load_raster(layers_url, tiff(), "dem", folder, crs="gcj02")
    with pytest.raises(BadInput, match="no id"):
        await load_raster(layers_url, tiff(), "../dem", folder)
    assert list(folder.iterdir()) == []
    assert await count_rows(db, "onemap.raster") == 0


async def test_what_would_need_more_than_it_promises_is_refused(layers_url, db, tiff, tmp_path):
    folder, where = tmp_path / "rasters", {"crs": "EPSG:4547", "transform": from_origin(431200, 2560600, 1, 1)}

    def made(name, **more):
        options = {"driver": "GTiff", "count": 1, "dtype": "uint8", "SPARSE_OK": True, **where, **more}
        with rasterio.open(tmp_path / name, "w", **options):
            return tmp_path / name

    empty = tmp_path / "empty.tif"
    empty.write_bytes(b"")
    disguised = tmp_path / "disguised.tif"
    disguised.write_text(f"<VRTDataset rasterXSize='9' rasterYSize='9'><SourceFilename>{tiff()}</SourceFilename>")
    far = {"transform": from_origin(9e15, 9e15, 1, 1)}
    tiled = {"tiled": True, "blockxsize": 256, "blockysize": 256}
    for path, message in (
        (empty, "is empty"),
        (disguised, "of no format"),
        (made("huge.tif", width=200_000, height=60_000, **tiled), "more than"),
        (made("hollow.tif", width=90_000, height=90_000, compress="DEFLATE", **tiled), "MiB of pixels, and holds"),
        (made("tile.tif", width=9000, height=9000, tiled=True, blockxsize=32_768, blockysize=16_384), "in blocks of"),
        (made("bands.tif", width=8, height=8, **where | {"count": 65}), "64 bands"),
        (made("far.tif", width=8, height=8, **far), "on the earth|cannot be stored"),
    ):
        with pytest.raises(BadFile, match=message):
            await load_raster(layers_url, path, "dem", folder)
    assert list(folder.iterdir()) == []
    assert await count_rows(db, "onemap.raster") == 0


async def test_a_driver_of_the_network_is_never_asked(layers_url, db, tmp_path):
    for name in ("/vsicurl/http://127.0.0.1:1/a.tif", "/vsizip/a.zip/a.tif"):
        with pytest.raises((BadFile, BadInput, FileNotFoundError)):
            await load_raster(layers_url, Path(name), "dem", tmp_path / "rasters")


@pytest.mark.parametrize("fault", ["catalogue", "file"])
async def test_a_load_that_fails_half_way_leaves_what_was(layers_url, db, tiff, tmp_path, fault):
    folder = tmp_path / "rasters"
    await load_raster(layers_url, tiff(), "dem", folder)
    before = sorted(path.name for path in folder.iterdir())
    good, bad = tiff(name="good.tif"), tiff(name="bad.tif")
    if fault == "file":
        bad.write_bytes(bad.read_bytes()[:200_000])
    else:
        await db.execute("ALTER TABLE onemap.raster_member ADD CHECK (source <> 'bad.tif')")
    with pytest.raises((BadFile, asyncpg.CheckViolationError)):
        await load_raster(layers_url, [good, bad], "dem", folder, mode="replace")
    assert sorted(path.name for path in folder.iterdir()) == before
    assert [row["file"] for row in await db.fetch("SELECT file FROM onemap.raster_member")] == before


async def test_appending_never_opens_what_was_closed(layers_url, db, tiff, tmp_path):
    folder = tmp_path / "rasters"
    for mode, grade, kept in (("append", 3, 3), ("append", 1, 3), ("append", None, 3), ("replace", 1, 1)):
        await load_raster(layers_url, tiff(), "dem", folder, options=RasterOptions(grade), mode=mode)
        assert await db.fetchval("SELECT grade FROM onemap.raster") == kept
    await load_raster(layers_url, tiff(), "dem", folder, options=RasterOptions(vertical_datum="1985"))
    with pytest.raises(BadInput, match="above 1985, not pearl"):
        await load_raster(layers_url, tiff(), "dem", folder, options=RasterOptions(vertical_datum="pearl"))
