"""Pictures as files: PNG, JPEG, WebP, or a GeoTIFF that is a picture and lies where it belongs."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
from rasterio.crs import CRS
from rasterio.io import MemoryFile

from tiles.raster.reading import PixelArea
from tiles.raster.style import Format

type Colour = tuple[int, int, int]  # red, green, blue, 0 to 255
type Bands = np.ndarray[Any, Any]  # uint8, [band, row, column]: red, green, blue, and how opaque

WHITE: Colour = (255, 255, 255)
_DRIVERS = {"png": "PNG", "webp": "WEBP", "jpg": "JPEG", "tif": "GTiff"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "png": {"ZLEVEL": 3},  # a fifth larger than the best, in half of the time
    "tif": {"compress": "deflate", "photometric": "RGB"},
}


def encoded(bands: Bands, form: Format, area: PixelArea, ground: Colour | None = None) -> bytes:
    """Encode a picture.

    Parameters
    ----------
    bands
        Red, green, blue and opacity.
    ground
        What is seen where the picture is not opaque; None is transparent, or white in a JPEG.
    """
    ground = ground or (WHITE if form == "jpg" else None)
    if ground is not None:
        share = bands[3:].astype(np.uint16)
        under = np.array(ground, dtype=np.uint16)[:, None, None]
        bands = ((bands[:3] * share + under * (255 - share) + 127) // 255).astype(np.uint8)
    count, height, width = bands.shape
    where: dict[str, Any] = {"crs": CRS.from_epsg(area.srid), "transform": area.transform} if form == "tif" else {}
    where |= {"alpha": "yes"} if form == "tif" and count == 4 else {}
    options = {"driver": _DRIVERS[form], "width": width, "height": height, "count": count, "dtype": "uint8", **where}
    with MemoryFile() as memory, warnings.catch_warnings(action="ignore"):  # a PNG lies nowhere, which is right
        with memory.open(**options, **_OPTIONS.get(form, {})) as file:
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
    """Return values as a GeoTIFF of 32-bit floats, NaN for nothing, which the file says.

    Parameters
    ----------
    npy
        A NumPy array ``[band, row, column]`` as `tiles.raster.render.draw` writes it.
    """
    values = np.load(io.BytesIO(npy), allow_pickle=False)
    count, height, width = values.shape
    options = {"width": width, "height": height, "count": count, "dtype": "float32", "nodata": np.nan}
    with MemoryFile() as memory:
        where = {"crs": CRS.from_epsg(area.srid), "transform": area.transform}
        with memory.open(driver="GTiff", compress="deflate", **options, **where) as file:
            file.write(values)
        content: bytes = memory.read()
    return content
