"""Bounding boxes: from the text of a query to an exact predicate that the GiST index serves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import LineString, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from layers.clause import Clause, compose, join
from layers.coordinates.crs import STORED_SRID, Crs, reach, transform
from layers.coordinates.datum import from_datum
from layers.coordinates.degrees import LAT_MAX, LON_MAX, are_degrees, settled
from layers.cql2.queryable import Queryable
from layers.errors import BadInput
from layers.types import BBox

_EDGE_PARTS = 32  # a box's edge in a projected or shifted system is a curve in degrees
_ROUND_TRIP_M = 0.5
_ROUNDING_DEG = 4e-5  # PostGIS rounds boxes to single precision: at most 1.6e-5 at 180 degrees, twice over


@dataclass(frozen=True, slots=True)
class DegreeBox:
    """A box in CGCS2000 degrees.

    Attributes
    ----------
    rectangles
        ``(west, south, east, north)``; two when the box crosses the antimeridian.
    outline
        The true shape in degrees of a box in a projected CRS, within the one rectangle; None for other boxes.
    """

    rectangles: tuple[BBox, ...]
    outline: Polygon | None = None

    @property
    def shape(self) -> BaseGeometry:
        """The area as a geometry; a point or line for a box without width or height."""
        if self.outline is not None:
            return self.outline
        shapes = [_shape(rectangle) for rectangle in self.rectangles]
        return shapes[0] if len(shapes) == 1 else MultiPolygon(shapes)


def parse_bbox(text: str, crs: Crs, parameter: str = "bbox") -> DegreeBox:
    """Read a box of 4 or 6 numbers in the official axis order of its CRS; heights are checked and ignored.

    Raises
    ------
    BadInput
        When it is not 4 or 6 finite numbers, lies outside the CRS, or its lower corner is above its upper one;
        only the western longitude may be the larger one: the box then crosses the antimeridian.
    """
    parts = text.split(",", 7)
    try:
        numbers = [float(part) for part in parts if "_" not in part]
    except ValueError:
        numbers = []
    if len(numbers) != len(parts):
        raise BadInput(f"{parameter} is '{text[:80]}'; write 4 or 6 numbers with commas", parameter=parameter)
    return bbox_of(numbers, crs, parameter)


def bbox_of(numbers: Sequence[float], crs: Crs, parameter: str = "bbox") -> DegreeBox:
    """Return the box of 4 or 6 numbers, as `parse_bbox`.

    Raises
    ------
    BadInput
        As `parse_bbox`.
    """
    if len(numbers) not in {4, 6}:
        raise BadInput(f"{parameter} has {len(numbers)} numbers; 4 or 6 are allowed", parameter=parameter)
    if not all(math.isfinite(number) for number in numbers):
        raise BadInput(f"{parameter} has a number that is not finite", parameter=parameter)
    half = len(numbers) // 2
    lower, upper = numbers[:half], numbers[half:]
    if half == 3 and lower[2] > upper[2]:
        raise BadInput(f"{parameter}'s lower height {lower[2]} is above its upper {upper[2]}", parameter=parameter)
    west, south = (lower[1], lower[0]) if crs.flips else (lower[0], lower[1])
    east, north = (upper[1], upper[0]) if crs.flips else (upper[0], upper[1])
    if south > north:
        raise BadInput(
            f"{parameter}'s southern edge {south:g} is above its northern {north:g}; {_order(crs)}", parameter=parameter
        )
    box = (west, south, east, north)
    is_straight = crs.unit == "degree" and crs.datum is None
    return _geographic(box, crs, parameter) if is_straight else _bent(box, crs, parameter)


def _order(crs: Crs) -> str:
    first, second = ("east", "north") if crs.unit == "metre" else ("longitude", "latitude")
    first, second = (second, first) if crs.flips else (first, second)
    return f"the axis order of {crs.short} is {first}, {second}"


def _geographic(box: BBox, crs: Crs, parameter: str) -> DegreeBox:
    west, south, east, north = (float(edge) for edge in settled(np.array(box)))
    box = (west, south, east, north)
    if not (abs(west) <= LON_MAX and abs(east) <= LON_MAX and south >= -LAT_MAX and north <= LAT_MAX):
        raise BadInput(f"{parameter} reaches beyond longitude ±180 or latitude ±90; {_order(crs)}", parameter=parameter)
    if west > east:
        return DegreeBox(((west, south, 180.0, north), (-180.0, south, east, north)))
    return DegreeBox((box,))


def _bent(box: BBox, crs: Crs, parameter: str) -> DegreeBox:
    west, south, east, north = box
    if west > east:
        raise BadInput(
            f"{parameter}'s western edge {west:g} is beyond its eastern {east:g}; {_order(crs)}", parameter=parameter
        )
    xs, ys = np.linspace(west, east, _EDGE_PARTS + 1), np.linspace(south, north, _EDGE_PARTS + 1)
    ring = np.vstack(
        [
            np.column_stack([xs, np.full_like(xs, south)]),
            np.column_stack([np.full_like(ys, east), ys])[1:],
            np.column_stack([xs[::-1], np.full_like(xs, north)])[1:],
            np.column_stack([np.full_like(ys, west), ys[::-1]])[1:],
        ]
    )
    degrees = to_stored(ring, crs, parameter)
    (left, bottom), (right, top) = degrees.min(axis=0), degrees.max(axis=0)
    rectangle = (float(left), float(bottom), float(right), float(top))
    has_area = west < east and south < north
    return DegreeBox((rectangle,), Polygon(degrees) if has_area else None)


def to_stored(xy: np.ndarray, crs: Crs, parameter: str) -> np.ndarray:
    """Transform x, y coordinates `[n, 2]` to CGCS2000 degrees.

    Raises
    ------
    BadInput
        When one is not finite, or lies where the CRS is not defined (PROJ would wrap it round the world), or when all
        of them lie far from its area of use, as they do when the axes are exchanged.
    """
    if not np.isfinite(xy).all():
        raise BadInput(f"{parameter} has a coordinate that is not finite", parameter=parameter)
    unshifted = xy if crs.datum is None else from_datum(xy, crs.datum)
    degrees = settled(transform(unshifted, crs.srid, STORED_SRID))
    inside = are_degrees(degrees).all()
    if inside and crs.unit == "metre" and len(degrees):
        west, south, east, north = reach(crs.srid)
        (left, bottom), (right, top) = degrees.min(axis=0), degrees.max(axis=0)
        inside = left <= east and right >= west and bottom <= north and top >= south
    if inside and crs.unit == "metre":
        inside = (np.abs(transform(degrees, STORED_SRID, crs.srid) - xy) <= _ROUND_TRIP_M).all()
    if not inside:
        raise BadInput(
            f"{parameter} has a coordinate outside the area of {crs.short}; {_order(crs)}", parameter=parameter
        )
    return degrees


def compile_bbox(bbox: DegreeBox, geometry: Queryable) -> Clause:
    """Build the predicate for a layer's geometry; edges count.

    The `&&` of PostGIS compares boxes rounded to single precision (up to a metre here), so every row it lets through
    is tested exactly: points by their coordinates, all else by `ST_Intersects`, unless its box lies well within.
    """
    column = geometry.clause
    if bbox.outline is not None:
        return compose("ST_Intersects({}, {})", column, geometry_literal(bbox.shape))
    if geometry.geometry_type == "Point":
        x, y = (Clause("f._lon_now"), Clause("f._lat_now")) if geometry.moves else _coordinates(column)
        tests = (_points_in(rectangle, column, x, y) for rectangle in bbox.rectangles)
    else:
        tests = (_shapes_in(rectangle, column) for rectangle in bbox.rectangles)
    return compose("({})", join(" OR ", tests))


def _coordinates(column: Clause) -> tuple[Clause, Clause]:
    return compose("ST_X({})", column), compose("ST_Y({})", column)


def _shapes_in(rectangle: BBox, column: Clause) -> Clause:
    return intersects(column, _shape(rectangle), rectangle)


def intersects(column: Clause, area: BaseGeometry, inner: BBox | None) -> Clause:
    """Build the predicate that a column's geometry meets an area.

    Most features in a window lie well within it, and that test costs a tenth of an exact one. It is a CASE after a box
    test, because for an OR PostgreSQL would search the index for both sides.

    Parameters
    ----------
    inner
        A rectangle within the area; `None` tests everything exactly.
    """
    exact = compose("ST_Intersects({}, {})", column, geometry_literal(area))
    if inner is None or min(inner[2] - inner[0], inner[3] - inner[1]) < 4 * _ROUNDING_DEG:
        return exact
    west, south, east, north = inner
    well = shapely.box(west + _ROUNDING_DEG, south + _ROUNDING_DEG, east - _ROUNDING_DEG, north - _ROUNDING_DEG)
    return compose(
        "({} && {} AND CASE WHEN {} @ {} THEN TRUE ELSE {} END)",
        *(column, geometry_literal(area), column, geometry_literal(well), exact),
    )


def _points_in(rectangle: BBox, column: Clause, x: Clause, y: Clause) -> Clause:
    west, south, east, north = (Clause("?0::double precision", (edge,)) for edge in rectangle)
    box = geometry_literal(_shape(rectangle))
    return compose(
        "({} && {} AND {} BETWEEN {} AND {} AND {} BETWEEN {} AND {})", column, box, x, west, east, y, south, north
    )


def geometry_literal(geometry: BaseGeometry) -> Clause:
    """Bind a geometry in CGCS2000 degrees as one value: a kept plan would build it from parts anew for every row."""
    placed = shapely.set_srid(geometry, STORED_SRID)
    return Clause("?0::geometry", (shapely.to_wkb(placed, hex=True, include_srid=True),))


def _shape(rectangle: BBox) -> BaseGeometry:
    west, south, east, north = rectangle
    if west < east and south < north:
        return shapely.box(west, south, east, north)
    if west == east and south == north:
        return Point(west, south)
    return LineString([(west, south), (east, north)])
