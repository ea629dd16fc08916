"""The synthetic ground: where the district is, as high as its buildings stand, and always the same."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import rasterio
from rasterio.warp import transform_bounds

from layers.demo.district.outline import read_outline
from layers.demo.rasters.ground import write_ground
from layers.demo.rasters.rain import write_rain


def test_the_ground_covers_the_district_and_is_the_same_each_time(tmp_path):
    for name in ("a", "b"):
        write_ground(tmp_path / f"{name}.tif")
    with rasterio.open(tmp_path / "a.tif") as one, rasterio.open(tmp_path / "b.tif") as other:
        heights = one.read(1, masked=True)
        assert np.ma.allequal(heights, other.read(1, masked=True))
        bounds = transform_bounds(one.crs, "EPSG:4326", *one.bounds)
    west, south, east, north = read_outline().polygon.bounds
    assert bounds[0] < west
    assert bounds[1] < south
    assert bounds[2] > east
    assert bounds[3] > north
    assert 3 < heights.min() < 8
    assert 100 < heights.max() < 200
    assert 0.2 < heights.mask.mean() < 0.8


def test_the_rain_drifts_over_the_district_and_is_the_same_each_time(tmp_path):
    until = datetime(2026, 6, 8, 10, 3, tzinfo=UTC)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_rain(tmp_path / name, until)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert (len(files), files[-1]) == (12, "rain_202606081800.tif")
    frames = []
    for name in files:
        with rasterio.open(tmp_path / "a" / name) as one, rasterio.open(tmp_path / "b" / name) as other:
            frames.append(one.read(1))
            assert np.array_equal(frames[-1], other.read(1))
            bounds = transform_bounds(one.crs, "EPSG:4326", *one.bounds)
    west, south, east, north = read_outline().polygon.bounds
    assert bounds[0] < west < east < bounds[2]
    assert bounds[1] < south < north < bounds[3]
    assert all(frame.min() >= 0 for frame in frames)
    assert 10 < max(frame.max() for frame in frames) < 200
    assert not np.array_equal(frames[0], frames[-1])
