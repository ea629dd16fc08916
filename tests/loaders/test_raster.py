"""A GeoTIFF becomes a cloud-optimised one with a row in the catalogue of rasters."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from layers.errors import BadFile, BadInput
from layers.loaders.raster import load_raster

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
    assert await db.fetchval("SELECT count(*) FROM onemap.raster_member") == 1
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
    assert await db.fetchval("SELECT count(*) FROM onemap.raster") == 0
