"""A typed piece of an expression, whose type operators check before they become SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from layers.clause import Clause, bind, compose
from layers.cql2.limits import PARAMETER
from layers.cql2.queryable import Queryable
from layers.errors import BadFilter

Kind = Literal[
    "string",
    "integer",  # bigint
    "number",  # double precision
    "decimal",  # numeric: literals and computed numbers
    "boolean",
    "date",
    "datetime",
    "open",  # the .. of an interval
    "interval",
    "string_array",
    "json",
    "geometry",
]
NUMBERS = frozenset({"integer", "number", "decimal"})
INSTANTS = frozenset({"date", "datetime"})
INT8 = range(-(2**63), 2**63)
_EXPONENT_MAX = 307  # of a double
NULL = object()
"""A text that is not there, in an expression of ours; no client can write it."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A typed piece of an expression.

    Attributes
    ----------
    kind
        Its type.
    clause
        Its SQL over alias `f`; empty for an interval, which is its `ends`.
    shown
        Its name in a message.
    value
        The Python value of a literal; `None` for all others.
    ends
        First and last instant of an interval.
    pattern
        The text of a character literal, also inside CASEI and ACCENTI, for LIKE to check.
    """

    kind: Kind
    clause: Clause
    shown: str
    value: object = None
    ends: tuple[Operand, ...] = ()
    pattern: str | None = None
    is_property: bool = False

    @property
    def is_literal(self) -> bool:
        """Whether it is a literal value."""
        return self.value is not None

    def recast(self, cast: str) -> Clause:
        """Return its SQL with another PostgreSQL type."""
        return compose(f"{{}}::{cast}", self.clause)


def of_property(queryable: Queryable) -> Operand:
    """Return the operand of a property."""
    shown = f"the {queryable.type} property '{queryable.name}'"
    return Operand(queryable.type, queryable.clause, shown, is_property=True)


def of_string(text: str, parameter: str = PARAMETER) -> Operand:
    """Return the operand of a character literal.

    Raises
    ------
    BadFilter
        When PostgreSQL cannot store it: a NUL, or half of a surrogate pair.
    """
    check_text(text, parameter)
    return Operand("string", bind(text, "text"), f"'{text[:40]}'", value=text, pattern=text)


def of_null() -> Operand:
    """Return the operand of a text that is not there: no comparison with it is true."""
    return Operand("string", Clause("NULL::text"), "null")


def check_text(text: str, parameter: str = PARAMETER) -> None:
    """Check that PostgreSQL can store a text as UTF-8.

    Raises
    ------
    BadFilter
        When it holds a NUL, or half of a surrogate pair.
    """
    if "\0" in text:
        raise BadFilter(f"{parameter} holds the character U+0000, which no text here can have", parameter=parameter)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadFilter(f"{parameter} holds half of a surrogate pair, which is no character", parameter=parameter)


def of_number(value: float | Decimal, parameter: str = PARAMETER) -> Operand:
    """Return the operand of a number, exact: bigint where it fits, else numeric.

    Raises
    ------
    BadFilter
        When it is not finite or exceeds a double.
    """
    if isinstance(value, int) and value in INT8:
        return Operand("integer", bind(value, "bigint"), f"the number {value}", value=value)
    number = value if isinstance(value, Decimal) else Decimal(str(value)) if isinstance(value, float) else None
    if number is None and isinstance(value, int) and value.bit_length() < 1024:
        number = Decimal(value)
    if number is None or not number.is_finite() or (number and abs(number.adjusted()) > _EXPONENT_MAX):
        raise BadFilter(
            f"a number in {parameter} is not between 1e-{_EXPONENT_MAX} and 1e{_EXPONENT_MAX} in size",
            parameter=parameter,
        )
    if len(number.as_tuple().digits) > 400:
        raise BadFilter(f"a number in {parameter} has more than 400 digits", parameter=parameter)
    return Operand("decimal", bind(number, "numeric"), f"the number {number}"[:60], value=number)


def of_boolean(value: bool) -> Operand:
    """Return the operand of TRUE or FALSE."""
    return Operand("boolean", Clause("TRUE" if value else "FALSE"), str(value).upper(), value=value)


def as_boolean(operand: Operand) -> Operand:
    """Return 0 and 1 as FALSE and TRUE, which GDAL writes as numbers; any other operand unchanged."""
    if operand.kind == "integer" and operand.is_literal and operand.value in {0, 1}:
        return of_boolean(operand.value == 1)
    return operand


def truth(clause: Clause, shown: str) -> Operand:
    """Return the operand of a predicate."""
    return Operand("boolean", clause, shown)


def as_double(operand: Operand) -> Operand:
    """Return a number literal bound as a double, so that an index on a double column serves it."""
    value = float(operand.value)  # type: ignore[arg-type]  # callers give number literals
    return replace(operand, kind="number", clause=bind(value, "double precision"), value=value)


def expect(operand: Operand, kinds: frozenset[str] | set[str], what: str) -> Operand:
    """Return the operand when it has one of the types.

    Raises
    ------
    BadFilter
        When it has another type; the message names the operator, the allowed and the given types.
    """
    if operand.kind in kinds:
        return operand
    allowed = " or ".join(sorted(k for k in kinds if k != "decimal"))
    raise BadFilter(f"{what} takes {allowed}, not {operand.shown} ({operand.kind})", parameter=PARAMETER)


def expect_count(op: str, operands: Sequence[object], least: int, most: int | None = None) -> None:
    """Check the number of arguments.

    Raises
    ------
    BadFilter
        When there are fewer or more.
    """
    top = least if most is None else most
    if not least <= len(operands) <= top:
        allowed = str(least) if least == top else f"{least} to {top}" if top < 1_000_000 else f"{least} or more"
        raise BadFilter(f"{op} takes {allowed} arguments, not {len(operands)}", parameter=PARAMETER)
