"""One GeoTIFF: checked, described, and written anew as a cloud-optimised one.

GDAL gets no other driver, no side files, no network, and no file that needs more memory or work than its size
suggests.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.env import Env
from rasterio.errors import NotGeoreferencedWarning
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from layers.coordinates.crs import shift_note, srid_of
from layers.errors import BadFile, BadInput

PIXELS_MAX = 10_000_000_000
BANDS_MAX = 64
BLOCK_BYTES_MAX = 256 * 1024 * 1024
_EMPTINESS_MAX = 2_000  # bytes of pixels for each byte of the file; compression reaches half of it
_SMALL_BYTES = 256 * 1024 * 1024  # of pixels: allowed unchecked
_LOOK_PIXELS = 1024  # along each side of the sample for statistics
_TURNED_BYTES = 64 * 1024 * 1024  # held while a raster is turned north up
_SAFE = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no side files
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GDAL_CACHEMAX": 128,  # MB
    "GDAL_NUM_THREADS": "2",
}
_AS = {"compress": "ZSTD", "predictor": "YES", "blocksize": 256, "overviews": "AUTO", "BIGTIFF": "IF_SAFER"}


@dataclass(frozen=True, slots=True)
class GeotiffSummary:
    """The description of a GeoTIFF.

    Attributes
    ----------
    bands
        Type, nodata, min, max, mean and std of each band; the last four are None where it has no values.
    resolution
        Size of a pixel in x and y, in units of the srid.
    extent_crs84
        West, south, east, north in degrees.
    tagged_time
        The file's own tag of date and time; None without one.
    note
        A note on its place for people; None for none.
    """

    srid: int
    width: int
    height: int
    bands: tuple[dict[str, Any], ...]
    resolution: tuple[float, float]
    extent_crs84: tuple[float, float, float, float]
    tagged_time: str | None
    note: str | None = None


def write_cog(path: Path, target: Path, srid: int | None) -> GeotiffSummary:
    """Write a GeoTIFF as a cloud-optimised one.

    Parameters
    ----------
    srid
        EPSG code of its CRS; None takes the file's own.

    Raises
    ------
    BadFile
        When it is damaged, has no position, or would need more than is allowed.
    """
    try:
        with (
            warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
            Env(**_SAFE),
            rasterio.open(path, driver="GTiff") as source,
        ):
            _check(path, source)
            code = _code(path, source, srid)
            with _north_up(source, target) as turned:
                extent = _extent(path, turned, code)
                rasterio.shutil.copy(turned, target, driver="COG", **_AS)
                return _describe(turned, code, extent, target)
    except BadInput:
        raise
    except Exception as error:  # GDAL's own errors have no public class
        raise BadFile(f"'{path.name}' cannot be stored: {str(error)[:300]}", parameter=path.name) from error


def _check(path: Path, source: Any) -> None:
    if source.width * source.height > PIXELS_MAX or source.count > BANDS_MAX:
        raise BadFile(f"'{path.name}' has more than {PIXELS_MAX:,} pixels or {BANDS_MAX} bands", parameter=path.name)
    each = max(np.dtype(kind).itemsize for kind in source.dtypes)
    block = max(rows * columns for rows, columns in source.block_shapes) * each
    if block > BLOCK_BYTES_MAX:
        raise BadFile(
            f"'{path.name}' is written in blocks of {block // 2**20:,} MiB, each of which has to be held whole; "
            f"at most {BLOCK_BYTES_MAX // 2**20} MiB: write it in strips or tiles",
            parameter=path.name,
        )
    size = source.width * source.height * source.count * each
    if size > max(_SMALL_BYTES, path.stat().st_size * _EMPTINESS_MAX):
        raise BadFile(
            f"'{path.name}' says it has {size // 2**20:,} MiB of pixels, and holds {path.stat().st_size:,} bytes",
            parameter=path.name,
        )


def _code(path: Path, source: Any, srid: int | None) -> int:
    code = srid or (srid_of(source.crs.to_wkt()) if source.crs else None)
    if code is None or source.transform.is_identity:
        raise BadFile(
            f"'{path.name}' does not say where it lies; declare --crs, or add a geotransform", parameter=path.name
        )
    return int(code)


@contextmanager
def _north_up(source: Any, target: Path) -> Iterator[Any]:
    """Yield the raster with rows from north to south and columns from west to east, as on the map."""
    at: Affine = source.transform
    if at.b or at.d or (at.a > 0 and at.e < 0):
        yield source
        return
    turned = target.with_suffix(".turned.tif")
    west, north = min(at.c, at.c + at.a * source.width), max(at.f, at.f + at.e * source.height)
    profile = source.profile | {"transform": Affine(abs(at.a), 0, west, 0, -abs(at.e), north), "bigtiff": "IF_SAFER"}
    try:
        with rasterio.open(turned, "w", **profile) as file:
            _copy_turned(source, file, rows=at.e > 0, columns=at.a < 0)
        with rasterio.open(turned, driver="GTiff") as file:
            yield file
    finally:
        turned.unlink(missing_ok=True)


def _copy_turned(source: Any, file: Any, *, rows: bool, columns: bool) -> None:
    file.scales, file.offsets = source.scales, source.offsets
    file.update_tags(**source.tags())
    for band in range(1, source.count + 1):
        if source.colorinterp[band - 1] is ColorInterp.palette:
            file.write_colormap(band, source.colormap(band))
    step = max(1, _TURNED_BYTES // (source.width * source.count * 8))
    for first in range(0, source.height, step):
        height = min(step, source.height - first)
        values = source.read(window=Window(0, first, source.width, height))
        values = values[:, :: -1 if rows else 1, :: -1 if columns else 1]
        file.write(values, window=Window(0, source.height - first - height if rows else first, source.width, height))


def _extent(path: Path, source: Any, code: int) -> tuple[float, float, float, float]:
    west, south, east, north = transform_bounds(CRS.from_epsg(code), CRS.from_epsg(4326), *source.bounds)
    finite = all(map(math.isfinite, (west, south, east, north)))
    if not (finite and -180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise BadFile(f"'{path.name}' does not lie on the earth when read as EPSG:{code}", parameter=path.name)
    return west, south, east, north


def _describe(source: Any, code: int, extent: tuple[float, float, float, float], stored: Path) -> GeotiffSummary:
    kinds = zip(source.dtypes, source.nodatavals, _statistics(stored, source.count), strict=True)
    return GeotiffSummary(
        srid=code,
        width=source.width,
        height=source.height,
        bands=tuple(
            {"type": kind, "nodata": None if nodata is None else str(nodata), **statistics}
            for kind, nodata, statistics in kinds
        ),
        resolution=source.res,
        extent_crs84=extent,
        tagged_time=source.tags().get("TIFFTAG_DATETIME"),
        note=shift_note(code, np.array([source.xy(source.height // 2, source.width // 2)])),
    )


def _statistics(stored: Path, bands: int) -> list[dict[str, float | None]]:
    """Return min, max, mean and std of each band's scaled values, from an overview of a large raster."""
    found = []
    with rasterio.open(stored, driver="GTiff") as file:
        shape = min(file.height, _LOOK_PIXELS), min(file.width, _LOOK_PIXELS)
        for band in range(1, bands + 1):
            values = file.read(band, out_shape=shape, masked=True).astype(np.float64)
            values = values * file.scales[band - 1] + file.offsets[band - 1]
            there = values.compressed()
            there = there[np.isfinite(there)]
            numbers = (there.min(), there.max(), there.mean(), there.std()) if there.size else (None,) * 4
            found.append(
                {
                    name: None if value is None else float(value)
                    for name, value in zip(("min", "max", "mean", "std"), numbers, strict=True)
                }
            )
    return found
