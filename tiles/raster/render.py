"""Rasters as pictures: of a tile, or of any rectangle of the map."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from rasterio.crs import CRS

from layers.errors import BadInput
from tiles.raster.members import Raster, RasterFrame
from tiles.raster.opened import OpenRasters
from tiles.raster.reading import PixelArea, Pixels, palette_of, read_area
from tiles.raster.relief import hillshade, slope_deg, terrain_rgb
from tiles.raster.style import Format, RasterStyle

TILE_PIXELS = 256
type Colour = tuple[int, int, int]  # red, green, blue, 0 to 255

_WHITE: Colour = (255, 255, 255)
_DRIVERS = {"png": "PNG", "webp": "WEBP", "jpg": "JPEG", "npy": "NPY", "tif": "GTIFF"}
_OPTIONS: Mapping[str, Mapping[str, Any]] = {"png": {"ZLEVEL": 3}}  # a fifth larger than the best, in half of the time
_LOOK_PIXELS = 512  # along each side of what an expression's range is taken from
_BAND = re.compile(r"b([1-9][0-9]?)")
_RELIEF_RANGE = {"hillshade": (0.0, 255.0), "slope": (0.0, 60.0)}


def draw(
    files: OpenRasters,
    raster: Raster,
    frame: RasterFrame,
    area: PixelArea,
    look: RasterStyle,
    form: Format,
    ground: Colour | None = None,
) -> bytes:
    """Draw what a frame of a raster shows of an area.

    Parameters
    ----------
    ground
        What is seen where there is nothing; None is transparent, or white in a JPEG.

    Returns
    -------
    bytes
        A picture, or values; empty when the raster does not reach there.

    Raises
    ------
    BadInput
        When the look does not fit the raster.
    TooMuch
        When too many files lie there.
    Unavailable
        When a file cannot be read.
    """
    if look.form == "values":
        bands, expression = _wanted(raster, look), look.expression
        pixels = read_area(files, frame, area, bands)
        if pixels is None:
            return b""
        palette = palette_of(files, frame) if _is_plain(look) and form not in {"npy", "tif"} else None
        if palette is not None:
            pixels = _coloured(pixels, palette)
        image = _image(pixels, area)
        image = image.apply_expression(expression) if expression else image
        if form in {"npy", "tif"}:
            return _plain(image, form)
        picture = image.array.dtype == np.uint8 and look.rescale is None and look.colormap is None and image.count == 3
        if not picture:
            image.rescale(in_range=[look.rescale or _range(raster, look, files, frame)])
        return _encoded(image, look, form, ground)
    heights = read_area(files, frame, area.wider(1), (1,), smooth=True)  # so that neighbouring tiles meet
    return b"" if heights is None else _relief(heights, area, look, form, ground)


def _is_plain(look: RasterStyle) -> bool:
    """Whether nobody asks for other colours than the raster's own."""
    return look.rescale is None and look.colormap is None and look.expression is None


def _coloured(pixels: Pixels, palette: np.ndarray[Any, Any]) -> Pixels:
    """Give values their colours; those without one, and those whose colour is transparent, are nothing."""
    values = pixels.data[0].astype(np.int64)
    known = (values >= 0) & (values < len(palette))
    colours = palette[np.where(known, values, 0)]
    hidden = np.ma.getmaskarray(pixels)[0] | ~known | (colours[..., 3] == 0)
    return np.ma.MaskedArray(np.moveaxis(colours[..., :3], -1, 0), mask=np.broadcast_to(hidden, (3, *hidden.shape)))


def draw_map(
    files: OpenRasters,
    raster: Raster,
    frame: RasterFrame,
    area: PixelArea,
    look: RasterStyle,
    form: Format,
    ground: Colour | None = None,
) -> bytes:
    """Draw as `draw`; where the raster does not reach, a picture of nothing."""
    drawn = draw(files, raster, frame, area, look, form, ground)
    if drawn:
        return drawn
    empty = np.zeros((1, area.height, area.width), dtype=np.uint8)  # not what the memory held before
    nothing = _image(np.ma.MaskedArray(empty, mask=True), area)
    return _plain(nothing, form) if form in {"npy", "tif"} else _encoded(nothing, look, form, ground)


def _wanted(raster: Raster, look: RasterStyle) -> Sequence[int]:
    """Return the bands to read; for an expression all up to the last it names, so that names are places."""
    if look.expression:
        return range(1, 1 + max(int(number) for number in _BAND.findall(look.expression)))
    return look.bands or ((1, 2, 3) if raster.bands in {3, 4} else (1,))


def _image(pixels: Pixels, area: PixelArea) -> Any:
    from rio_tiler.models import ImageData  # noqa: PLC0415  # a second to import, and most processes draw no raster

    return ImageData(pixels, bounds=area.bounds, crs=CRS.from_epsg(area.srid))


def _plain(image: Any, form: Format) -> bytes:
    """Write values: a NumPy array ``[band, row, column]`` of 32-bit floats with NaN for nothing, or a GeoTIFF."""
    if form == "npy":
        buffer = io.BytesIO()
        np.save(buffer, image.array.astype(np.float32).filled(np.nan))
        return buffer.getvalue()
    content: bytes = image.render(img_format="GTIFF", add_mask=True)
    return content


def _encoded(image: Any, look: RasterStyle, form: Format, ground: Colour | None) -> bytes:
    """Encode bytes as a picture; what is masked is transparent, or the ground."""
    from rio_tiler.colormap import apply_cmap  # noqa: PLC0415  # see _image
    from rio_tiler.utils import render  # noqa: PLC0415  # see _image

    seen = ~np.ma.getmaskarray(image.array).all(axis=0)
    data = image.array.data
    if look.colormap and image.count == 1:
        data, alpha = apply_cmap(data, _colours(look.colormap))
        seen &= alpha > 0
    ground = ground or (_WHITE if form == "jpg" else None)
    if ground is None:
        shown: bytes = render(data, seen * np.uint8(255), img_format=_DRIVERS[form], **_OPTIONS.get(form, {}))
        return shown
    whole = np.where(seen, np.broadcast_to(data, (3, *seen.shape)), np.array(ground, dtype=np.uint8)[:, None, None])
    opaque: bytes = render(whole.astype(np.uint8), img_format=_DRIVERS[form], **_OPTIONS.get(form, {}))
    return opaque


@lru_cache(maxsize=32)
def _colours(name: str) -> Any:
    from rio_tiler.colormap import cmap  # noqa: PLC0415  # see _image

    return cmap.get(name)


def _range(raster: Raster, look: RasterStyle, files: OpenRasters, frame: RasterFrame) -> tuple[float, float]:
    """Return the lowest and highest value of the whole raster: from the catalogue, or from a look at the frame."""
    bands = _wanted(raster, look)
    known = [raster.ranges[band - 1] for band in bands] if len(raster.ranges) == raster.bands else [None]
    if look.expression is None and all(known):
        return _apart(min(one[0] for one in known if one), max(one[1] for one in known if one))
    whole = PixelArea(raster.extent_crs84, raster.extent_crs84, 4326, _LOOK_PIXELS, _LOOK_PIXELS)
    seen = read_area(files, frame, whole, bands)
    if seen is None:
        return 0.0, 1.0
    image = _image(seen, whole)
    values = (image.apply_expression(look.expression) if look.expression else image).array.compressed()
    values = values[np.isfinite(values)]
    return _apart(float(values.min()), float(values.max())) if values.size else (0.0, 1.0)


def _apart(low: float, high: float) -> tuple[float, float]:
    return (low, high) if low < high else (low, low + 1)


def _relief(pixels: Pixels, area: PixelArea, look: RasterStyle, form: Format, ground: Colour | None) -> bytes:
    """Draw what is computed of heights, given with one more pixel on each side."""
    inner = np.ma.getmaskarray(pixels)[0, 1:-1, 1:-1]
    heights = pixels[0].astype(np.float64).filled(np.nan)
    if look.form == "terrain":
        if form in {"webp", "jpg"}:
            raise BadInput(f"form=terrain as {form} would lose heights; ask for png", parameter="form")
        encoded = terrain_rgb(heights[1:-1, 1:-1])
        return _encoded_heights(_image(np.ma.MaskedArray(encoded), area), form)
    across_m, up_m = area.pixel_m
    if look.form == "hillshade":
        values = hillshade(heights, across_m, look.azimuth_deg, look.altitude_deg, up_m)
    else:
        values = slope_deg(heights, across_m, up_m)
    hidden = inner | ~np.isfinite(values)
    shown = _image(np.ma.MaskedArray(np.nan_to_num(values).astype(np.float32)[np.newaxis], mask=hidden), area)
    if form in {"npy", "tif"}:
        return _plain(shown, form)
    shown.rescale(in_range=[look.rescale or _RELIEF_RANGE[look.form]])
    return _encoded(shown, look, form, ground)


def _encoded_heights(image: Any, form: Format) -> bytes:
    content: bytes = image.render(img_format=_DRIVERS[form], add_mask=False)
    return content
