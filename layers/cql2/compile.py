"""CQL2 JSON → one typed, allow-listed SQL condition.

Each node becomes an `Operand` (a type and a clause); operators check the types of theirs. No part of the expression
enters the text of the SQL: names select a column of the queryables, values are bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from layers.clause import Clause, compose, join
from layers.coordinates.crs import Crs
from layers.cql2 import spatial, temporal
from layers.cql2.comparison import OPERATORS, between, compare, is_in, is_null, like
from layers.cql2.functions import ARITHMETIC, arithmetic, call, of_array
from layers.cql2.limits import PARAMETER
from layers.cql2.operand import (
    NULL,
    Operand,
    expect,
    expect_count,
    of_boolean,
    of_null,
    of_number,
    of_property,
    of_string,
    truth,
)
from layers.cql2.queryable import Queryable, find_queryable
from layers.errors import BadFilter

_ARITHMETIC_MAX = 64  # operators in one filter; keeps numeric far from its 131,072 digits
_BIGGEST = 1_000_000


@dataclass(slots=True)
class _Compiler:
    queryables: Mapping[str, Queryable]
    crs: Crs
    arithmetic_left: int = _ARITHMETIC_MAX

    def operand(self, node: Any) -> Operand:
        """Compile one node of any kind.

        Raises
        ------
        BadFilter
            When it is NULL or of no type that CQL2 has.
        """
        if isinstance(node, bool):
            return of_boolean(node)
        if isinstance(node, int | float | Decimal):
            return of_number(node)
        if isinstance(node, str):
            return of_string(node)
        if isinstance(node, list | tuple):
            return of_array([self.operand(member) for member in node])
        if isinstance(node, dict):
            return self.object(node)
        if node is NULL:
            return of_null()
        if node is None:
            raise BadFilter("NULL cannot be compared; write IS NULL", parameter=PARAMETER)
        raise BadFilter(f"a {type(node).__name__} cannot stand in a filter", parameter=PARAMETER)

    def object(self, node: dict[str, Any]) -> Operand:
        """Compile a JSON object: a property, an operation or a typed literal.

        Raises
        ------
        BadFilter
            When it is none of these.
        """
        makers: dict[str, Callable[[], Operand]] = {
            "op": lambda: self.operation(node["op"], node.get("args")),
            "property": lambda: of_property(find_queryable(node["property"], self.queryables)),
            "date": lambda: temporal.of_date(node["date"]),
            "timestamp": lambda: temporal.of_timestamp(node["timestamp"]),
            "interval": lambda: self.interval(node["interval"]),
            "bbox": lambda: spatial.of_bbox(node["bbox"], self.crs),
            "type": lambda: spatial.of_geometry(node, self.crs),
        }
        make = next((make for member, make in makers.items() if member in node), None)
        if make is not None:
            return make()
        raise BadFilter(
            f"an object with the members ({', '.join(sorted(node))[:80]}) is none of op, property, date, timestamp,"
            " interval, bbox and GeoJSON geometry",
            parameter=PARAMETER,
        )

    def interval(self, ends: Any) -> Operand:
        if not isinstance(ends, list | tuple) or len(ends) != 2:
            raise BadFilter("INTERVAL takes 2 instants, either of which may be '..'", parameter=PARAMETER)
        first, last = (temporal.open_end() if end == ".." else self.operand(end) for end in ends)
        return temporal.of_interval(first, last)

    def operation(self, op: Any, args: Any) -> Operand:
        """Compile an operation: its name in any case, its arguments an array.

        Raises
        ------
        BadFilter
            When it has another form, or IN has no list.
        """
        if not isinstance(op, str) or not isinstance(args, list | tuple):
            raise BadFilter("an operation has a string 'op' and an array 'args'", parameter=PARAMETER)
        name = op.lower()
        if name == "in":
            expect_count("IN", args, 2)
            if not isinstance(args[1], list | tuple):
                raise BadFilter("IN takes a list of values", parameter=PARAMETER)
            return is_in(self.operand(args[0]), [self.operand(member) for member in args[1]])
        return self.apply(name, op, [self.operand(argument) for argument in args])

    def apply(self, name: str, op: str, operands: Sequence[Operand]) -> Operand:
        """Apply an operator to compiled operands.

        Raises
        ------
        BadFilter
            When the filter has too many arithmetic operators.
        """
        if name in _COUNTS:
            expect_count(op.upper(), operands, *_COUNTS[name])
        if name in ARITHMETIC:
            self.arithmetic_left -= 1
            if self.arithmetic_left < 0:
                raise BadFilter(f"the filter has more than {_ARITHMETIC_MAX} arithmetic operators", parameter=PARAMETER)
            return arithmetic(name, operands)
        for names, relate in _RELATIONS:
            if name in names:
                return relate(name, operands[0], operands[1])
        return _PREDICATES[name](operands) if name in _PREDICATES else call(name, operands)


def _logical(name: str, operands: Sequence[Operand]) -> Operand:
    clauses = (compose("({})", expect(o, {"boolean"}, name).clause) for o in operands)
    return truth(join(f" {name} ", clauses), name)


def _not(operands: Sequence[Operand]) -> Operand:
    return truth(compose("NOT ({})", expect(operands[0], {"boolean"}, "NOT").clause), "NOT")


_RELATIONS: tuple[tuple[Mapping[str, object], Callable[[str, Operand, Operand], Operand]], ...] = (
    (OPERATORS, compare),
    (spatial.PREDICATES, spatial.relate),
    (temporal.RELATIONS, temporal.relate),
)
_PREDICATES: dict[str, Callable[[Sequence[Operand]], Operand]] = {
    "and": lambda operands: _logical("AND", operands),
    "or": lambda operands: _logical("OR", operands),
    "not": _not,
    "isnull": lambda operands: is_null(operands[0]),
    "like": lambda operands: like(operands[0], operands[1]),
    "between": between,
    "s_dwithin": lambda operands: spatial.is_within_distance(*operands),
}
_COUNTS: dict[str, tuple[int, int]] = {
    **{name: (2, 2) for names, _ in _RELATIONS for name in names},
    "and": (2, _BIGGEST),
    "or": (2, _BIGGEST),
    "not": (1, 1),
    "isnull": (1, 1),
    "like": (2, 2),
    "between": (3, 3),
    "s_dwithin": (3, 3),
}


def compile_expression(expression: Any, queryables: Mapping[str, Queryable], crs: Crs) -> Clause:
    """Compile a whole filter, as `layers.cql2.compile_filter`.

    Raises
    ------
    BadFilter
        When it is no condition; else as `layers.cql2.compile_filter`.
    """
    operand = _Compiler(queryables, crs).operand(expression)
    if operand.kind != "boolean":
        raise BadFilter(
            f"a filter is true or false for every feature; this one is {operand.shown} ({operand.kind})",
            parameter=PARAMETER,
        )
    return compose("({})", operand.clause)  # in parentheses, so that an AND after it splits no OR
