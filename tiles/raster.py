"""Rasters: pictures of a tile, the value at a place, along a line and under an area. rio-tiler reads and warps.

The files are those `layers.loaders.raster` wrote itself: cloud-optimised GeoTIFFs of the home folder. GDAL is kept from
everything else: no other driver, no side files, no network.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import shapely
from rasterio.env import Env

from layers.errors import BadInput, NotFound, Unavailable
from tiles.address import TileAddress
from tiles.look import Format, Look
from tiles.relief import hillshade, slope_deg, terrain_rgb

TILE_PIXELS = 256
PROFILE_POINTS_MAX = 2000
AREA_PIXELS_MAX = 2048  # along the longer side of what is read for statistics
_SAFE = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GDAL_CACHEMAX": 64,  # MB
    "GDAL_NUM_THREADS": "1",
}
_DRIVERS = {"png": "PNG", "webp": "WEBP", "jpg": "JPEG", "npy": "NPY", "tif": "GTIFF"}


@dataclass(frozen=True, slots=True)
class Raster:
    """A raster of the catalogue.

    Attributes
    ----------
    extent_crs84
        West, south, east, north in degrees.
    stamp
        Changes when the raster is loaded again.
    """

    id: str
    title: str
    path: Path
    srid: int
    bands: int
    extent_crs84: tuple[float, float, float, float]
    resolution: tuple[float, float]
    grade: int
    stamp: str
    vertical_datum: str | None = None
    synthetic: bool = False

    @property
    def max_zoom(self) -> int:
        """The zoom of Web Mercator whose pixels are as small as the raster's."""
        metres = self.resolution[0] if self.srid != 4490 and self.resolution[0] > 0.01 else self.resolution[0] * 111_320
        return max(0, min(22, math.ceil(math.log2(156_543.03 * math.cos(math.radians(23)) / metres))))


def draw_tile(raster: Raster, tile: TileAddress, look: Look, form: Format) -> bytes:
    """Draw a tile of 256 pixels.

    Returns
    -------
    bytes
        A picture, or values; empty when the raster does not reach there.

    Raises
    ------
    BadInput
        When the look does not fit the raster.
    Unavailable
        When its file cannot be read.
    """
    if tile.grid.in_degrees:
        raise BadInput("rasters have tiles in WebMercatorQuad", parameter="tileMatrixSetId")
    with _reading(raster) as reader:
        if not reader.tile_exists(tile.x, tile.y, tile.z):
            return b""
        if look.form != "values":
            return _relief(reader, tile, look, form)
        indexes = look.bands or (None if look.expression else _first(raster))
        image = reader.tile(tile.x, tile.y, tile.z, TILE_PIXELS, indexes=indexes, expression=look.expression)
        return _rendered(image, look, form, raster)


def value_at(raster: Raster, lon: float, lat: float) -> list[float | None]:
    """Return the value of each band at a place in CRS84; None where there is none.

    Raises
    ------
    NotFound
        When the place is outside of the raster.
    """
    with _reading(raster) as reader:
        try:
            point = reader.point(lon, lat)
        except Exception as error:
            raise NotFound(f"{lon}, {lat} is outside of the raster '{raster.id}'", parameter="lon") from error
        return [None if hidden else float(value) for value, hidden in zip(*_columns(point.array), strict=True)]


def profile(raster: Raster, line_crs84: Sequence[tuple[float, float]], points: int) -> list[dict[str, float | None]]:
    """Return distance, place and first band's value at evenly spaced places of a line.

    Raises
    ------
    BadInput
        For fewer than two corners, or too many points.
    """
    if len(line_crs84) < 2 or not 2 <= points <= PROFILE_POINTS_MAX:
        raise BadInput(
            f"a profile has a line of two corners or more and 2 to {PROFILE_POINTS_MAX} points", parameter="n"
        )
    corners = np.array(line_crs84, dtype=np.float64)
    steps = np.hypot(*(np.diff(corners, axis=0) * _metres_per_degree(corners[:, 1].mean())).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    distances = np.linspace(0, along[-1], points)
    places = np.column_stack([np.interp(distances, along, corners[:, axis]) for axis in (0, 1)])
    with Env(**_SAFE), rasterio.open(raster.path, driver="GTiff") as source:
        x, y = rasterio.warp.transform("EPSG:4326", source.crs, *places.T.tolist())
        sampled = source.sample(zip(x, y, strict=True), indexes=1, masked=True)
        values = [None if np.ma.is_masked(one[0]) else float(one[0]) for one in sampled]
    rows = zip(distances, places, values, strict=True)
    return [
        {"distance_m": round(float(d), 2), "lon": float(p[0]), "lat": float(p[1]), "value": value}
        for d, p, value in rows
    ]


def statistics_under(raster: Raster, polygon_crs84: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """Return statistics of each band under a polygon in CRS84: count, min, max, mean, sum, std, median.

    Raises
    ------
    BadInput
        When it is no polygon.
    NotFound
        When the polygon does not touch the raster.
    """
    try:
        area = shapely.geometry.shape(polygon_crs84)
        touches = area.intersects(shapely.box(*raster.extent_crs84))
    except (TypeError, ValueError, IndexError, AttributeError, shapely.errors.ShapelyError) as error:
        raise BadInput("the body is no polygon in GeoJSON", parameter="geometry") from error
    if not touches:
        raise NotFound(f"the polygon does not touch the raster '{raster.id}'", parameter="geometry")
    with _reading(raster) as reader:
        image = reader.feature(polygon_crs84, max_size=AREA_PIXELS_MAX)
        with warnings.catch_warnings(action="ignore"):  # of what rio-tiler itself calls
            found = image.statistics(coverage=image.get_coverage_array(polygon_crs84))
    wanted = ("count", "min", "max", "mean", "sum", "std", "median", "valid_percent")
    return {name: {key: _finite(getattr(band, key)) for key in wanted} for name, band in found.items()}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@contextmanager
def _reading(raster: Raster) -> Iterator[Any]:
    from rio_tiler.io import Reader  # noqa: PLC0415  # it takes a second to import, and most processes draw no raster

    try:
        with Env(**_SAFE), rasterio.open(raster.path, driver="GTiff") as source, Reader(None, dataset=source) as reader:
            yield reader
    except rasterio.errors.RasterioIOError as error:
        raise Unavailable(f"the raster '{raster.id}' cannot be read now; load it again") from error


def _first(raster: Raster) -> tuple[int, ...]:
    return (1, 2, 3) if raster.bands in {3, 4} else (1,)


def _columns(array: np.ma.MaskedArray[Any, Any]) -> tuple[list[Any], list[bool]]:
    return np.ma.getdata(array).ravel().tolist(), np.ma.getmaskarray(array).ravel().tolist()


def _metres_per_degree(lat: float) -> npt.NDArray[np.float64]:
    return np.array([111_320.0 * math.cos(math.radians(lat)), 110_946.0])


def _rendered(image: Any, look: Look, form: Format, raster: Raster) -> bytes:
    if form == "npy":
        return _values(image)
    if form == "tif":
        content: bytes = image.render(img_format=_DRIVERS[form], add_mask=True)
        return content
    low_high = look.rescale or _range(raster, look)
    picture = image.array.dtype == np.uint8 and look.rescale is None and look.colormap is None and image.count == 3
    if not picture:
        image.rescale(in_range=[low_high])
    colours = _colours(look) if image.count == 1 else None
    drawn: bytes = image.render(img_format=_DRIVERS[form], add_mask=form != "jpg", colormap=colours)
    return drawn


def _values(image: Any) -> bytes:
    """Write bands as a NumPy array ``[band, row, column]`` of 32-bit floats; NaN where there is nothing."""
    buffer = io.BytesIO()
    np.save(buffer, image.array.astype(np.float32).filled(np.nan))
    return buffer.getvalue()


def _colours(look: Look) -> Any:
    if look.colormap is None:
        return None
    from rio_tiler.colormap import cmap  # noqa: PLC0415  # see _reading

    return cmap.get(look.colormap)


def _range(raster: Raster, look: Look) -> tuple[float, float]:
    """Return the lowest and highest value of the whole raster, from its overview."""
    with _reading(raster) as reader:
        bands = look.bands or (None if look.expression else _first(raster))
        found = reader.statistics(max_size=512, indexes=bands, expression=look.expression)
    low, high = min(b.min for b in found.values()), max(b.max for b in found.values())
    return (low, high) if low < high else (low, low + 1)


def _relief(reader: Any, tile: TileAddress, look: Look, form: Format) -> bytes:
    """Draw what is computed of heights; neighbours of the tile's pixels are read along, so that tiles meet."""
    from rio_tiler.models import ImageData  # noqa: PLC0415  # see _reading

    smooth = {"resampling_method": "bilinear", "reproject_method": "bilinear"}
    image = reader.tile(tile.x, tile.y, tile.z, TILE_PIXELS, indexes=1, buffer=1, **smooth)
    inner = np.ma.getmaskarray(image.array)[0, 1:-1, 1:-1]
    heights = image.array[0].astype(np.float64).filled(np.nan)
    if look.form == "terrain":
        shown = ImageData(terrain_rgb(heights[1:-1, 1:-1]))
        content: bytes = shown.render(img_format=_DRIVERS["png" if form == "jpg" else form], add_mask=False)
        return content
    west, south, east, north = tile.box()
    pixel_m = (east - west) / TILE_PIXELS * 111_320 * math.cos(math.radians((south + north) / 2))
    if look.form == "hillshade":
        values = hillshade(heights, pixel_m, look.azimuth_deg, look.altitude_deg)
    else:
        values = slope_deg(heights, pixel_m)
    hidden = inner | ~np.isfinite(values)
    shown = ImageData(np.ma.MaskedArray(np.nan_to_num(values), mask=hidden)[np.newaxis].astype(np.float32))
    if form == "npy":
        return _values(shown)
    if form == "tif":
        kept: bytes = shown.render(img_format=_DRIVERS[form])
        return kept
    shown.rescale(in_range=[look.rescale or ((0, 255) if look.form == "hillshade" else (0, 60))])
    colours = _colours(look)
    drawn: bytes = shown.render(img_format=_DRIVERS[form], add_mask=form != "jpg", colormap=colours)
    return drawn
