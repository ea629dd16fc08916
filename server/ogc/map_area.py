"""The rectangle of the ground that a map shows, and its size in pixels (OGC API - Maps: subsetting, scaling, crs)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from rasterio.warp import transform_bounds

from layers.coordinates.crs import CRS84, Crs, parse_crs
from layers.cql2 import parse_bbox
from layers.errors import BadInput, NotFound, TooMuch
from layers.types import BBox
from server.tiles.form import read_pixels
from tiles.grids import METRES_PER_DEGREE, PIXEL_M
from tiles.raster.opened import system_of
from tiles.raster.reading import PixelArea

PARAMETERS = ("bbox", "bbox-crs", "subset", "subset-crs", "center", "center-crs", "crs", "width", "height",
              "scale-denominator")  # fmt: skip
PIXELS_MAX = 2048 * 2048
_LONGER_SIDE = 1024  # pixels, by default
_PLACED = {"bbox", "subset"}
_LEAST_DEG = 0.002  # of the extent of a point
_AXIS = re.compile(r'\s*(\w+)\(\s*([^():"]+|"[^"]*")\s*(?::\s*([^():"]+|"[^"]*")\s*)?\)\s*')
_AXES = {"lon": "x", "long": "x", "longitude": "x", "e": "x", "x": "x", "lat": "y", "latitude": "y", "n": "y",
         "y": "y", "time": "time"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subset:
    """The axes of a parameter `subset`, each with its lowest and highest value as text; a single value is both."""

    x: tuple[str, str] | None = None
    y: tuple[str, str] | None = None
    time: tuple[str, str] | None = None


def read_subset(text: str | None) -> Subset:
    """Return the axes of ``Lat(23.1:23.2),Lon(113.3:113.4),time("2026-06-08T10:00:00Z")``; names in any case.

    Raises
    ------
    BadInput
        For anything else.
    """
    found: dict[str, tuple[str, str]] = {}
    at = 0
    while text and at < len(text):
        match = _AXIS.match(text, at)
        name = _AXES.get(match[1].lower()) if match else None
        if match is None or name is None or name in found or (match.end() < len(text) and text[match.end()] != ","):
            form = 'Lat(23.1:23.2),Lon(113.3:113.4),time("2026-06-08T10:00:00Z"), or E and N in metres'
            raise BadInput(f"subset is '{text[:100]}'; write {form}", parameter="subset")
        low = match[2].strip().strip('"')
        found[name] = low, (match[3] or low).strip().strip('"')
        at = match.end() + 1
    return Subset(**found)


def datetime_of(given: Mapping[str, str]) -> Mapping[str, str]:
    """Return the parameters with the moment of `subset` as `datetime`.

    Raises
    ------
    BadInput
        When both are given.
    """
    time = read_subset(given.get("subset")).time
    if time is None:
        return given
    if "datetime" in given:
        raise BadInput("the moment is given twice, as datetime and in subset; once is allowed", parameter="datetime")
    low, high = ("" if end == "*" else end for end in time)
    return {**given, "datetime": low if low == high else f"{low or '..'}/{high or '..'}"}


def map_area(given: Mapping[str, str], extent_crs84: BBox | None, storage: Crs) -> tuple[PixelArea, Crs]:
    """Return the requested rectangle with its size, and its coordinate system.

    Parameters
    ----------
    extent_crs84
        Extent by default, in degrees; None means the world.
    storage
        Coordinate system by default.

    Raises
    ------
    BadInput
        When a parameter is malformed, or two contradict each other.
    TooMuch
        For more than `PIXELS_MAX` pixels.
    """
    crs = parse_crs(given["crs"]) if "crs" in given else storage
    whole = _with_least_size(extent_crs84 or (-180.0, -85.0, 180.0, 85.0))
    if "center" in given or _is_scaled(given):
        bounds, (width, height) = _around(given, whole, crs)
    else:
        source, box = _requested(given, whole)
        bounds = between(box, source, crs)
        _check(bounds, given, crs)
        width, height = _size(given, (bounds[2] - bounds[0], bounds[3] - bounds[1]), crs)
    _check(bounds, given, crs)
    if width * height > PIXELS_MAX:
        raise TooMuch(f"a map of {width} x {height} pixels is too large; at most {PIXELS_MAX:,} pixels are drawn")
    box = between(bounds, crs, CRS84)
    _check(box, given, crs)
    return PixelArea(bounds, box, crs.srid, width, height), crs


def _is_scaled(given: Mapping[str, str]) -> bool:
    """Whether scale and size are given, which determine the rectangle."""
    return "scale-denominator" in given and bool({"width", "height"} & given.keys()) and not _PLACED & given.keys()


def in_official_order(bounds: BBox, crs: Crs) -> BBox:
    """Return a box with the axes in the official order of the system."""
    west, south, east, north = bounds
    return (south, west, north, east) if crs.flips else bounds


def _with_least_size(box: BBox) -> BBox:
    west, south, east, north = box
    more_x, more_y = (max(0.0, _LEAST_DEG - side) / 2 for side in (east - west, north - south))
    return west - more_x, south - more_y, east + more_x, north + more_y


def _check(bounds: BBox, given: Mapping[str, str], crs: Crs) -> None:
    west, south, east, north = bounds
    if not (all(map(math.isfinite, bounds)) and west < east and south < north):
        name = next((name for name in ("bbox", "subset", "center") if name in given), "crs")
        raise BadInput(f"{name} '{given.get(name, '')[:80]}' has no area in {crs.short}", parameter=name)


def _requested(given: Mapping[str, str], whole: BBox) -> tuple[Crs, BBox]:
    """Return the requested box and its system."""
    subset = read_subset(given.get("subset"))
    if "bbox" in given and (subset.x or subset.y):
        raise BadInput("the place is given twice, by bbox and in subset; once is allowed", parameter="bbox")
    if "bbox" in given:
        crs = _crs(given, "bbox-crs")
        parse_bbox(given["bbox"], crs)  # raises on a malformed box
        numbers = [float(part) for part in given["bbox"].split(",")]
        half = len(numbers) // 2
        (a, b), (c, d) = numbers[:2], numbers[half : half + 2]
        return crs, _across((b, a, d, c) if crs.flips else (a, b, c, d), crs)
    if subset.x or subset.y:
        crs = _crs(given, "subset-crs")
        west, south, east, north = between(whole, CRS84, crs)
        (west, east), (south, north) = _ends(subset.x, west, east), _ends(subset.y, south, north)
        if crs.unit == "degree":
            _on_earth((west, east), 180)
            _on_earth((south, north), 90)
        return crs, _across((west, south, east, north), crs)
    return CRS84, whole


def _across(box: BBox, crs: Crs) -> BBox:
    """Return a box that crosses the 180th meridian with an east edge beyond it."""
    west, south, east, north = box
    return west, south, east + 360 if crs.unit == "degree" and west > east else east, north


def _on_earth(axis: tuple[float, float], most: float) -> None:
    low, high = axis
    if min(low, high) > most or max(low, high) < -most:
        detail = f"nothing is from {low:g} to {high:g}: degrees go from -{most:g} to {most:g}"
        raise NotFound(detail, parameter="subset")


def _crs(given: Mapping[str, str], name: str) -> Crs:
    return parse_crs(given[name], name) if name in given else CRS84


def _ends(axis: tuple[str, str] | None, low: float, high: float) -> tuple[float, float]:
    if axis is None:
        return low, high
    try:
        first, last = (value if text == "*" else float(text) for text, value in zip(axis, (low, high), strict=True))
    except ValueError as error:
        raise BadInput(f"subset has '{axis[0][:40]}:{axis[1][:40]}'; two numbers", parameter="subset") from error
    return first, last


def _around(given: Mapping[str, str], whole: BBox, crs: Crs) -> tuple[BBox, tuple[int, int]]:
    """Return the box around a centre and its size, with pixels of the requested scale or of the whole extent's."""
    west, south, east, north = between(whole, CRS84, crs)
    x, y = _center(given, crs) if "center" in given else ((west + east) / 2, (south + north) / 2)
    pixel = max(east - west, north - south) / _LONGER_SIDE
    if "scale-denominator" in given:
        pixel = _pixel(given["scale-denominator"], crs)
    size = {name: read_pixels(given[name], name) for name in ("width", "height") if name in given}
    side = next(iter(size.values()), _LONGER_SIDE)
    width, height = size.get("width", side), size.get("height", side)
    half_x, half_y = width * pixel / 2, height * pixel / 2
    return (x - half_x, y - half_y, x + half_x, y + half_y), (width, height)


def _center(given: Mapping[str, str], crs: Crs) -> tuple[float, float]:
    subset = read_subset(given.get("subset"))
    if "bbox" in given or subset.x or subset.y:
        raise BadInput("center goes with width, height and scale-denominator, not with a box", parameter="center")
    center_crs = _crs(given, "center-crs")
    try:
        first, second = map(float, given["center"].split(","))
    except ValueError as error:
        raise BadInput(f"center is '{given['center'][:80]}'; two numbers by comma", parameter="center") from error
    x, y = (second, first) if center_crs.flips else (first, second)
    return between((x, y, x, y), center_crs, crs)[:2]


def between(bounds: BBox, source: Crs, target: Crs) -> BBox:
    """Return a box in another coordinate system."""
    if system_of(source.srid) == system_of(target.srid):
        return bounds
    west, south, east, north = transform_bounds(system_of(source.srid), system_of(target.srid), *bounds)
    return west, south, east, north


def _size(given: Mapping[str, str], extent: tuple[float, float], crs: Crs) -> tuple[int, int]:
    """Return width and height in pixels: as requested, else such that pixels are square."""
    across, up = extent
    size = {name: read_pixels(given[name], name) for name in ("width", "height") if name in given}
    if "scale-denominator" in given:
        if size:
            raise BadInput("width and height follow from scale-denominator; give one or the other", parameter="width")
        pixel = _pixel(given["scale-denominator"], crs)
        return max(1, min(10**6, round(across / pixel))), max(1, min(10**6, round(up / pixel)))
    if not size:
        size = {"width": _LONGER_SIDE} if across >= up else {"height": _LONGER_SIDE}
    width = size.get("width") or max(1, min(10**6, round(size["height"] * across / up)))
    return width, size.get("height") or max(1, min(10**6, round(width * up / across)))


def _pixel(text: str, crs: Crs) -> float:
    """Return the width of a pixel at a scale, in units of a coordinate system."""
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 1 <= scale <= 1e10:
        raise BadInput(f"scale-denominator is '{text[:40]}'; a number from 1 to 1e10", parameter="scale-denominator")
    return scale * PIXEL_M / (METRES_PER_DEGREE if crs.unit == "degree" else 1.0)
