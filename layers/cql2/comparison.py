"""=, <>, <, >, <=, >=, BETWEEN, IN, LIKE and IS NULL over typed operands.

Text is compared by code point (collation "C"): the same on every server, also between columns of other collations.
"""

from __future__ import annotations

from collections.abc import Sequence

from layers.clause import Clause, bind, compose, join
from layers.cql2.limits import PARAMETER
from layers.cql2.operand import INSTANTS, NUMBERS, Operand, as_boolean, as_double, expect, truth
from layers.cql2.temporal import as_instant, compare_instants
from layers.errors import BadFilter

OPERATORS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
_HINTS = {
    "geometry": "use S_EQUALS or another spatial function",
    "string_array": "use A_EQUALS, A_CONTAINS, A_CONTAINEDBY or A_OVERLAPS",
    "interval": "use a temporal function such as T_INTERSECTS",
    "json": "only IS NULL can be asked of it",
}


def compare(op: str, left: Operand, right: Operand) -> Operand:
    """Compare two operands of one type.

    Raises
    ------
    BadFilter
        When their types cannot be compared by this operator.
    """
    return truth(_compare(OPERATORS[op], left, right), f"{left.shown} {op} {right.shown}"[:80])


def _compare(op: str, left: Operand, right: Operand) -> Clause:
    if left.kind == "boolean" and left.is_property:
        right = as_boolean(right)
    elif right.kind == "boolean" and right.is_property:
        left = as_boolean(left)
    kinds = {left.kind, right.kind}
    if kinds <= NUMBERS:
        return compose(f"{{}} {op} {{}}", *_numbers([left, right]))
    if kinds & INSTANTS and kinds <= INSTANTS | {"string"}:
        return compare_instants(op, as_instant(left), as_instant(right))
    if kinds == {"string"}:
        return compose(f"{{}} {op} {{}}", *_texts([left, right], is_order=op not in {"=", "<>"}))
    if kinds == {"boolean"}:  # false is less than true
        return compose(f"({{}}) {op} ({{}})", left.clause, right.clause)
    raise _cannot(op, left, right)


def _cannot(op: str, left: Operand, right: Operand) -> BadFilter:
    hint = next((f"; {_HINTS[o.kind]}" for o in (left, right) if o.kind in _HINTS), "")
    if "boolean" in (left.kind, right.kind):
        hint = "; a boolean is true or false, 1 or 0"
    return BadFilter(f"{op} cannot compare {left.shown} with {right.shown}{hint}", parameter=PARAMETER)


def _numbers(operands: Sequence[Operand]) -> list[Clause]:
    """Bring numbers to one type: literals beside a double column are doubles, all other numbers are exact."""
    if "number" in {o.kind for o in operands}:
        operands = [as_double(o) if o.is_literal else o for o in operands]
    if {o.kind for o in operands} == {"number", "decimal"} or {o.kind for o in operands} == NUMBERS:
        return [o.recast("numeric") if o.kind == "number" else o.clause for o in operands]
    return [o.clause for o in operands]


def _texts(operands: Sequence[Operand], *, is_order: bool = False) -> list[Clause]:
    """Bring texts to one collation; equality with literals needs none and may use the column's own index."""
    if not is_order and sum(not o.is_literal for o in operands) < 2:
        return [o.clause for o in operands]
    return [compose('{} COLLATE "C"', o.clause) for o in operands]


def between(operands: Sequence[Operand]) -> Operand:
    """`x BETWEEN low AND high`, ends included, of numbers, text, booleans or instants."""
    value, low, high = operands
    shown = f"{value.shown} BETWEEN"
    return truth(compose("({} AND {})", _compare(">=", value, low), _compare("<=", value, high)), shown)


def is_in(value: Operand, members: Sequence[Operand]) -> Operand:
    """`x IN (…)`; false for an empty list.

    Raises
    ------
    BadFilter
        When a member is of another type than the value.
    """
    shown = f"{value.shown} IN"
    if value.kind == "boolean" and value.is_property:
        members = [as_boolean(member) for member in members]
    if not members:
        return truth(Clause("FALSE"), shown)
    kinds = {value.kind, *(m.kind for m in members)}
    if value.kind in INSTANTS and kinds <= INSTANTS | {"string"}:
        return truth(compose("({})", join(" OR ", (_compare("=", value, m) for m in members))), shown)
    if not (kinds <= NUMBERS or kinds in ({"string"}, {"boolean"})):
        wrong = next(m for m in members if m.kind != value.kind and not {m.kind, value.kind} <= NUMBERS)
        raise _cannot("IN", value, wrong)
    return truth(_any_of(value, members) or _member_tests(value, members), shown)


def _any_of(value: Operand, members: Sequence[Operand]) -> Clause:
    """Return a test with one bound array for literals of the column's own type; empty for other members."""
    if value.is_literal or not all(m.is_literal for m in members):
        return Clause("")
    if value.kind == "number":
        members, cast = [as_double(m) for m in members], "double precision[]"
    else:
        cast = {"string": "text[]", "integer": "bigint[]"}.get(value.kind, "")
        if not cast or any(m.kind != value.kind for m in members):
            return Clause("")
    return compose("{} = ANY ({})", value.clause, bind([m.value for m in members], cast))


def _member_tests(value: Operand, members: Sequence[Operand]) -> Clause:
    both = [value, *members]
    clauses = _numbers(both) if value.kind in NUMBERS else _texts(both) if value.kind == "string" else None
    first, *rest = clauses or [compose("({})", o.clause) for o in both]
    return compose("{} IN ({})", first, join(", ", rest))


def like(value: Operand, pattern: Operand) -> Operand:
    r"""`x LIKE 'a%'`: % is any run of characters, _ any one, \ takes the next character as it is.

    Raises
    ------
    BadFilter
        When one side is no text, the pattern is no literal, or its last \ has no character to escape.
    """
    expect(value, {"string"}, "LIKE")
    expect(pattern, {"string"}, "LIKE")
    if pattern.pattern is None:
        raise BadFilter(f"LIKE takes a pattern in quotes, not {pattern.shown}", parameter=PARAMETER)
    if (len(pattern.pattern) - len(pattern.pattern.rstrip("\\"))) % 2:
        raise BadFilter(
            rf"the LIKE pattern '{pattern.pattern[:80]}' ends in \, which has nothing to escape; write \\ for one \ ",
            parameter=PARAMETER,
        )
    return truth(compose("{} LIKE {}", value.clause, pattern.clause), f"{value.shown} LIKE")


def is_null(value: Operand) -> Operand:
    """`x IS NULL` of a property or of a computed value.

    Raises
    ------
    BadFilter
        When it is an interval.
    """
    if value.kind == "interval":
        raise BadFilter("IS NULL takes a property, not an interval", parameter=PARAMETER)
    return truth(compose("({}) IS NULL", value.clause), f"{value.shown} IS NULL")
