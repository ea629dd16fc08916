"""Geometry literals and the spatial functions.

The literal is transformed to the stored CRS, never the column, so that the GiST index serves the predicate.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import shapely
from shapely import GeometryCollection
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry
from shapely.validation import explain_validity

from layers.clause import Clause, compose
from layers.coordinates.crs import Crs
from layers.cql2.bbox import bbox_of, geometry_literal, intersects, to_stored
from layers.cql2.inscribed import inscribed
from layers.cql2.limits import PARAMETER
from layers.cql2.mixed import relate_mixed, shapes_relate, union_of
from layers.cql2.operand import NUMBERS, Operand, expect, truth
from layers.errors import BadFilter, BadInput

_TYPES = {
    "Point": 0,  # levels of arrays around a position
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
PREDICATES = {
    "s_intersects": "ST_Intersects({}, {})",
    "s_disjoint": "NOT ST_Intersects({}, {})",  # ST_Disjoint takes no collections
    "s_equals": "ST_Equals({}, {})",
    "s_touches": "ST_Touches({}, {})",
    "s_within": "ST_Within({}, {})",
    "s_contains": "ST_Contains({}, {})",
    "s_overlaps": "ST_Overlaps({}, {})",
    "s_crosses": "ST_Crosses({}, {})",
}
SHAPELY: dict[str, Callable[..., Any]] = {
    "s_intersects": shapely.intersects,
    "s_disjoint": shapely.disjoint,
    "s_equals": shapely.equals,
    "s_touches": shapely.touches,
    "s_within": shapely.within,
    "s_contains": shapely.contains,
    "s_overlaps": shapely.overlaps,
    "s_crosses": shapely.crosses,
}
_COLLECTIONS_TOO = {"s_intersects", "s_disjoint"}
_METRES_PER_DEGREE = 110_000  # less than the shortest degree of latitude, so that boxes are rather too large


def of_geometry(node: dict[str, Any], crs: Crs) -> Operand:
    """Return the operand of a GeoJSON geometry in `crs` and its official axis order.

    Raises
    ------
    BadFilter
        When it is no valid geometry, or has a coordinate outside its CRS.
    """
    geometry = _to_degrees(_read(node), crs)
    if not geometry.is_valid:
        raise BadFilter(f"the {geometry.geom_type} is not valid: {explain_validity(geometry)}", parameter=PARAMETER)
    return Operand("geometry", geometry_literal(geometry), f"a {geometry.geom_type}", value=geometry)


def of_bbox(numbers: Any, crs: Crs) -> Operand:
    """Return the operand of ``BBOX(…)``: 4 or 6 numbers in the official axis order of `crs`.

    Raises
    ------
    BadFilter
        When they are no box.
    """
    if not isinstance(numbers, list | tuple) or not all(_is_number(n) for n in numbers):
        raise BadFilter("BBOX takes 4 or 6 numbers", parameter=PARAMETER)
    try:
        area = bbox_of([_float(n) for n in numbers], crs, "BBOX").shape
    except BadInput as error:
        raise BadFilter(error.message, parameter=PARAMETER) from error
    return Operand("geometry", geometry_literal(area), "a BBOX", value=area)


def _read(node: dict[str, Any]) -> BaseGeometry:
    kind = node.get("type")
    if kind == "GeometryCollection":
        members = node.get("geometries")
        if not isinstance(members, list | tuple) or not members:
            raise BadFilter("a GeometryCollection has an array of 'geometries'", parameter=PARAMETER)
        if not all(isinstance(m, dict) and m.get("type") in _TYPES for m in members):
            raise BadFilter(f"a member of a GeometryCollection is one of {', '.join(_TYPES)}", parameter=PARAMETER)
        return _homogeneous(shapely.GeometryCollection([_read(member) for member in members]))
    if not isinstance(kind, str) or kind not in _TYPES:
        allowed = ", ".join([*_TYPES, "GeometryCollection"])
        raise BadFilter(f"'{str(kind)[:40]}' is no type of geometry; allowed are {allowed}", parameter=PARAMETER)
    coordinates = _positions(node.get("coordinates"), _TYPES[kind], kind)
    try:
        return shape({"type": kind, "coordinates": coordinates})
    except (ShapelyError, ValueError, TypeError, IndexError) as error:
        raise BadFilter(f"the {kind} cannot be built: {str(error)[:200]}", parameter=PARAMETER) from error


def _positions(part: Any, level: int, kind: str) -> Any:
    """Check the arrays of a geometry, and return x and y of every position as doubles."""
    if not isinstance(part, list | tuple) or not part:
        raise BadFilter(f"the coordinates of a {kind} are not what GeoJSON gives a {kind}", parameter=PARAMETER)
    if level:
        return [_positions(inner, level - 1, kind) for inner in part]
    if not 2 <= len(part) <= 4 or not all(_is_number(number) for number in part):
        raise BadFilter(f"a position of the {kind} is not 2 or 3 numbers", parameter=PARAMETER)
    return (_float(part[0]), _float(part[1]))


def _is_number(node: Any) -> bool:
    return isinstance(node, int | float | Decimal) and not isinstance(node, bool)


def _float(number: float | Decimal) -> float:
    try:
        return float(number)
    except OverflowError as error:
        raise BadFilter("a coordinate is too large to be one", parameter=PARAMETER) from error


def _homogeneous(collection: shapely.GeometryCollection) -> BaseGeometry:
    """Return a collection of one kind as the Multi geometry, which all predicates take."""
    parts = shapely.get_parts(shapely.get_parts(collection))
    kinds = {part.geom_type for part in parts}
    multi = {"Point": shapely.MultiPoint, "LineString": shapely.MultiLineString, "Polygon": shapely.MultiPolygon}
    return multi[kinds.pop()](list(parts)) if len(kinds) == 1 else collection


def _to_degrees(geometry: BaseGeometry, crs: Crs) -> BaseGeometry:
    def move(xy: np.ndarray) -> np.ndarray:
        return to_stored(xy[:, ::-1] if crs.flips else xy, crs, "the geometry")

    try:
        return shapely.transform(geometry, move)
    except BadInput as error:
        raise BadFilter(error.message, parameter=PARAMETER) from error


def relate(op: str, left: Operand, right: Operand) -> Operand:
    """Apply one of the `S_…` functions.

    Raises
    ------
    BadFilter
        When an argument is no geometry.
    """
    for side in (left, right):
        expect(side, {"geometry"}, op.upper())
    return truth(_relation(op, left, right), op.upper())


def _relation(op: str, left: Operand, right: Operand) -> Clause:
    if op not in _COLLECTIONS_TOO:
        for column, literal in ((left, right), (right, left)):
            if isinstance(literal.value, GeometryCollection):
                return _with_collection(op, column, literal.value, turned=literal is left)
    column, literal = (left, right) if right.is_literal else (right, left)
    if op != "s_intersects" or column.is_literal or not isinstance(literal.value, BaseGeometry):
        return compose(PREDICATES[op], left.clause, right.clause)
    return intersects(column.clause, literal.value, inscribed(literal.value))


def _with_collection(op: str, other: Operand, collection: GeometryCollection, *, turned: bool) -> Clause:
    if isinstance(other.value, BaseGeometry):
        pair = (collection, other.value) if turned else (other.value, collection)
        return Clause("TRUE" if relate_shapes(op, *pair) else "FALSE")
    united = union_of(collection)
    if isinstance(united, GeometryCollection):
        return relate_mixed(op, other.clause, united, turned=turned)
    literal = geometry_literal(united)
    return compose(PREDICATES[op], *((literal, other.clause) if turned else (other.clause, literal)))


def relate_shapes(op: str, left: BaseGeometry, right: BaseGeometry) -> bool:
    """Apply one of the functions in memory; two collections are related by GEOS itself."""
    mixed = [isinstance(shape, GeometryCollection) for shape in (left, right)]
    if mixed[0] == mixed[1]:
        return bool(SHAPELY[op](left, right))
    shape, collection = (right, left) if mixed[0] else (left, right)
    return shapes_relate(op, shape, collection, turned=mixed[0])


def is_within_distance(left: Operand, right: Operand, distance_m: Operand) -> Operand:
    """`S_DWITHIN(geom, POINT(…), metres)`, geodesic; the index is searched with the literal's widened box.

    Raises
    ------
    BadFilter
        When the arguments are not two geometries and a number of metres from 0 to 1,000,000.
    """
    for side in (left, right):
        expect(side, {"geometry"}, "S_DWITHIN")
    expect(distance_m, NUMBERS, "S_DWITHIN")
    if not distance_m.is_literal or not 0 <= float(str(distance_m.value)) <= 1_000_000:
        raise BadFilter(f"S_DWITHIN takes 0 to 1000000 metres, not {distance_m.shown}", parameter=PARAMETER)
    metres = Clause("?0::double precision", (float(str(distance_m.value)),))
    exact = compose("ST_DWithin({}::geography, {}::geography, {})", left.clause, right.clause, metres)
    nearby = [
        compose("{} && {}", column.clause, geometry_literal(area))
        for column, literal in ((left, right), (right, left))
        if (area := _widen(literal.value, float(str(distance_m.value)))) is not None
    ]
    return truth(compose("({} AND {})", nearby[0], exact) if nearby else exact, "S_DWITHIN")


def _widen(geometry: object, distance_m: float) -> BaseGeometry | None:
    """Return the box of a literal, widened by a distance; `None` where it would reach a pole or the antimeridian."""
    if not isinstance(geometry, BaseGeometry):
        return None
    west, south, east, north = geometry.bounds
    dy = distance_m / _METRES_PER_DEGREE
    parallel = max(abs(south - dy), abs(north + dy))
    if parallel >= 89:
        return None
    dx = dy / np.cos(np.radians(parallel))
    box = (west - dx, south - dy, east + dx, north + dy)
    return shapely.box(*box) if box[0] >= -180 and box[2] <= 180 else None
