"""Dates, timestamps and intervals compared in memory, with the meanings of `temporal`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from layers.cql2.temporal import RELATIONS

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_TESTS = {name: [tuple(test.split()) for test in tests] for name, tests in RELATIONS.items()}


def compare_instants(op: str, left: date, right: date) -> bool:
    """Compare two instants; a date beside a timestamp is its whole UTC day."""
    if isinstance(left, datetime) == isinstance(right, datetime):
        return COMPARE[op](left, right)
    if op in {"=", "<>", "!="}:
        same = _start(left) <= _end(right) and _end(left) >= _start(right)
        return same if op == "=" else not same
    if op in {"<=", ">"}:
        return COMPARE[op](_start(left), _end(right))
    return COMPARE[op](_end(left), _start(right))


def relate(op: str, sides: Sequence[tuple[Any, Any]], *, in_days: bool) -> bool | None:
    """Apply one of the `T_…` functions to two pairs of start and end.

    Parameters
    ----------
    sides
        Starts and ends as dates, timestamps, ``".."`` for an open one, or None for an unknown one.
    in_days
        Whether all are dates: a day is then one point.
    """
    ends = {
        f"{name}{index}": _edge(side[index], index, in_days=in_days)
        for name, side in zip("ab", sides, strict=True)
        for index in (0, 1)
    }
    unknown = False
    for a, test, b in _TESTS[op]:
        if ends[a] is None or ends[b] is None:
            unknown = True
        elif not COMPARE[test](ends[a], ends[b]):
            return op == "t_disjoint"
    return None if unknown else op != "t_disjoint"


def _edge(value: Any, index: int, *, in_days: bool) -> Any:
    if value is None:
        return None
    if value == "..":
        furthest = LAST if index else FIRST
        return furthest.date() if in_days else furthest
    if in_days:
        return value
    return _end(value) if index else _start(value)


def _start(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time.min, UTC)


def _end(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time.max, UTC)
