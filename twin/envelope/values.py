"""Checks of the values of a message: those of `schemas/*.json`, written by hand for the rates of feeds.

Every check takes a value as decoded from JSON and the name of its field, and returns the value as it is stored.
`tests/twin/envelope/test_schemas.py` proves that they and the published schemas accept the same values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from twin.envelope.refused import Reason, Refused, shown

type Check = Callable[[Any, str], Any]

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
STRING_CHARACTERS_MAX = 4000
OBJECT_FIELDS_MAX = 100
ARRAY_ITEMS_MAX = 1000
DEPTH_MAX = 4
_NAME_CHARACTERS_MAX = 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def identifier(value: Any, name: str) -> str:
    """Return a checked name, of a layer or a property for instance: lower-case letters, digits and _, at most 63.

    Raises
    ------
    Refused
        When it is none.
    """
    if type(value) is str and IDENTIFIER.fullmatch(value):
        return value
    raise _wrong(value, name, "lower-case letters, digits and _, at most 63, a letter first")


def one_line(characters_max: int) -> Check:
    """Return a check of a text without control characters, of 1 to `characters_max` characters."""

    def check(value: Any, name: str) -> str:
        if type(value) is str and 0 < len(value) <= characters_max and not _CONTROL.search(value):
            return value
        raise _wrong(value, name, f"a text of 1 to {characters_max} characters without control characters")

    return check


def text(characters_max: int) -> Check:
    """Return a check of a text that may have several lines; at most `characters_max` characters, no NUL."""

    def check(value: Any, name: str) -> str:
        if type(value) is str and len(value) <= characters_max and "\0" not in value:
            return value
        raise _wrong(value, name, f"a text of at most {characters_max} characters without NUL")

    return check


def of_form(pattern: str, meaning: str) -> Check:
    """Return a check of a text that fits a pattern as a whole."""
    fits = re.compile(pattern).fullmatch

    def check(value: Any, name: str) -> str:
        if type(value) is str and fits(value):
            return value
        raise _wrong(value, name, meaning)

    return check


def number(low: float, high: float) -> Check:
    """Return a check of a number from `low` to `high`, both allowed."""

    def check(value: Any, name: str) -> float:
        if type(value) is float or type(value) is int:
            if low <= value <= high:
                return float(value)
            raise Refused(Reason.OUT_OF_RANGE, f"{name} is {shown(value)}, not {low:g} to {high:g}", parameter=name)
        raise _wrong(value, name, f"a number from {low:g} to {high:g}")

    return check


def whole(low: int, high: int) -> Check:
    """Return a check of a whole number from `low` to `high`; 3.0 is one, as in JSON Schema."""

    def check(value: Any, name: str) -> int:
        if type(value) is int or (type(value) is float and value.is_integer()):
            if low <= value <= high:
                return int(value)
            raise Refused(Reason.OUT_OF_RANGE, f"{name} is {shown(value)}, not {low} to {high}", parameter=name)
        raise _wrong(value, name, f"a whole number from {low} to {high}")

    return check


def list_of(item: Check, items_max: int) -> Check:
    """Return a check of a list of at most `items_max` items."""

    def check(value: Any, name: str) -> list[Any]:
        if type(value) is list and len(value) <= items_max:
            return [item(v, f"{name}[{i}]") for i, v in enumerate(value)]
        raise _wrong(value, name, f"a list of at most {items_max}")

    return check


def flag(value: Any, name: str) -> bool:
    """Return a checked boolean.

    Raises
    ------
    Refused
        When it is none.
    """
    if type(value) is bool:
        return value
    raise _wrong(value, name, "true or false")


def scalar(value: Any, name: str) -> Any:
    """Return a checked null, boolean, number, datetime or text of at most 4000 characters.

    Raises
    ------
    Refused
        When it is none of these.
    """
    if value is None or type(value) in {bool, int, float, datetime}:
        return value
    return text(STRING_CHARACTERS_MAX)(value, name)


def nested(value: Any, name: str, depth: int = DEPTH_MAX) -> Any:
    """Return a checked copy of any JSON of limited depth, width and length.

    Raises
    ------
    Refused
        When it is too deep, too wide or too long.
    """
    if type(value) not in {dict, list}:
        return scalar(value, name)
    if depth == 0:
        raise Refused(Reason.TOO_DEEP, f"{name} lies more than {DEPTH_MAX} levels deep", parameter=name)
    if type(value) is list:
        if len(value) > ARRAY_ITEMS_MAX:
            raise Refused(Reason.TOO_MANY, f"{name} has {len(value)} items, at most {ARRAY_ITEMS_MAX}", parameter=name)
        return [nested(v, name, depth - 1) for v in value]
    return {field_name(k, name): nested(v, f"{name}.{k}", depth - 1) for k, v in _few(value, name).items()}


def free_object(value: Any, name: str) -> dict[str, Any]:
    """Return a checked copy of an object with any fields.

    Raises
    ------
    Refused
        When it is no object, or as `nested`.
    """
    if type(value) is not dict:
        raise _wrong(value, name, "an object")
    checked: dict[str, Any] = nested(value, name)
    return checked


def field_name(value: str, name: str) -> str:
    """Return a checked name of a field of a free object: 1 to 100 characters without control characters.

    Raises
    ------
    Refused
        When it is none.
    """
    if 0 < len(value) <= _NAME_CHARACTERS_MAX and not _CONTROL.search(value):
        return value
    raise Refused(Reason.BAD_TEXT, f"{name} has a field named {shown(value)}; 1 to 100 characters", parameter=name)


def fields(given: dict[str, Any], checks: Mapping[str, Check], what: str) -> dict[str, Any]:
    """Return the checked fields of an object; null fields are left out.

    Raises
    ------
    Refused
        When a field is unknown or its value is wrong.
    """
    checked = {}
    for name, value in given.items():
        check = checks.get(name)
        if check is None:
            raise Refused(
                Reason.UNKNOWN_FIELD, f"{shown(name)} is no field of {what}; known: {', '.join(checks)}", parameter=name
            )
        if value is not None:
            checked[name] = check(value, name)
    return checked


def _few(value: dict[str, Any], name: str) -> dict[str, Any]:
    if len(value) > OBJECT_FIELDS_MAX:
        raise Refused(Reason.TOO_MANY, f"{name} has {len(value)} fields, at most {OBJECT_FIELDS_MAX}", parameter=name)
    return value


def _wrong(value: Any, name: str, allowed: str) -> Refused:
    if value is None:
        return Refused(Reason.MISSING, f"{name} is missing; needed is {allowed}", parameter=name)
    if type(value) is str:
        reason = Reason.TOO_LONG if len(value) > STRING_CHARACTERS_MAX else Reason.BAD_TEXT
    else:
        reason = Reason.WRONG_TYPE
    return Refused(reason, f"{name} is {shown(value)}; needed is {allowed}", parameter=name)
