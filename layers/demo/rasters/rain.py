"""A synthetic hour of rain as rasters: cells of a storm that drift over the district, grow and decay."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from layers.demo.district.outline import DistrictOutline, read_outline
from layers.demo.district.plan import plan_of
from layers.demo.district.terrain import Terrain
from layers.demo.generate import SEED

PIXEL_M = 500.0
STEP = timedelta(minutes=5)
FRAMES = 12
NAMES = "rain_%Y%m%d%H%M.tif"  # in China Standard Time
_CHINA = timezone(timedelta(hours=8))
_CELLS = 9
_MARGIN_M = 3_000.0
_STEP_MM_H = 0.1  # the resolution of a radar; less counts as no rain
_DRIFT_M_S = (7.0, 4.5)  # a storm from the south-west


def write_rain(folder: Path, until: datetime, seed: int = SEED, outline: DistrictOutline | None = None) -> list[Path]:
    """Write the hour before a moment as GeoTIFFs of five minutes each, in mm/h; return their paths.

    The same seed and moment give the same pixels.

    Parameters
    ----------
    folder
        Folder of the files; their names follow `NAMES`.
    until
        The end of the hour, with its offset; the last frame is the last full five minutes.
    outline
        The district; Tianhe by default.

    Returns
    -------
    list of Path
        In the order of time.
    """
    district = outline or read_outline()
    terrain = Terrain(district, plan_of(district, seed))
    bounds = terrain.polygon.buffer(_MARGIN_M).bounds
    west, south, east, north = (round(side / PIXEL_M) * PIXEL_M for side in bounds)
    x = np.arange(west + PIXEL_M / 2, east, PIXEL_M)
    y = np.arange(north - PIXEL_M / 2, south, -PIXEL_M)
    rng = np.random.default_rng(seed)
    begin = rng.uniform((west - 9_000, south - 6_000), (east, north), (_CELLS, 2))
    size_m, strength = rng.uniform(1_200, 3_600, _CELLS), rng.uniform(15, 75, _CELLS)
    peak_s = rng.uniform(0, FRAMES, _CELLS) * STEP.total_seconds()
    last = datetime.fromtimestamp(until.timestamp() // STEP.total_seconds() * STEP.total_seconds(), _CHINA)
    options = {"driver": "GTiff", "width": len(x), "height": len(y), "count": 1, "dtype": "float32"}
    place = {"crs": f"EPSG:{terrain.frame.epsg}", "transform": from_origin(west, north, PIXEL_M, PIXEL_M)}
    paths = []
    for number in range(FRAMES):
        elapsed_s = number * STEP.total_seconds()
        at = begin + np.array(_DRIFT_M_S) * elapsed_s
        alive = strength * np.exp(-(((elapsed_s - peak_s) / 1_500) ** 2))
        away = (x[None, None, :] - at[:, 0, None, None]) ** 2 + (y[None, :, None] - at[:, 1, None, None]) ** 2
        rain = (alive[:, None, None] * np.exp(-away / (2 * size_m[:, None, None] ** 2))).sum(axis=0)
        path = folder / (last - (FRAMES - 1 - number) * STEP).strftime(NAMES)
        with rasterio.open(path, "w", **options, **place, compress="deflate") as file:
            file.write((np.round(rain / _STEP_MM_H) * _STEP_MM_H).astype(np.float32), 1)
        paths.append(path)
    return paths
