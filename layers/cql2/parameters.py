"""The simple filters of OGC API Features: `name=value` and `datetime`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Never

from layers.clause import Clause, compose
from layers.cql2.comparison import compare
from layers.cql2.functions import array_relation, of_array
from layers.cql2.operand import Operand, of_boolean, of_number, of_property, of_string
from layers.cql2.queryable import Queryable
from layers.cql2.temporal import of_instant, of_interval, open_end
from layers.errors import BadFilter, BadInput

_INTEGER = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?", re.ASCII)
_BARE_PLUS = re.compile(r" (?=\d\d:\d\d(?:/|$))")  # an unencoded + arrives as a space
_DATETIME_FORMS = "2025-01-02, 2025-01-02T08:00:00Z, and intervals of these such as 2025-01-02/.. or ../2025-01-02"


def compile_property(name: str, value_text: str, queryable: Queryable) -> Clause:
    """Build the condition of `name=value`: equality with the value, parsed by the property's type.

    A date compared with a timestamp is its whole day; an array property matches by one of its members. There are no
    wildcards.

    Raises
    ------
    BadInput
        When the value is not of the property's type, or the property cannot be searched this way.
    """
    try:
        value = _operand(name, value_text, queryable)
        if queryable.type == "string_array":
            return array_relation("a_contains", [of_property(queryable), of_array([value])]).clause
        return compare("=", of_property(queryable), value).clause
    except BadFilter as error:
        raise BadInput(error.message, parameter=name) from error


def _operand(name: str, text: str, queryable: Queryable) -> Operand:
    match queryable.type:
        case "string" | "string_array":
            return of_string(text, name)
        case "integer":
            return of_number(int(text), name) if _INTEGER.fullmatch(text) else _refuse(name, text, "an integer")
        case "number":
            return of_number(Decimal(text), name) if _NUMBER.fullmatch(text) else _refuse(name, text, "a number")
        case "boolean":
            known = {"true": True, "false": False}
            return of_boolean(known[text.lower()]) if text.lower() in known else _refuse(name, text, "true or false")
        case "date" | "datetime":
            return of_instant(_BARE_PLUS.sub("+", text), name)
        case _:
            raise BadInput(f"'{name}' is {queryable.type} and cannot be searched as {name}=value", parameter=name)


def _refuse(name: str, text: str, expected: str) -> Never:
    raise BadInput(f"{name} is '{text[:40]}'; it takes {expected}", parameter=name)


def compile_datetime(text: str, queryable: Queryable | None) -> Clause:
    """Build the condition of `datetime`: an instant, a day, or an interval whose ends may be open (`..` or empty).

    Parameters
    ----------
    text
        For example ``2025-01-02``, ``2025-01-02T00:00:00Z``, ``../2025-01-02``, ``2025-01-02/``.
    queryable
        The layer's time property. `None` for a layer without one: the text is checked, and every row matches.

    Raises
    ------
    BadInput
        When it is none of these, or the interval ends before it starts.
    """
    parts = _BARE_PLUS.sub("+", text.strip()).split("/", 2)
    try:
        ends = [_end(part) for part in parts]
        if len(ends) == 2:
            of_interval(ends[0], ends[1])
    except BadFilter as error:
        raise BadInput(f"{error.message}; datetime takes {_DATETIME_FORMS}", parameter="datetime") from error
    if len(ends) > 2 or (len(ends) == 1 and ends[0].kind == "open"):
        raise BadInput(f"datetime is '{text[:80]}'; it takes {_DATETIME_FORMS}", parameter="datetime")
    return _within(ends, queryable)


def _end(part: str) -> Operand:
    return open_end() if part in {"", ".."} else of_instant(part, "datetime")


def _within(ends: list[Operand], queryable: Queryable | None) -> Clause:
    if queryable is None:
        return Clause("TRUE")
    column = of_property(queryable)
    if len(ends) == 1:
        return compare("=", column, ends[0]).clause
    tests = [compare(op, column, end).clause for op, end in zip((">=", "<="), ends, strict=True) if end.kind != "open"]
    if not tests:
        return compose("{} IS NOT NULL", column.clause)
    return compose(" AND ".join("{}" for _ in tests), *tests)
