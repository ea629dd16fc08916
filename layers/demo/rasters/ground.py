"""The synthetic ground as a raster: heights of the district's terrain, labelled as synthetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
import shapely
from rasterio.transform import from_origin

from layers.demo.district.outline import DistrictOutline, read_outline
from layers.demo.district.plan import plan_of
from layers.demo.district.terrain import Terrain
from layers.demo.generate import SEED

PIXEL_M = 40.0
VERTICAL_DATUM = "1985"
_MARGIN_M = 600.0
_NODATA = -9999.0
_ROUGH_M = 0.35


def write_ground(path: Path, seed: int = SEED, outline: DistrictOutline | None = None) -> None:
    """Write the district's heights in metres above the 1985 datum as a GeoTIFF in its Gauss-Krüger zone.

    Cells are 40 m wide, and empty beyond a margin around the border. The same seed gives the same bytes.

    Parameters
    ----------
    path
        The file to write.
    outline
        The district; Tianhe by default.
    """
    district = outline or read_outline()
    terrain = Terrain(district, plan_of(district, seed))
    area = terrain.polygon.buffer(_MARGIN_M)
    west, south, east, north = (round(side / PIXEL_M) * PIXEL_M for side in area.bounds)
    columns, rows = round((east - west) / PIXEL_M), round((north - south) / PIXEL_M)
    x = west + (np.arange(columns) + 0.5) * PIXEL_M
    y = north - (np.arange(rows) + 0.5) * PIXEL_M
    places = np.column_stack([part.ravel() for part in np.meshgrid(x, y)])
    heights = terrain.elevation_m(places) + np.random.default_rng(seed).normal(0, _ROUGH_M, len(places))
    heights[~shapely.contains_xy(area, places)] = _NODATA
    shaped = heights.reshape(rows, columns).astype(np.float32)
    options = {"driver": "GTiff", "width": columns, "height": rows, "count": 1, "dtype": "float32", "nodata": _NODATA}
    place = {"crs": f"EPSG:{terrain.frame.epsg}", "transform": from_origin(west, north, PIXEL_M, PIXEL_M)}
    with rasterio.open(path, "w", **options, **place, compress="deflate") as file:
        file.write(shaped, 1)
