"""CQL2 JSON → a test of one feature in memory, true where the SQL of `compile` would find it.

The expression is compiled to SQL first, so that it is refused for the same reasons in the same words; then each node
becomes a function of a row. None is SQL's unknown. Distances are between points only: geodesic edges, as PostGIS has
them, are not computed in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import shapely

from layers.coordinates.crs import ELLIPSOID, Crs
from layers.cql2 import spatial, temporal
from layers.cql2.comparison import OPERATORS
from layers.cql2.compile import compile_expression
from layers.cql2.exact import ARITHMETIC, ROUNDING, exact
from layers.cql2.limits import PARAMETER
from layers.cql2.operand import INSTANTS, NULL, NUMBERS, Kind, of_number
from layers.cql2.pattern import FOLDS, Pattern
from layers.cql2.queryable import Queryable
from layers.cql2.spans import COMPARE, compare_instants, relate
from layers.errors import BadFilter

type Row = Mapping[str, Any]
type Test = Callable[[Row], bool]
_TOLERANCE_M = 1e-8


@dataclass(frozen=True, slots=True)
class _Term:
    """A typed function of a row; `ends` are those of an interval, `shape` the type of a geometry."""

    kind: Kind
    of: Callable[[Row], Any]
    is_literal: bool = False
    ends: tuple[_Term, ...] = ()
    shape: str = ""


def matcher(expression: Any, queryables: Mapping[str, Queryable], crs: Crs) -> tuple[Test, frozenset[str]]:
    """Return the test of a filter, and the names of the properties it reads.

    The test takes a row by property name: numbers, texts, booleans and lists as in JSON, times as ISO 8601, a
    geometry as shapely's under its queryable's name. An absent property is null.

    Raises
    ------
    BadFilter
        As `compile_filter`; also for a distance, length or area of other geometries than points.
    """
    compile_expression(expression, queryables, crs)
    builder = _Builder(queryables, crs)
    term = builder.term(expression)
    return (lambda row: term.of(row) is True), frozenset(builder.used)


class _Builder:
    def __init__(self, queryables: Mapping[str, Queryable], crs: Crs) -> None:
        self.queryables = queryables
        self.crs = crs
        self.used: set[str] = set()

    def term(self, node: Any) -> _Term:
        if isinstance(node, bool):
            return _literal("boolean", node)
        if isinstance(node, int | float | Decimal):
            operand = of_number(node)
            return _literal(operand.kind, operand.value)
        if isinstance(node, str):
            return _literal("string", node)
        if node is NULL:
            return _Term("string", lambda _: None)
        if isinstance(node, list | tuple):
            members = [self.term(member) for member in node]
            return _Term("string_array", lambda row: [m.of(row) for m in members])
        return self.object(node)

    def object(self, node: dict[str, Any]) -> _Term:
        if "op" in node:
            return self.operation(node["op"].lower(), node["args"])
        if "property" in node:
            self.used.add(node["property"])
            return _property(self.queryables[node["property"]])
        if "interval" in node:
            ends = tuple(
                _literal("open", "..") if end == ".." else _instant(self.term(end)) for end in node["interval"]
            )
            return _Term("interval", lambda _: None, ends=ends)
        for name, make in (("date", temporal.of_date), ("timestamp", temporal.of_timestamp)):
            if name in node:
                return _literal("date" if name == "date" else "datetime", make(node[name]).value)
        operand = spatial.of_bbox(node["bbox"], self.crs) if "bbox" in node else spatial.of_geometry(node, self.crs)
        shapely.prepare(operand.value)
        return _literal("geometry", operand.value, shape=operand.value.geom_type)  # type: ignore[attr-defined]  # a geometry

    def operation(self, op: str, args: Sequence[Any]) -> _Term:
        if op == "in":
            return _in(self.term(args[0]), [self.term(member) for member in args[1]])
        terms = [self.term(argument) for argument in args]
        makers: tuple[tuple[Any, Callable[[str, Sequence[_Term]], _Term]], ...] = (
            (OPERATORS, lambda op, terms: _compare(op, *terms)),
            (spatial.SHAPELY, _spatially),
            (temporal.RELATIONS, _temporally),
            (_ARRAYS, lambda op, terms: _strict("boolean", _ARRAYS[op], terms)),
            (ARITHMETIC, lambda op, terms: _strict("decimal", ARITHMETIC[op], [_exact(t) for t in terms])),
            (ROUNDING, lambda op, terms: _strict("decimal", ROUNDING[op], [_exact(t) for t in terms])),
            (FOLDS, lambda op, terms: _strict("string", FOLDS[op], terms)),
            (_OTHERS, lambda op, terms: _OTHERS[op](terms)),
        )
        return next(make(op, terms) for names, make in makers if op in names)


def _literal(kind: Kind, value: Any, shape: str = "") -> _Term:
    return _Term(kind, lambda _: value, is_literal=True, shape=shape)


def _property(queryable: Queryable) -> _Term:
    name, read = queryable.name, _READ.get(queryable.type)
    if read is None:
        return _Term(queryable.type, lambda row: row.get(name), shape=queryable.geometry_type)

    def of(row: Row) -> Any:
        value = row.get(name)
        return None if value is None else read(value)

    return _Term(queryable.type, of)


_READ: dict[str, Callable[[Any], Any]] = {
    "integer": int,
    "number": float,
    "date": lambda value: value if isinstance(value, date) else date.fromisoformat(value),
    "datetime": lambda value: value if isinstance(value, datetime) else datetime.fromisoformat(value),
}


def _strict(kind: Kind, function: Callable[..., Any], terms: Sequence[_Term]) -> _Term:
    """Return a term that applies a function, and is unknown when one of its arguments is."""
    parts = [term.of for term in terms]
    if len(parts) == 1:
        only = parts[0]
        return _Term(kind, lambda row: None if (value := only(row)) is None else function(value))

    def of(row: Row) -> Any:
        values = [part(row) for part in parts]
        return None if any(value is None for value in values) else function(*values)

    return _Term(kind, of)


def _exact(term: _Term) -> _Term:
    return term if term.kind == "decimal" else _strict("decimal", exact, [term])


def _numbers(terms: Sequence[_Term]) -> list[_Term]:
    """Bring numbers to one type, as `comparison` does."""
    kinds = {term.kind for term in terms}
    if "number" in kinds:
        terms = [_strict("number", float, [t]) if t.is_literal else t for t in terms]
        kinds = {term.kind for term in terms}
    if "number" in kinds and "decimal" in kinds:
        return [_exact(term) if term.kind == "number" else term for term in terms]
    if kinds == {"number", "integer"}:
        return [_strict("number", float, [term]) for term in terms]
    return list(terms)


def _instant(term: _Term) -> _Term:
    if term.kind != "string":
        return term
    value = temporal.of_literal(term.of({})).value
    return _literal("datetime" if isinstance(value, datetime) else "date", value)


def _boolean(term: _Term) -> _Term:
    return _literal("boolean", term.of({}) == 1) if term.is_literal and term.kind == "integer" else term


def _compare(op: str, left: _Term, right: _Term) -> _Term:
    if "boolean" in (left.kind, right.kind):
        left, right = _boolean(left), _boolean(right)
    kinds = {left.kind, right.kind}
    if kinds & INSTANTS:
        return _strict("boolean", lambda a, b: compare_instants(op, a, b), [_instant(left), _instant(right)])
    return _strict("boolean", COMPARE[op], _numbers([left, right]) if kinds <= NUMBERS else [left, right])


def _in(value: _Term, members: Sequence[_Term]) -> _Term:
    if {value.kind, *(member.kind for member in members)} <= NUMBERS:
        value, *members = _numbers([value, *members])
        tests = [_strict("boolean", COMPARE["="], [value, member]) for member in members]
    else:
        tests = [_compare("=", value, member) for member in members]
    return _any(tests)


def _any(tests: Sequence[_Term]) -> _Term:
    return _logical(tests, decisive=True)


def _logical(tests: Sequence[_Term], *, decisive: bool) -> _Term:
    parts = [test.of for test in tests]

    def of(row: Row) -> bool | None:
        unknown = False
        for part in parts:
            value: bool | None = part(row)
            if value is decisive:
                return decisive
            unknown = unknown or value is None
        return None if unknown else not decisive

    return _Term("boolean", of)


def _temporally(op: str, terms: Sequence[_Term]) -> _Term:
    ends = [(term.ends or (_instant(term), _instant(term))) for term in terms]
    in_days = "datetime" not in {end.kind for pair in ends for end in pair}

    def of(row: Row) -> bool | None:
        return relate(op, [(first.of(row), last.of(row)) for first, last in ends], in_days=in_days)

    return _Term("boolean", of)


def _spatially(op: str, terms: Sequence[_Term]) -> _Term:
    left, right = terms
    if right.is_literal and op in {"s_intersects", "s_disjoint"}:
        left, right = right, left  # the literal is prepared, and goes first
    if "GeometryCollection" in (left.shape, right.shape):
        return _strict("boolean", partial(spatial.relate_shapes, op), [left, right])
    test = spatial.SHAPELY[op]
    return _strict("boolean", lambda a, b: bool(test(a, b)), [left, right])


def _points(name: str, terms: Sequence[_Term]) -> None:
    for term in terms:
        if term.shape != "Point":
            raise BadFilter(
                f"{name} on a stream is between points; here is a {term.shape or 'geometry'}", parameter=PARAMETER
            )


def _metres(a: shapely.Point, b: shapely.Point) -> float:
    return round(float(ELLIPSOID.inv(a.x, a.y, b.x, b.y)[2]), 8)  # PostGIS rounds to 10 nm too


def _distance(terms: Sequence[_Term]) -> _Term:
    _points("DISTANCE_M", terms)
    return _strict("number", _metres, terms)


def _is_near(terms: Sequence[_Term]) -> _Term:
    _points("S_DWITHIN", terms[:2])
    metres = float(terms[2].of({}))
    return _strict("boolean", lambda a, b: _metres(a, b) <= metres + _TOLERANCE_M, terms[:2])


def _nothing(name: str) -> Callable[[Sequence[_Term]], _Term]:
    """Return the function for the length or area of a point, which is 0."""

    def make(terms: Sequence[_Term]) -> _Term:
        _points(name, terms)
        return _strict("number", lambda _: 0.0, terms)

    return make


def _like(terms: Sequence[_Term]) -> _Term:
    value, pattern = terms
    like = Pattern(pattern.of({}))  # a literal, perhaps folded
    return _strict("boolean", like.matches, [value])


def _holds(outer: Sequence[Any], inner: Sequence[Any]) -> bool:
    return None not in inner and {*inner} <= {*outer}


_ARRAYS: dict[str, Callable[[Sequence[Any], Sequence[Any]], bool]] = {
    "a_equals": lambda a, b: _holds(a, b) and _holds(b, a),
    "a_contains": _holds,
    "a_containedby": lambda a, b: _holds(b, a),
    "a_overlaps": lambda a, b: bool({*a} & {*b} - {None}),
}
_OTHERS: dict[str, Callable[[Sequence[_Term]], _Term]] = {
    "and": lambda terms: _logical(terms, decisive=False),
    "or": _any,
    "not": lambda terms: _strict("boolean", lambda value: not value, terms),
    "isnull": lambda terms: _Term("boolean", lambda row: terms[0].of(row) is None),
    "like": _like,
    "between": lambda t: _logical([_compare(">=", t[0], t[1]), _compare("<=", t[0], t[2])], decisive=False),
    "s_dwithin": _is_near,
    "char_length": lambda terms: _strict("integer", len, terms),
    "distance_m": _distance,
    "length_m": _nothing("LENGTH_M"),
    "area_m2": _nothing("AREA_M2"),
}
