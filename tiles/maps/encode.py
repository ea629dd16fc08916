"""Images as files: PNG, JPEG, WebP, or a georeferenced GeoTIFF of colours."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
from rasterio.crs import CRS
from rasterio.io import MemoryFile

from tiles.raster.reading import PixelArea
from tiles.raster.style import WHITE, Format, Rgb

type Bands = np.ndarray[Any, Any]  # uint8, [band, row, column]: red, green, blue, opacity

_DRIVERS = {"png": "PNG", "webp": "WEBP", "jpg": "JPEG", "tif": "GTiff"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "png": {"ZLEVEL": 3},  # a fifth larger than the best, in half of the time
    "tif": {"compress": "deflate", "photometric": "RGB"},
}


def encode_image(bands: Bands, file_format: Format, area: PixelArea, background: Rgb | None = None) -> bytes:
    """Encode an image.

    Parameters
    ----------
    bands
        Red, green, blue and opacity.
    background
        The colour behind pixels that are not opaque; None is transparent, or white in a JPEG.
    """
    is_tiff = file_format == "tif"
    background = background or (WHITE if file_format == "jpg" else None)
    if background is not None:
        opacity = bands[3:].astype(np.uint16)
        below = np.array(background, dtype=np.uint16)[:, None, None]
        bands = ((bands[:3] * opacity + below * (255 - opacity) + 127) // 255).astype(np.uint8)
    count, height, width = bands.shape
    place: dict[str, Any] = {"crs": CRS.from_epsg(area.srid), "transform": area.transform} if is_tiff else {}
    place |= {"alpha": "yes"} if is_tiff and count == 4 else {}
    options = {"width": width, "height": height, "count": count, "dtype": "uint8", **place}
    with MemoryFile() as memory, warnings.catch_warnings(action="ignore"):  # a PNG has no place, and rasterio warns
        with memory.open(driver=_DRIVERS[file_format], **options, **_OPTIONS.get(file_format, {})) as file:
            file.write(bands)
        content: bytes = memory.read()
    return content


def bands_of(png: bytes) -> Bands:
    """Return the bands of a PNG of any kind as red, green, blue and opacity."""
    with warnings.catch_warnings(action="ignore"), MemoryFile(png) as memory, memory.open() as file:
        bands: Bands = file.read()
    if len(bands) in {1, 3}:
        bands = np.concatenate([bands, np.full_like(bands[:1], 255)])
    return bands if len(bands) == 4 else np.concatenate([np.repeat(bands[:1], 3, axis=0), bands[1:]])


def values_tiff(npy: bytes, area: PixelArea) -> bytes:
    """Return values as a GeoTIFF of 32-bit floats whose nodata value is NaN.

    Parameters
    ----------
    npy
        A NumPy array ``[band, row, column]`` as `tiles.raster.render.render` writes it.
    """
    values = np.load(io.BytesIO(npy), allow_pickle=False)
    count, height, width = values.shape
    options = {"width": width, "height": height, "count": count, "dtype": "float32", "nodata": np.nan}
    with MemoryFile() as memory:
        place = {"crs": CRS.from_epsg(area.srid), "transform": area.transform}
        with memory.open(driver="GTiff", compress="deflate", **options, **place) as file:
            file.write(values)
        content: bytes = memory.read()
    return content
