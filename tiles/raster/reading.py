"""Pixels of a raster in a rectangle of the map: warped by GDAL, the members of a mosaic laid over each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.transform import from_bounds
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from layers.coordinates.degrees import METRES_PER_DEGREE
from layers.errors import TooMuch
from layers.types import BBox
from tiles.address import TileAddress
from tiles.raster.members import Member, RasterFrame
from tiles.raster.opened import OpenRasters, system_of

OPENED_MAX = 64  # members for one image

type Pixels = np.ma.MaskedArray[Any, Any]  # [band, row, column]


@dataclass(frozen=True, slots=True)
class PixelArea:
    """A rectangle of pixels.

    Attributes
    ----------
    bounds
        West, south, east, north in units of the system, west first whatever its axis order.
    box
        The same in stored degrees.
    """

    bounds: tuple[float, float, float, float]
    box: BBox
    srid: int
    width: int
    height: int

    @staticmethod
    def of_tile(tile: TileAddress, pixels: int) -> PixelArea:
        """Return the square of a tile."""
        return PixelArea(tile.grid.bounds(tile.z, tile.x, tile.y), tile.box(), tile.grid.srid, pixels, pixels)

    def wider(self, pixels: int) -> PixelArea:
        """Return the area with more pixels on each side."""
        margin_x, margin_y = (pixels * side for side in self.pixel)
        west, south, east, north = self.bounds
        box_x = (self.box[2] - self.box[0]) / self.width * pixels
        box_y = (self.box[3] - self.box[1]) / self.height * pixels
        return replace(
            self,
            bounds=(west - margin_x, south - margin_y, east + margin_x, north + margin_y),
            box=(self.box[0] - box_x, self.box[1] - box_y, self.box[2] + box_x, self.box[3] + box_y),
            width=self.width + 2 * pixels,
            height=self.height + 2 * pixels,
        )

    @property
    def pixel(self) -> tuple[float, float]:
        """Width and height of a pixel in units of the system."""
        west, south, east, north = self.bounds
        return (east - west) / self.width, (north - south) / self.height

    @property
    def pixel_m(self) -> tuple[float, float]:
        """Approximate width and height on the ground of a pixel in the middle of the area."""
        west, south, east, north = self.box
        narrow = math.cos(math.radians((south + north) / 2))
        across, up = (east - west) * narrow / self.width, (north - south) / self.height
        return across * METRES_PER_DEGREE, up * METRES_PER_DEGREE

    @property
    def transform(self) -> Affine:
        """The transform from pixels to units of the system."""
        transform: Affine = from_bounds(*self.bounds, self.width, self.height)
        return transform


def read_area(
    files: OpenRasters, frame: RasterFrame, area: PixelArea, bands: Sequence[int], *, smooth: bool = False
) -> Pixels | None:
    """Read bands of a frame; lower members fill the pixels that the members above leave empty.

    Returns
    -------
    masked array or None
        ``[band, row, column]`` in the raster's own type; None when no member reaches into the area.

    Raises
    ------
    TooMuch
        When more members reach into the area than are opened for one image.
    Unavailable
        When a file cannot be read.
    """
    touching = [member for member in frame.members if member.touches(area.box)]
    if len(touching) > OPENED_MAX:
        raise TooMuch(f"{len(touching)} files of the raster lie here; at most {OPENED_MAX} are opened: come nearer")
    pixels: Pixels | None = None
    for member in touching:
        below = _read_member(files, member, area, bands, smooth=smooth)
        if pixels is None:
            pixels = below
        else:
            empty = np.ma.getmaskarray(pixels)
            pixels = np.ma.MaskedArray(np.where(empty, below.data, pixels.data), mask=empty & np.ma.getmaskarray(below))
        if not np.ma.getmaskarray(pixels).any():
            break
    return pixels


def palette_of(files: OpenRasters, frame: RasterFrame) -> np.ndarray[Any, Any] | None:
    """Return the colour table of a raster of one band: `[value, 4]` red, green, blue, alpha; None if it has none."""
    with files.reading(frame.members[0]) as dataset:
        if dataset.count > 1 or dataset.colorinterp[0] is not ColorInterp.palette:
            return None
        table: dict[int, tuple[int, int, int, int]] = dataset.colormap(1)
    colours = np.zeros((max(table) + 1, 4), dtype=np.uint8)
    colours[list(table)] = list(table.values())
    return colours


def _read_member(files: OpenRasters, member: Member, area: PixelArea, bands: Sequence[int], *, smooth: bool) -> Pixels:
    window = _window(member, area)
    with files.reading(member, min(area.pixel_m)) as dataset:
        kind = dataset.dtypes[bands[0] - 1]
        values = np.zeros((len(bands), area.height, area.width), dtype=kind)
        hidden = np.ones(values.shape, dtype=bool)
        if window is not None:
            rows, columns = window.toslices()
            read = _warp(dataset, system_of(area.srid), area.transform, window, bands, smooth=smooth)
            values[:, rows, columns], hidden[:, rows, columns] = read.data, np.ma.getmaskarray(read)
        return np.ma.MaskedArray(_apply_scale(values, dataset, bands), mask=hidden)


def _apply_scale(values: np.ndarray[Any, Any], dataset: Any, bands: Sequence[int]) -> np.ndarray[Any, Any]:
    """Apply the scale and offset of bands: a stored value is often a count of tenths."""
    scales, offsets = ([every[band - 1] for band in bands] for every in (dataset.scales, dataset.offsets))
    if all(scale == 1 for scale in scales) and not any(offsets):
        return values
    as_column = (len(bands), 1, 1)
    wide = np.float32 if values.dtype.itemsize < 4 else np.float64
    return values.astype(wide) * np.reshape(scales, as_column) + np.reshape(offsets, as_column)


def _window(member: Member, area: PixelArea) -> Window | None:
    """Return the pixels that a member can reach, so that GDAL projects no place outside its projection's domain."""
    west, south, east, north = (
        clip(side, other) for clip, side, other in zip((max, max, min, min), member.extent_crs84, area.box, strict=True)
    )
    if west >= east or south >= north:
        return None
    left, low, right, high = transform_bounds(CRS.from_epsg(4326), system_of(area.srid), west, south, east, north)
    across, up = area.pixel
    first_column = max(0, math.floor((left - area.bounds[0]) / across) - 1)
    last_column = min(area.width, math.ceil((right - area.bounds[0]) / across) + 1)
    first_row = max(0, math.floor((area.bounds[3] - high) / up) - 1)
    last_row = min(area.height, math.ceil((area.bounds[3] - low) / up) + 1)
    if first_column >= last_column or first_row >= last_row:
        return None
    return Window(first_column, first_row, last_column - first_column, last_row - first_row)


def _warp(
    dataset: Any, system: CRS, transform: Affine, window: Window, bands: Sequence[int], *, smooth: bool
) -> Pixels:
    """Warp a window with GDAL; one read gives the values and the mask."""
    nodata = dataset.nodata
    has_alpha = ColorInterp.alpha in dataset.colorinterp
    how: dict[str, Any] = {"add_alpha": nodata is None and not has_alpha}
    if nodata is not None:
        how |= {"nodata": nodata, "src_nodata": nodata}
    with WarpedVRT(
        dataset,
        src_crs=dataset.crs,
        crs=system,
        transform=transform @ Affine.translation(window.col_off, window.row_off),
        width=window.width,
        height=window.height,
        resampling=Resampling.bilinear if smooth else Resampling.nearest,
        **how,
    ) as warped:
        if nodata is not None:
            values = warped.read(list(bands))
            hidden = np.isnan(values) if math.isnan(nodata) else values == nodata
        else:
            alpha = dataset.colorinterp.index(ColorInterp.alpha) + 1 if has_alpha else warped.count
            values = warped.read([*bands, alpha])
            values, hidden = values[:-1], np.broadcast_to(values[-1:] == 0, values[:-1].shape)
        if values.dtype.kind == "f":
            hidden = hidden | ~np.isfinite(values)
    return np.ma.MaskedArray(values, mask=hidden)
