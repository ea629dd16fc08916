"""Contours of a raster: lines of equal value, as shapes and as vector tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import asyncpg
import numpy as np
import shapely

from layers.errors import TooMuch
from tiles.address import BUFFER, EXTENT, TileAddress
from tiles.raster.members import RasterFrame
from tiles.raster.opened import OpenRasters
from tiles.raster.reading import PixelArea, read_area

LEVELS_MAX = 300
VERTICES_MAX = 400_000
INDEX_EVERY = 5  # each fifth line is an index contour, drawn stronger
INTERVAL_M_RANGE = (0.1, 1000.0)
_MARGIN = 4  # pixels beyond the edge, so that lines of neighbouring tiles meet
_INTERVALS_M = {10: 50.0, 12: 20.0, 13: 10.0, 14: 5.0, 15: 2.0}  # up to this zoom
_NEAREST_M = 1.0
_ENCODE = """
SELECT ST_AsMVT(t, 'contours', $7) FROM (
    SELECT ST_AsMVTGeom(ST_GeomFromWKB(c.line, 3857), ST_TileEnvelope($1, $2, $3), $7, $8) AS geom,
        c.value, c.is_index AS "index"
    FROM unnest($4::bytea[], $5::float8[], $6::boolean[]) AS c (line, value, is_index)
) AS t WHERE t.geom IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Contour:
    """A line of one value; `line` is in units of the area's reference system."""

    value: float
    is_index: bool
    line: shapely.LineString


def interval_at(zoom: int) -> float:
    """Return the contour interval for a zoom, in metres."""
    return next((step for last, step in _INTERVALS_M.items() if zoom <= last), _NEAREST_M)


def contours(files: OpenRasters, frame: RasterFrame, area: PixelArea, interval_m: float) -> list[Contour]:
    """Return the contours within an area and a little beyond, by value.

    Raises
    ------
    TooMuch
        When there are too many contours, or too many vertices.
    Unavailable
        When a file cannot be read.
    """
    from contourpy import LineType, contour_generator  # noqa: PLC0415  # most processes draw no raster

    wider = area.wider(_MARGIN)
    pixels = read_area(files, frame, wider, (1,), smooth=True)
    if pixels is None or pixels[0].count() == 0:
        return []
    values = pixels[0].astype(np.float64)
    first, last = math.ceil(float(values.min()) / interval_m), math.floor(float(values.max()) / interval_m)
    if last - first >= LEVELS_MAX:
        raise TooMuch(
            f"there would be {last - first + 1:,} contours; at most {LEVELS_MAX} are drawn: take a larger interval_m",
            parameter="interval_m",
        )
    steps = range(first, last + 1)
    across, up = wider.pixel
    x = wider.bounds[0] + (np.arange(wider.width) + 0.5) * across
    y = wider.bounds[3] - (np.arange(wider.height) + 0.5) * up
    generator = contour_generator(x, y, values, line_type=LineType.Separate)
    result, vertices = [], 0
    for step, lines in zip(steps, generator.multi_lines([step * interval_m for step in steps]), strict=True):
        vertices += sum(len(line) for line in lines)
        if vertices > VERTICES_MAX:
            raise TooMuch("the contours here are too winding; take a larger interval_m", parameter="interval_m")
        value = round(step * interval_m, 6)
        result += [Contour(value, step % INDEX_EVERY == 0, shapely.LineString(line)) for line in lines if len(line) > 1]
    return result


async def encode(pool: asyncpg.Pool, tile: TileAddress, lines: list[Contour]) -> bytes:
    """Return contours of a tile of Web Mercator as a vector tile; empty when there are none."""
    if not lines:
        return b""
    geometries = [shapely.to_wkb(one.line) for one in lines]
    properties: tuple[list[Any], list[Any]] = [one.value for one in lines], [one.is_index for one in lines]
    content: bytes = await pool.fetchval(_ENCODE, tile.z, tile.x, tile.y, geometries, *properties, EXTENT, BUFFER)
    return content


def geojson(lines: list[Contour], area: PixelArea) -> dict[str, Any]:
    """Return contours of an area in degrees as GeoJSON, cut at its edges."""
    clipped = shapely.clip_by_rect(np.array([one.line for one in lines], dtype=object), *area.bounds)
    features = [
        {
            "type": "Feature",
            "properties": {"value": one.value, "index": one.is_index},
            "geometry": shapely.geometry.mapping(shapely.set_precision(part, 1e-7)),
        }
        for one, line in zip(lines, clipped, strict=True)
        for part in shapely.get_parts(line)
        if part.length > 0
    ]
    return {"type": "FeatureCollection", "features": features}
