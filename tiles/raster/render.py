"""Rasters as images: of a tile, or of any rectangle of the map."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from rasterio.crs import CRS

from layers.errors import BadInput
from tiles.raster.members import Raster, RasterFrame
from tiles.raster.opened import OpenRasters
from tiles.raster.reading import PixelArea, Pixels, palette_of, read_area
from tiles.raster.relief import hillshade, slope_deg, terrain_rgb
from tiles.raster.style import WHITE, Format, RasterStyle, Rgb

TILE_PIXELS = 256

_DRIVERS = {"png": "PNG", "webp": "WEBP", "jpg": "JPEG", "npy": "NPY", "tif": "GTIFF"}
_OPTIONS: Mapping[str, Mapping[str, Any]] = {"png": {"ZLEVEL": 3}}  # a fifth larger than the best, in half of the time
_SAMPLE_PIXELS = 512  # along each side of the image that gives the range of an expression
_BAND = re.compile(r"b([1-9][0-9]?)")
_RELIEF_RANGE = {"hillshade": (0.0, 255.0), "slope": (0.0, 60.0)}


@dataclass(frozen=True, slots=True)
class RasterView:
    """A frame of a raster over an area, in a style and a file format.

    Attributes
    ----------
    background
        The colour where the raster has no value; None is transparent, or white in a JPEG.
    """

    raster: Raster
    frame: RasterFrame
    area: PixelArea
    style: RasterStyle
    format: Format
    background: Rgb | None = None

    @property
    def holds_values(self) -> bool:
        """Whether the format holds values and not colours."""
        return self.format in {"npy", "tif"}


def render(files: OpenRasters, view: RasterView) -> bytes:
    """Render a view.

    Returns
    -------
    bytes
        An image, or values; empty when the raster does not reach the area.

    Raises
    ------
    BadInput
        When the style does not fit the raster.
    TooMuch
        When the area holds too many files.
    Unavailable
        When a file cannot be read.
    """
    if view.style.form == "values":
        return _render_values(files, view)
    heights = read_area(files, view.frame, view.area.wider(1), (1,), smooth=True)  # so that neighbouring tiles meet
    return b"" if heights is None else _render_relief(heights, view)


def render_map(files: OpenRasters, view: RasterView) -> bytes:
    """Render as `render`; an area that the raster does not reach gives an empty image instead of no bytes.

    Raises
    ------
    BadInput, TooMuch, Unavailable
        As `render`.
    """
    rendered = render(files, view)
    if rendered:
        return rendered
    empty = np.zeros((1, view.area.height, view.area.width), dtype=np.uint8)  # not what the memory held before
    blank = _image(np.ma.MaskedArray(empty, mask=True), view.area)
    return _write_values(blank, view.format) if view.holds_values else _encode(blank, view)


def _render_values(files: OpenRasters, view: RasterView) -> bytes:
    style = view.style
    pixels = read_area(files, view.frame, view.area, _bands(view.raster, style))
    if pixels is None:
        return b""
    palette = palette_of(files, view.frame) if _uses_own_colours(style) and not view.holds_values else None
    if palette is not None:
        pixels = _apply_palette(pixels, palette)
    image = _image(pixels, view.area)
    image = image.apply_expression(style.expression) if style.expression else image
    if view.holds_values:
        return _write_values(image, view.format)
    is_rgb = image.array.dtype == np.uint8 and style.rescale is None and style.colormap is None and image.count == 3
    if not is_rgb:
        image.rescale(in_range=[style.rescale or _value_range(files, view)])
    return _encode(image, view)


def _uses_own_colours(style: RasterStyle) -> bool:
    """Whether the style leaves the raster its own colours."""
    return style.rescale is None and style.colormap is None and style.expression is None


def _apply_palette(pixels: Pixels, palette: np.ndarray[Any, Any]) -> Pixels:
    """Return the colours of values; values without a colour, or with a transparent one, are masked."""
    values = pixels.data[0].astype(np.int64)
    known = (values >= 0) & (values < len(palette))
    colours = palette[np.where(known, values, 0)]
    hidden = np.ma.getmaskarray(pixels)[0] | ~known | (colours[..., 3] == 0)
    return np.ma.MaskedArray(np.moveaxis(colours[..., :3], -1, 0), mask=np.broadcast_to(hidden, (3, *hidden.shape)))


def _bands(raster: Raster, style: RasterStyle) -> Sequence[int]:
    """Return the bands to read; an expression needs all up to the last it names, so that names are positions."""
    if style.expression:
        return range(1, 1 + max(int(number) for number in _BAND.findall(style.expression)))
    return style.bands or ((1, 2, 3) if raster.bands in {3, 4} else (1,))


def _image(pixels: Pixels, area: PixelArea) -> Any:
    from rio_tiler.models import ImageData  # noqa: PLC0415  # a second to import, and most processes draw no raster

    return ImageData(pixels, bounds=area.bounds, crs=CRS.from_epsg(area.srid))


def _write_values(image: Any, file_format: Format) -> bytes:
    """Write values: a NumPy array ``[band, row, column]`` of 32-bit floats with NaN for nothing, or a GeoTIFF."""
    if file_format == "npy":
        buffer = io.BytesIO()
        np.save(buffer, image.array.astype(np.float32).filled(np.nan))
        return buffer.getvalue()
    content: bytes = image.render(img_format="GTIFF", add_mask=True)
    return content


def _encode(image: Any, view: RasterView) -> bytes:
    """Encode bands of bytes as an image; masked pixels are transparent, or have the background's colour."""
    from rio_tiler.colormap import apply_cmap  # noqa: PLC0415  # see _image
    from rio_tiler.utils import render as encode_bands  # noqa: PLC0415  # see _image

    driver, options = _DRIVERS[view.format], _OPTIONS.get(view.format, {})
    visible = ~np.ma.getmaskarray(image.array).all(axis=0)
    data = image.array.data
    if view.style.colormap and image.count == 1:
        data, alpha = apply_cmap(data, _colormap(view.style.colormap))
        visible &= alpha > 0
    background = view.background or (WHITE if view.format == "jpg" else None)
    if background is None:
        transparent: bytes = encode_bands(data, visible * np.uint8(255), img_format=driver, **options)
        return transparent
    below = np.array(background, dtype=np.uint8)[:, None, None]
    filled = np.where(visible, np.broadcast_to(data, (3, *visible.shape)), below)
    opaque: bytes = encode_bands(filled.astype(np.uint8), img_format=driver, **options)
    return opaque


@lru_cache(maxsize=32)
def _colormap(name: str) -> Any:
    from rio_tiler.colormap import cmap  # noqa: PLC0415  # see _image

    return cmap.get(name)


def _value_range(files: OpenRasters, view: RasterView) -> tuple[float, float]:
    """Return the lowest and highest value of the whole raster: from the catalogue, or from a sample of the frame."""
    raster, style = view.raster, view.style
    bands = _bands(raster, style)
    known = [raster.ranges[band - 1] for band in bands] if len(raster.ranges) == raster.bands else [None]
    if style.expression is None and all(known):
        return _widen(min(one[0] for one in known if one), max(one[1] for one in known if one))
    whole = PixelArea(raster.extent_crs84, raster.extent_crs84, 4326, _SAMPLE_PIXELS, _SAMPLE_PIXELS)
    sample = read_area(files, view.frame, whole, bands)
    if sample is None:
        return 0.0, 1.0
    image = _image(sample, whole)
    values = (image.apply_expression(style.expression) if style.expression else image).array.compressed()
    values = values[np.isfinite(values)]
    return _widen(float(values.min()), float(values.max())) if values.size else (0.0, 1.0)


def _widen(low: float, high: float) -> tuple[float, float]:
    """Return a range that is not empty."""
    return (low, high) if low < high else (low, low + 1)


def _render_relief(pixels: Pixels, view: RasterView) -> bytes:
    """Render what is computed of heights, read with one more pixel on each side."""
    style, area = view.style, view.area
    masked = np.ma.getmaskarray(pixels)[0, 1:-1, 1:-1]
    heights = pixels[0].astype(np.float64).filled(np.nan)
    if style.form == "terrain":
        if view.format in {"webp", "jpg"}:
            raise BadInput(f"form=terrain as {view.format} would lose heights; ask for png", parameter="form")
        encoded = terrain_rgb(heights[1:-1, 1:-1])
        content: bytes = _image(np.ma.MaskedArray(encoded), area).render(
            img_format=_DRIVERS[view.format], add_mask=False
        )
        return content
    across_m, up_m = area.pixel_m
    if style.form == "hillshade":
        values = hillshade(heights, across_m, style.azimuth_deg, style.altitude_deg, up_m)
    else:
        values = slope_deg(heights, across_m, up_m)
    hidden = masked | ~np.isfinite(values)
    image = _image(np.ma.MaskedArray(np.nan_to_num(values).astype(np.float32)[np.newaxis], mask=hidden), area)
    if view.holds_values:
        return _write_values(image, view.format)
    image.rescale(in_range=[style.rescale or _RELIEF_RANGE[style.form]])
    return _encode(image, view)
