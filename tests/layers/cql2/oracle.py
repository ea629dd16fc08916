"""CQL2 JSON evaluated over Python rows, written from the standard and not from the product's SQL."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import shapely
from shapely.geometry import shape

type Row = dict[str, Any]


def evaluate(node: Any, row: Row) -> Any:  # noqa: PLR0911  # one return a form of node
    """Return the value of a node; `None` is SQL's unknown."""
    if not isinstance(node, dict):
        return [evaluate(n, row) for n in node] if isinstance(node, list) else _number(node)
    if "property" in node:
        return _number(row[node["property"]])
    if "date" in node:
        return date.fromisoformat(node["date"])
    if "timestamp" in node:
        return datetime.fromisoformat(node["timestamp"])
    if "interval" in node:
        return tuple(_end(end, row) for end in node["interval"])
    if "bbox" in node:
        return shapely.box(*map(float, node["bbox"]))
    if "type" in node:
        return shape(node)
    return _operation(node["op"], node["args"], row)


def _number(value: Any) -> Any:
    """Return a double rounded to 15 digits, as by PostgreSQL's cast to numeric."""
    return Decimal(f"{value:.15g}") if isinstance(value, float) else value


def _end(node: Any, row: Row) -> Any:
    if node == "..":
        return ".."
    if isinstance(node, str):
        return datetime.fromisoformat(node) if "T" in node else date.fromisoformat(node)
    return evaluate(node, row)


def _operation(op: str, args: list[Any], row: Row) -> Any:
    if op in {"and", "or"}:
        parts = [evaluate(a, row) for a in args]
        decisive = op == "or"
        return decisive if decisive in parts else None if None in parts else not decisive
    if op == "isNull":
        return evaluate(args[0], row) is None
    values = [evaluate(a, row) for a in args]
    if op == "in":
        return _operation("or", [_apply("=", [values[0], v]) for v in values[1]], row) if values[1] else False
    if op == "between":
        return _operation("and", [_apply(">=", values[:2]), _apply("<=", [values[0], values[2]])], row)
    if any(v is None or (isinstance(v, tuple) and None in v) for v in values):
        return None if not op.startswith("t_") else _temporal(op, *values)
    return _apply(op, values)


def _apply(op: str, values: list[Any]) -> Any:  # noqa: PLR0911  # one return a kind of operator
    if None in [v for v in values if not isinstance(v, shapely.Geometry)]:
        return None
    if op == "not":
        return not values[0]
    if op in _ARITHMETIC:
        return _ARITHMETIC[op](*map(Decimal, values))
    if op in _COMPARE:
        if any(isinstance(v, date) for v in values):
            a, b = (_span(v, in_days=False) for v in values)
            return {"<": a[1] < b[0], "<=": a[0] <= b[1], ">": a[0] > b[1], ">=": a[1] >= b[0]}.get(
                op, (a[0] <= b[1] and a[1] >= b[0]) == (op == "=")
            )
        return _COMPARE[op](*values)
    if op == "like":
        return re.fullmatch(_pattern(values[1]), values[0], re.DOTALL) is not None
    if op in _TEXT:
        return _TEXT[op](values[0])
    if op.startswith("a_"):
        return _ARRAY[op](*map(set, values))
    if op.startswith("s_"):
        return bool(_SPATIAL[op](*values))
    return _temporal(op, *values)


def _strip(text: str) -> str:
    kept = (c for c in unicodedata.normalize("NFD", text) if not "\u0300" <= c <= "\u036f")
    return unicodedata.normalize("NFC", "".join(kept))


def _pattern(pattern: str) -> str:
    out, characters = "", iter(pattern)
    for c in characters:
        out += ".*" if c == "%" else "." if c == "_" else re.escape(next(characters) if c == "\\" else c)
    return out


_ARITHMETIC = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else None,
    "%": lambda a, b: a % b if b else None,  # Decimal's remainder has the dividend's sign, as SQL's
    "div": lambda a, b: a // b if b else None,  # and its // truncates
    "^": lambda a, b: a**b if a or b else Decimal(1),
}
_COMPARE = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_TEXT = {"casei": str.lower, "accenti": _strip, "lower": str.lower, "upper": str.upper, "char_length": len}
_ARRAY = {
    "a_equals": lambda a, b: a == b,
    "a_contains": lambda a, b: a >= b,
    "a_containedby": lambda a, b: a <= b,
    "a_overlaps": lambda a, b: bool(a & b),
}
_SPATIAL = {
    "s_intersects": shapely.intersects,
    "s_disjoint": shapely.disjoint,
    "s_equals": shapely.equals,
    "s_touches": shapely.touches,
    "s_within": shapely.within,
    "s_contains": shapely.contains,
    "s_overlaps": shapely.overlaps,
    "s_crosses": shapely.crosses,
}


def _span(value: Any, *, in_days: bool) -> tuple[Any, Any]:
    """Return the first and last instant; `None` where a property is null."""
    if isinstance(value, tuple):
        low, high = date.min if in_days else _LOW, date.max if in_days else _HIGH
        start = low if value[0] == ".." else _span(value[0], in_days=in_days)[0]
        return start, high if value[1] == ".." else _span(value[1], in_days=in_days)[1]
    if value is None or in_days or isinstance(value, datetime):
        return value, value
    return datetime.combine(value, time.min, UTC), datetime.combine(value, time.max, UTC)


_LOW, _HIGH = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def _temporal(op: str, a: Any, b: Any) -> Any:
    parts = [p for v in (a, b) for p in (v if isinstance(v, tuple) else (v,))]
    in_days = not any(isinstance(p, datetime) for p in parts)
    if None in parts:
        in_days = False
    (a0, a1), (b0, b1) = _span(a, in_days=in_days), _span(b, in_days=in_days)

    def all_of(*tests: tuple[Any, str, Any]) -> Any:
        found = [None if x is None or y is None else _COMPARE[o](x, y) for x, o, y in tests]
        return False if False in found else None if None in found else True

    met = all_of((a0, "<=", b1), (b0, "<=", a1))
    if op in {"t_intersects", "t_disjoint"}:
        return met if op == "t_intersects" or met is None else not met
    return all_of(*_relation(op, (a0, a1), (b0, b1)))


def _relation(op: str, a: tuple[Any, Any], b: tuple[Any, Any]) -> list[tuple[Any, str, Any]]:
    """Return the comparisons of one of Allen's relations; inverse ones exchange the two."""
    (a0, a1), (b0, b1) = a, b
    known = {
        "t_after": [(a0, ">", b1)],
        "t_contains": [(b0, ">", a0), (b1, "<", a1)],
        "t_equals": [(a0, "=", b0), (a1, "=", b1)],
        "t_finishes": [(a0, ">", b0), (a1, "=", b1)],
        "t_meets": [(a1, "=", b0)],
        "t_overlaps": [(a0, "<", b0), (a1, ">", b0), (a1, "<", b1)],
        "t_starts": [(a0, "=", b0), (a1, "<", b1)],
    }
    inverse = {
        "t_before": "t_after",
        "t_during": "t_contains",
        "t_finishedby": "t_finishes",
        "t_metby": "t_meets",
        "t_overlappedby": "t_overlaps",
        "t_startedby": "t_starts",
    }
    return known[op] if op in known else _relation(inverse[op], b, a)
