"""Spatial functions of a literal that is a collection of points, lines and areas together.

PostGIS relates no such collections. As a set of points it is the union of its areas, its lines outside of them and its
points outside of both, and every predicate follows from predicates of these parts, each of one dimension.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import GeometryCollection
from shapely.geometry.base import BaseGeometry

from layers.clause import Clause, compose, join
from layers.cql2.bbox import geometry_literal

_SAME_DEG = 1e-9  # a tenth of a millimetre: a line cut at an area's edge ends within the rounding of a double
_TURNED = {"s_within": "s_contains", "s_contains": "s_within"}
_NOTHING = Clause("FALSE")


def union_of(collection: BaseGeometry) -> BaseGeometry:
    """Return the set of a collection's points as one geometry; of one dimension where that covers all other parts."""
    return shapely.union_all(shapely.get_parts(collection))


def relate_mixed(op: str, column: Clause, mixed: BaseGeometry, *, turned: bool) -> Clause:
    """Relate a column with a collection of several kinds.

    Parameters
    ----------
    op
        Any function but S_INTERSECTS and S_DISJOINT, which PostGIS has for collections too.
    mixed
        A result of `union_of` of more than one dimension; it is the right argument, or `turned` the left one.
    """
    parts = {dimension: geometry_literal(part) for dimension, part in by_dimension(mixed).items()}
    tested = _TESTS[_TURNED.get(op, op) if turned else op](column, parts)
    known = compose("CASE WHEN {} IS NOT NULL THEN {} END", column, tested)  # unknown for a row without geometry
    nearby = compose("{} && {}", column, geometry_literal(shapely.box(*mixed.bounds)))
    return compose("({} AND {})", nearby, known)


type _Parts = dict[int, Clause]  # by dimension


def by_dimension(mixed: BaseGeometry) -> dict[int, BaseGeometry]:
    """Return the parts of a collection by their dimension, all of one dimension in one geometry."""
    pieces = shapely.get_parts(mixed)
    dimensions = shapely.get_dimensions(pieces)
    return {int(d): shapely.union_all(pieces[dimensions == d]) for d in np.unique(dimensions)}


def _any(test: str, column: Clause, parts: _Parts) -> Clause:
    return compose("({})", join(" OR ", (compose(test, column, part) for part in parts.values())))


def _all(test: str, column: Clause, parts: _Parts) -> Clause:
    return compose("({})", join(" AND ", (compose(test, column, part) for part in parts.values())))


def _interiors_meet(column: Clause, parts: _Parts) -> Clause:
    return _any("ST_Relate({}, {}, 'T********')", column, parts)


def _covers(column: Clause, parts: _Parts) -> Clause:
    return _all("ST_Covers({}, {})", column, parts)


def _covered(column: Clause, parts: _Parts) -> Clause:
    """Return the condition that the column lies in the union of the parts; an area can only lie in the areas."""
    rest = column
    for part in reversed(parts.values()):
        rest = compose("ST_Difference({}, {})", rest, part)
    areas = compose("ST_CoveredBy({}, {})", column, parts[2]) if 2 in parts else _NOTHING
    return compose(
        f"CASE ST_Dimension({{}}) WHEN 2 THEN {{}} WHEN 1 THEN ST_Length({{}}) < {_SAME_DEG} ELSE ST_IsEmpty({{}}) END",
        *(column, areas, rest, rest),
    )


def _contains(column: Clause, parts: _Parts) -> Clause:
    return compose("({} AND {})", _covers(column, parts), _interiors_meet(column, parts))


def _within(column: Clause, parts: _Parts) -> Clause:
    return compose("({} AND {})", _covered(column, parts), _interiors_meet(column, parts))


def _touches(column: Clause, parts: _Parts) -> Clause:
    return compose("({} AND NOT {})", _any("ST_Intersects({}, {})", column, parts), _interiors_meet(column, parts))


def _crosses(column: Clause, parts: _Parts) -> Clause:
    """Return the condition: interiors meet in less than the higher dimension, and part of the lower is outside."""
    largest = max(parts)
    meets = _interiors_meet(column, parts)
    lower = compose("NOT {}", _covered(column, parts))
    higher = compose("NOT {}", _covers(column, parts))
    alike = compose("NOT ST_Relate({}, {}, '1********')", column, parts[1]) if largest == 1 else _NOTHING
    return compose(
        f"({{}} AND CASE WHEN ST_Dimension({{}}) < {largest} THEN {{}}"
        f" WHEN ST_Dimension({{}}) > {largest} THEN {{}} ELSE {{}} END)",
        *(meets, column, lower, column, higher, alike),
    )


def _overlaps(column: Clause, parts: _Parts) -> Clause:
    """Return the condition that both have the same dimension, share points, and each has points outside the other."""
    largest = max(parts)
    shared = compose("ST_Relate({}, {}, '1********')", column, parts[1]) if largest == 1 else None
    shared = shared or _interiors_meet(column, parts)
    outside = (compose("NOT {}", _covered(column, parts)), compose("NOT {}", _covers(column, parts)))
    return compose(f"(ST_Dimension({{}}) = {largest} AND {{}} AND {{}} AND {{}})", column, shared, *outside)


_TESTS: dict[str, Callable[[Clause, _Parts], Clause]] = {
    "s_equals": lambda _column, _parts: _NOTHING,  # the geometry of a row is of one kind
    "s_touches": _touches,
    "s_within": _within,
    "s_contains": _contains,
    "s_overlaps": _overlaps,
    "s_crosses": _crosses,
}


def shapes_relate(op: str, shape: BaseGeometry, collection: BaseGeometry, *, turned: bool) -> bool:
    """Relate a shape with a collection in memory, as the SQL does.

    GEOS 3.14 relates collections itself, but finds an area outside of a collection that has a point beside its areas.
    """
    united = union_of(collection)
    if not isinstance(united, GeometryCollection):
        return bool(getattr(shapely, op[2:])(*((united, shape) if turned else (shape, united))))
    return _HOLDS[_TURNED.get(op, op) if turned else op](_Pair(shape, by_dimension(united)))


@dataclass(frozen=True, slots=True)
class _Pair:
    shape: BaseGeometry
    parts: dict[int, BaseGeometry]

    @property
    def dimensions(self) -> tuple[int, int]:
        return int(shapely.get_dimensions(self.shape)), max(self.parts)

    def meet(self) -> bool:
        return any(shapely.relate_pattern(self.shape, part, "T********") for part in self.parts.values())

    def intersect(self) -> bool:
        return any(shapely.intersects(self.shape, part) for part in self.parts.values())

    def covers(self) -> bool:
        return all(shapely.covers(self.shape, part) for part in self.parts.values())

    def covered(self) -> bool:
        if self.dimensions[0] == 2:
            return 2 in self.parts and bool(shapely.covered_by(self.shape, self.parts[2]))
        rest = self.shape
        for part in reversed(self.parts.values()):
            rest = shapely.difference(rest, part)
        return bool(rest.length < _SAME_DEG) if self.dimensions[0] == 1 else bool(rest.is_empty)

    def share_a_line(self) -> bool:
        return bool(shapely.relate_pattern(self.shape, self.parts[1], "1********"))

    def cross(self) -> bool:
        own, largest = self.dimensions
        if own == largest:
            return own == 1 and self.meet() and not self.share_a_line()
        return self.meet() and not (self.covered() if own < largest else self.covers())

    def overlap(self) -> bool:
        own, largest = self.dimensions
        shared = own == largest and (self.share_a_line() if largest == 1 else self.meet())
        return shared and not self.covered() and not self.covers()


_HOLDS: dict[str, Callable[[_Pair], bool]] = {
    "s_intersects": _Pair.intersect,
    "s_disjoint": lambda pair: not pair.intersect(),
    "s_equals": lambda _: False,
    "s_touches": lambda pair: pair.intersect() and not pair.meet(),
    "s_within": lambda pair: pair.covered() and pair.meet(),
    "s_contains": lambda pair: pair.covers() and pair.meet(),
    "s_overlaps": _Pair.overlap,
    "s_crosses": _Pair.cross,
}
