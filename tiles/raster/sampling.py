"""Values of rasters at a place, along a line or under an area, at one moment or at several."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from rasterio.crs import CRS
from rasterio.warp import transform

from layers.coordinates.degrees import METRES_PER_DEGREE
from layers.errors import BadInput, NotFound, TooMuch
from tiles.raster.members import Member, Raster, RasterFrame, rfc3339
from tiles.raster.opened import OpenRasters, system_of
from tiles.raster.reading import PixelArea, read_area

PROFILE_POINTS_MAX = 2000
SERIES_MAX = 1000  # frames of one response
AREA_PIXELS_MAX = 2048  # along the longer side of the pixels that statistics read
_WGS84 = CRS.from_epsg(4326)
_STATISTICS = ("count", "min", "max", "mean", "sum", "std", "median", "valid_percent")

type BandValues = list[float | None]


def value_at(files: OpenRasters, raster: Raster, frame: RasterFrame, lon: float, lat: float) -> BandValues:
    """Return the value of each band at a place in CRS84; None where a band has none.

    Raises
    ------
    NotFound
        When the place is outside of the raster.
    Unavailable
        When a file cannot be read.
    """
    values = _sample(files, frame, [(lon, lat)], range(1, raster.bands + 1))
    if values is None:
        raise NotFound(f"{lon}, {lat} is outside of the raster '{raster.id}'", parameter="lon")
    return values[0]


def series_at(
    files: OpenRasters, raster: Raster, times: Sequence[datetime], lon: float, lat: float
) -> list[dict[str, Any]]:
    """Return the time and the value of each band at a place, frame by frame; values are None where a frame has none.

    Raises
    ------
    TooMuch
        For more times than one response holds.
    Unavailable
        When a file cannot be read.
    """
    if len(times) > SERIES_MAX:
        raise TooMuch(f"there are {len(times):,} times in it; at most {SERIES_MAX:,} are read", parameter="datetime")
    bands = range(1, raster.bands + 1)
    nothing: list[BandValues] = [[None] * raster.bands]
    return [
        {
            "time": rfc3339(time),
            "values": (_sample(files, raster.frames[time], [(lon, lat)], bands) or nothing)[0],
        }
        for time in times
    ]


def profile(
    files: OpenRasters, frame: RasterFrame, line_crs84: Sequence[tuple[float, float]], points: int
) -> list[dict[str, float | None]]:
    """Return distance, place and the first band's value at evenly spaced places of a line.

    Raises
    ------
    BadInput
        For fewer than two corners, or too many points.
    Unavailable
        When a file cannot be read.
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
    values = _sample(files, frame, [(float(x), float(y)) for x, y in places], (1,)) or [[None]] * points
    rows = zip(distances, places, values, strict=True)
    return [
        {"distance_m": round(float(d), 2), "lon": float(p[0]), "lat": float(p[1]), "value": value[0]}
        for d, p, value in rows
    ]


def _sample(
    files: OpenRasters, frame: RasterFrame, places: Sequence[tuple[float, float]], bands: Sequence[int]
) -> list[BandValues] | None:
    """Return values place by place, from the first member that has one there; None when no member reaches any."""
    samples: list[BandValues] = [[None] * len(bands) for _ in places]
    reached = False
    for member in frame.members:
        missing = [n for n, values in enumerate(samples) if values[0] is None and _within(member, *places[n])]
        if not missing:
            continue
        for n, values in zip(missing, _sample_member(files, member, [places[n] for n in missing], bands), strict=True):
            if values is not None:
                reached, samples[n] = True, values
    return samples if reached else None


def _within(member: Member, lon: float, lat: float) -> bool:
    west, south, east, north = member.extent_crs84
    return west <= lon <= east and south <= lat <= north


def _sample_member(
    files: OpenRasters, member: Member, places: Sequence[tuple[float, float]], bands: Sequence[int]
) -> Iterator[BandValues | None]:
    """Yield the values at each place; None outside the pixels."""
    with files.reading(member) as source:
        x, y = transform(_WGS84, system_of(member.srid), *map(list, zip(*places, strict=True)))
        read = []
        for at in zip(x, y, strict=True):
            row, column = source.index(*at)
            inside = 0 <= row < source.height and 0 <= column < source.width
            read.append(next(source.sample([at], indexes=list(bands), masked=True)) if inside else None)
        scaling = [(source.scales[band - 1], source.offsets[band - 1]) for band in bands]
    for one in read:
        yield (
            None
            if one is None
            else [
                None if _is_missing(value) else float(value) * scale + offset
                for value, (scale, offset) in zip(one, scaling, strict=True)
            ]
        )


def _is_missing(value: Any) -> bool:
    return bool(np.ma.is_masked(value)) or not math.isfinite(value)


def statistics_under(
    files: OpenRasters, raster: Raster, frame: RasterFrame, polygon_crs84: dict[str, Any]
) -> dict[str, dict[str, float | None]]:
    """Return statistics of each band under a polygon in CRS84: count, min, max, mean, sum, std, median.

    Raises
    ------
    BadInput
        When the geometry is no valid polygon.
    NotFound
        When the polygon does not touch the raster.
    TooMuch, Unavailable
        As `tiles.raster.reading.read_area`.
    """
    from rio_tiler.models import ImageData  # noqa: PLC0415  # a second to import, and most processes do not need it

    try:
        area = shapely.geometry.shape(polygon_crs84)
        shared = area.intersection(shapely.box(*raster.extent_crs84)) if shapely.is_valid(area) else area
        touches = shapely.is_valid(area) and not shared.is_empty and shared.area > 0
    except (TypeError, ValueError, IndexError, AttributeError, shapely.errors.ShapelyError) as error:
        raise BadInput("the body is no polygon in GeoJSON", parameter="geometry") from error
    if not shapely.is_valid(area):
        raise BadInput(f"the polygon is not valid: {shapely.is_valid_reason(area)[:80]}", parameter="geometry")
    pixels_of = rectangle(raster, shared.bounds) if touches else None
    pixels = read_area(files, frame, pixels_of, range(1, raster.bands + 1)) if pixels_of else None
    if pixels_of is None or pixels is None:
        raise NotFound(f"the polygon does not touch the raster '{raster.id}'", parameter="geometry")
    image = ImageData(pixels, bounds=pixels_of.bounds, crs=_WGS84)
    with warnings.catch_warnings(action="ignore"):  # from calls within rio-tiler
        statistics = image.statistics(coverage=image.get_coverage_array(polygon_crs84))
    return {name: {key: _finite(getattr(band, key)) for key in _STATISTICS} for name, band in statistics.items()}


def rectangle(raster: Raster, bounds: tuple[float, float, float, float], most: int = AREA_PIXELS_MAX) -> PixelArea:
    """Return the pixels to read within bounds in degrees: as fine as the raster, or `most` along the longer side."""
    west, south, east, north = bounds
    across_m, up_m = (np.array([east - west, north - south]) * _metres_per_degree((south + north) / 2)).tolist()
    pixel_m = max(raster.pixel_m, across_m / most, up_m / most)
    width, height = (max(1, math.ceil(side / pixel_m)) for side in (across_m, up_m))
    return PixelArea(bounds, bounds, 4326, min(width, most), min(height, most))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _metres_per_degree(lat: float) -> npt.NDArray[np.float64]:
    return np.array([METRES_PER_DEGREE * math.cos(math.radians(lat)), 110_946.0])
