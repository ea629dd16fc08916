"""The synthetic ground: where the district is, as high as its buildings stand, and always the same."""

from __future__ import annotations

import numpy as np
import rasterio
from rasterio.warp import transform_bounds

from layers.demo.ground import write_ground
from layers.demo.outline import read_outline


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
