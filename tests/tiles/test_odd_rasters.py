"""Rasters with a scale, a palette, rows from south to north, or heights in their reference system."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS
from rasterio.io import MemoryFile
from rasterio.transform import Affine, from_origin

from layers.errors import BadFile
from layers.loaders.geotiff import write_cog
from tiles.raster.contours import contours
from tiles.raster.members import Member, Raster, RasterFrame
from tiles.raster.opened import OpenRasters
from tiles.raster.reading import PixelArea
from tiles.raster.render import RasterView, render
from tiles.raster.sampling import statistics_under, value_at
from tiles.raster.style import read_style

WEST, NORTH, SIDE, PIXEL = 113.33, 23.15, 64, 0.0005
EAST, SOUTH = WEST + SIDE * PIXEL, NORTH - SIDE * PIXEL
NORTH_UP = from_origin(WEST, NORTH, PIXEL, PIXEL)
RAMP = np.tile(np.arange(SIDE, dtype=np.int16), (SIDE, 1)) + np.arange(SIDE, dtype=np.int16)[:, None] * 100


@pytest.fixture
def stored(tmp_path):
    """Write a GeoTIFF, store it, and return it as a raster of the catalogue."""

    def make(values, *, crs="EPSG:4490", transform=NORTH_UP, palette=None, scale=1.0, offset=0.0, nodata=None):
        path, target = tmp_path / "given.tif", tmp_path / "stored.tif"
        options = {"width": values.shape[1], "height": values.shape[0], "count": 1, "dtype": values.dtype.name}
        with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=transform, nodata=nodata, **options) as file:
            file.write(values, 1)
            file.scales, file.offsets = (scale,), (offset,)
            if palette:
                file.write_colormap(1, palette)
        told = write_cog(path, target, None)
        member = Member(1, target, told.srid, told.extent_crs84, 50.0)
        ranges = tuple((band["min"], band["max"]) for band in told.bands)
        return Raster("r", "r", 1, 1, {None: RasterFrame.of(None, (member,))}, ranges)

    return make


def drawn(raster, form="png", **style):
    box = (WEST, SOUTH, EAST, NORTH)
    area = PixelArea(box, box, 4326, SIDE, SIDE)
    content = render(OpenRasters(), RasterView(raster, raster.frames[None], area, read_style(style, 1), form))
    if form == "npy":
        return np.load(io.BytesIO(content))[0]
    with warnings.catch_warnings(action="ignore"), MemoryFile(content) as memory, memory.open() as file:
        return file.read()


@pytest.mark.parametrize(("scale", "offset"), [(0.1, 5.0), (2.0, 0.0), (1.0, -273.15)])
def test_scale_and_offset_hold_everywhere(stored, scale, offset):
    raster = stored(RAMP, scale=scale, offset=offset)
    meant = RAMP * scale + offset
    files, frame = OpenRasters(), raster.frames[None]
    lon, lat = WEST + 10.5 * PIXEL, NORTH - 3.5 * PIXEL
    assert value_at(files, raster, frame, lon, lat) == pytest.approx([meant[3, 10]])
    assert raster.ranges[0] == pytest.approx((meant.min(), meant.max()))
    assert drawn(raster, "npy") == pytest.approx(meant, rel=1e-6)
    corners = [[WEST, SOUTH], [EAST, SOUTH], [EAST, NORTH], [WEST, NORTH], [WEST, SOUTH]]
    found = statistics_under(files, raster, frame, {"type": "Polygon", "coordinates": [corners]})
    assert found["b1"]["max"] == pytest.approx(meant.max())
    box = (WEST, SOUTH, EAST, NORTH)
    step = float(np.ptp(meant) / 10)
    lines = contours(files, frame, PixelArea(box, box, 4326, SIDE, SIDE), step)
    assert lines
    assert all(meant.min() <= line.value <= meant.max() for line in lines)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=4, max_size=4, unique=True))
def test_a_palette_is_its_colours_and_nothing_is_transparent(stored, colours):
    values = (np.indices((SIDE, SIDE)).sum(axis=0) % 4).astype(np.uint8)
    raster = stored(values, palette={n: (*colour, 255) for n, colour in enumerate(colours)}, nodata=3)
    picture = drawn(raster)
    expected = np.array(colours, dtype=np.uint8)[values]
    seen = values != 3
    assert np.array_equal(picture[3] > 0, seen)
    assert np.array_equal(np.moveaxis(picture[:3], 0, -1)[seen], expected[seen])
    assert np.array_equal(drawn(raster, "npy")[seen], values[seen])


@pytest.mark.parametrize("rows_up", [True, False])
@pytest.mark.parametrize("columns_left", [True, False])
def test_a_raster_whatever_way_its_rows_run_lies_where_it_says(stored, rows_up, columns_left):
    transform = Affine(
        -PIXEL if columns_left else PIXEL,
        0,
        EAST if columns_left else WEST,
        0,
        PIXEL if rows_up else -PIXEL,
        SOUTH if rows_up else NORTH,
    )
    given_rows = RAMP[:: -1 if rows_up else 1, :: -1 if columns_left else 1]
    raster = stored(np.ascontiguousarray(given_rows), transform=transform, scale=0.5)
    assert raster.extent_crs84 == pytest.approx((WEST, SOUTH, EAST, NORTH))
    assert np.array_equal(drawn(raster, "npy"), RAMP * 0.5)


def test_a_compound_system_and_one_that_is_guessed(stored, tmp_path):
    raster = stored(RAMP, crs=CRS.from_user_input("EPSG:4490+5737").to_wkt())
    assert raster.frames[None].members[0].srid == 4490
    assert np.array_equal(drawn(raster, "npy"), RAMP)
    path = tmp_path / "old.tif"
    options = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "int16", "crs": "EPSG:2435"}
    with rasterio.open(path, "w", transform=from_origin(433_500, 2_560_000, 50, 50), **options) as file:
        file.write(RAMP, 1)
    assert "ballpark" in str(write_cog(path, tmp_path / "cog.tif", None).note)


def test_a_raster_without_a_system_is_still_refused(stored):
    with pytest.raises(BadFile, match="where it lies"):
        stored(RAMP, crs=None)
