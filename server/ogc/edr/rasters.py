"""Values of rasters: at a place and its course in time, in an area or a box as a grid, and along a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import shapely
from rasterio.warp import transform_bounds

from layers.coordinates.crs import STORED_SRID
from layers.errors import NotFound, TooMuch
from server.ogc.edr.coverage import Coverage, DomainType, EdrParameter
from server.ogc.edr.request import EdrRequest
from tiles.raster import sampling
from tiles.raster.members import Raster, RasterFrame
from tiles.raster.opened import OpenRasters, system_of
from tiles.raster.reading import PixelArea, read_area

VALUES_MAX = 500_000
_SIDE_MAX = 512  # pixels along the longer side of a grid
_LINE_POINTS = 500


def raster_parameters(raster: Raster) -> list[EdrParameter]:
    """Return the bands of a raster; of heights the unit is known."""
    unit = "m" if raster.vertical_datum else None
    return [
        EdrParameter(f"b{band}", f"{raster.title} {band}", f"{raster.id} band {band}", unit)
        for band in range(1, raster.bands + 1)
    ]


def raster_coverage(files: OpenRasters, raster: Raster, asked: EdrRequest) -> Coverage:
    """Return the values of a raster that are asked for.

    Raises
    ------
    NotFound
        When the place or the area is outside of the raster, or no moment of it is in the span.
    TooMuch
        When there are more values than one answer holds.
    """
    frames = _frames(raster, asked)
    bands = [number for number in range(1, raster.bands + 1) if not asked.names or f"b{number}" in asked.names]
    if asked.query == "position":
        return _at_place(files, raster, frames, bands, asked)
    if asked.query == "trajectory":
        return _along(files, frames[-1], bands, asked)
    return _grid(files, raster, frames, bands, asked)


def _frames(raster: Raster, asked: EdrRequest) -> list[RasterFrame]:
    if not raster.times or asked.newest:
        return [raster.at(None)]
    if asked.first is not None and asked.first == asked.last:
        return [raster.at(asked.last)]
    times = raster.within(asked.first, asked.last)
    if not times:
        raise NotFound(f"raster '{raster.id}' has no moment in this datetime", parameter="datetime")
    if len(times) > sampling.SERIES_MAX:
        raise TooMuch(
            f"there are {len(times):,} times in it; at most {sampling.SERIES_MAX:,} are read", parameter="datetime"
        )
    return [raster.frames[time] for time in times]


def _times(frames: Sequence[RasterFrame]) -> list[datetime]:
    return [frame.time for frame in frames if frame.time is not None]


def _at_place(
    files: OpenRasters, raster: Raster, frames: Sequence[RasterFrame], bands: Sequence[int], asked: EdrRequest
) -> Coverage:
    assert asked.shape is not None  # noqa: S101  # a position has one
    lon, lat = asked.shape.coords[0]
    west, south, east, north = raster.extent_crs84
    if not (west <= lon <= east and south <= lat <= north):
        raise NotFound(f"this place is outside of the raster '{raster.id}'", parameter="coords")
    if len(frames) == 1:
        read = [sampling.value_at(files, raster, frames[0], lon, lat)]
    else:
        read = [one["values"] for one in sampling.series_at(files, raster, _times(frames), lon, lat)]
    values = {f"b{band}": [row[band - 1] for row in read] for band in bands}
    ((x, y),) = asked.moved([(lon, lat)])
    times = _times(frames)
    return Coverage("PointSeries" if times else "Point", [x], [y], times, values)


def _along(files: OpenRasters, frame: RasterFrame, bands: Sequence[int], asked: EdrRequest) -> Coverage:
    """Return the first band at evenly spaced places of a line."""
    assert asked.shape is not None  # noqa: S101  # a trajectory has one
    corners = [(float(x), float(y)) for x, y in asked.shape.coords]
    points = sampling.profile(files, frame, corners, max(len(corners), _LINE_POINTS))
    places = asked.moved([(float(p["lon"] or 0.0), float(p["lat"] or 0.0)) for p in points])
    values = {"b1": [point["value"] for point in points]} if 1 in bands else {}
    if not values:
        raise NotFound("along a line the first band is told; name b1", parameter="parameter-name")
    kind: DomainType = "Trajectory" if frame.time else "MultiPoint"
    return Coverage(kind, [x for x, _ in places], [y for _, y in places], _times([frame]), values)


def _grid(
    files: OpenRasters, raster: Raster, frames: Sequence[RasterFrame], bands: Sequence[int], asked: EdrRequest
) -> Coverage:
    """Return the pixels of a box, or those whose middle lies in an area, in the system of the answer.

    In a shifted datum they are no grid, but the same pixels with the places of their middles.
    """
    area = _pixels_of(raster, asked)
    if area.width * area.height * len(frames) * len(bands) > VALUES_MAX:
        raise TooMuch(
            f"more than {VALUES_MAX:,} values are asked for; take a smaller area or a shorter datetime",
            parameter="coords",
        )
    across, up = area.pixel
    x = area.bounds[0] + across * (np.arange(area.width) + 0.5)
    y = area.bounds[3] - up * (np.arange(area.height) + 0.5)
    shape = asked.shape
    hidden = None
    if asked.query == "area" and shape is not None and asked.crs.datum is not None:
        hidden = ~shapely.contains_xy(shape, *np.meshgrid(x, y))
    elif asked.query == "area" and shape is not None:
        own = shapely.transform(shape, lambda xy: np.array(asked.moved([(float(a), float(b)) for a, b in xy])))
        hidden = ~shapely.contains_xy(own, *np.meshgrid(x, y))
    values: dict[str, list[float | str | None]] = {f"b{band}": [] for band in bands}
    for frame in frames:
        pixels = read_area(files, frame, area, bands)
        for number, band in enumerate(bands):
            read = None if pixels is None else np.ma.masked_invalid(pixels[number].astype(np.float64))
            if read is not None and hidden is not None:
                read = np.ma.masked_where(hidden, read)
            empty: list[float | str | None] = [None] * (area.width * area.height)
            values[f"b{band}"] += empty if read is None else read.ravel().tolist()
    if asked.crs.datum is not None:  # its rows and columns are no straight lines there: each place is told
        places = asked.moved([(float(a), float(b)) for b in y for a in x])
        kind: DomainType = "MultiPointSeries" if _times(frames) else "MultiPoint"
        return Coverage(kind, [a for a, _ in places], [b for _, b in places], _times(frames), values)
    digits = 7 if asked.crs.unit == "degree" else 3
    return Coverage("Grid", np.round(x, digits).tolist(), np.round(y, digits).tolist(), _times(frames), values)


def _pixels_of(raster: Raster, asked: EdrRequest) -> PixelArea:
    assert asked.shape is not None  # noqa: S101  # an area and a cube have one
    shared = asked.shape.intersection(shapely.box(*raster.extent_crs84))
    if shared.is_empty or shared.area == 0:
        raise NotFound(f"the area does not touch the raster '{raster.id}'", parameter="coords")
    area = sampling.rectangle(raster, shared.bounds, _SIDE_MAX)
    if asked.crs.srid in {STORED_SRID, 4326}:
        return area
    bounds = transform_bounds(system_of(4326), system_of(asked.crs.srid), *area.bounds)
    pixel = max((bounds[2] - bounds[0]) / area.width, (bounds[3] - bounds[1]) / area.height)
    width, height = (max(1, math.ceil(side / pixel)) for side in (bounds[2] - bounds[0], bounds[3] - bounds[1]))
    box = transform_bounds(system_of(asked.crs.srid), system_of(4326), *bounds)
    return PixelArea(bounds, box, asked.crs.srid, min(width, _SIDE_MAX), min(height, _SIDE_MAX))
