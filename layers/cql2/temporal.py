"""Dates, timestamps and intervals.

A date is the whole UTC day: compared with a timestamp, it is the closed interval from midnight to the day's last
microsecond, PostgreSQL's resolution. So `t = DATE('2025-01-02')` finds all of that day, `t <= DATE(…)` includes its
evening, and `t > DATE(…)` begins with the next day. Between two dates, a day is one point.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from layers.clause import Clause, bind, compose
from layers.cql2.limits import PARAMETER
from layers.cql2.operand import INSTANTS, Operand, expect, truth
from layers.errors import BadFilter

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIMESTAMP = re.compile(  # RFC 3339, and other forms of clocks and databases: 20260608T100000+0800, +08, +8:00
    r"(?P<day>\d{4}-\d\d-\d\d|\d{8})T(?P<time>\d\d:\d\d:\d\d|\d{6})(?P<fraction>\.\d{1,12})?"
    r"(?P<zone>Z|(?P<sign>[+-])(?P<hour>\d{1,2})(?::?(?P<minute>\d\d))?)",
    re.ASCII | re.IGNORECASE,
)
_EXTRA = {"24:00:00": ("00:00:00", timedelta(days=1)), "59:60": ("59:59", timedelta(seconds=1))}
_FORMS = "2025-01-02, 2025-01-02T08:00:00Z or 2025-01-02T16:00:00+08:00"

# a and b are the two arguments, 0 their start and 1 their end
RELATIONS = {
    "t_after": ("a0 > b1",),
    "t_before": ("a1 < b0",),
    "t_contains": ("a0 < b0", "a1 > b1"),
    "t_during": ("a0 > b0", "a1 < b1"),
    "t_equals": ("a0 = b0", "a1 = b1"),
    "t_finishedby": ("a0 < b0", "a1 = b1"),
    "t_finishes": ("a0 > b0", "a1 = b1"),
    "t_intersects": ("a0 <= b1", "a1 >= b0"),
    "t_disjoint": ("a0 <= b1", "a1 >= b0"),  # negated
    "t_meets": ("a1 = b0",),
    "t_metby": ("a0 = b1",),
    "t_overlappedby": ("a0 > b0", "a0 < b1", "a1 > b1"),
    "t_overlaps": ("a0 < b0", "a1 > b0", "a1 < b1"),
    "t_startedby": ("a0 = b0", "a1 > b1"),
    "t_starts": ("a0 = b0", "a1 < b1"),
}


def of_date(text: Any, parameter: str = PARAMETER) -> Operand:
    """Return the operand of a date, ``2025-01-02``.

    Raises
    ------
    BadFilter
        When there is no such date.
    """
    if isinstance(text, str) and _DATE.fullmatch(text):
        try:
            value = date.fromisoformat(text)
        except ValueError:
            pass
        else:
            return Operand("date", bind(value, "date"), f"DATE('{text}')", value=value)
    raise BadFilter(f"'{str(text)[:40]}' is no date; write 2025-01-02", parameter=parameter)


def of_timestamp(text: Any, parameter: str = PARAMETER) -> Operand:
    """Return the operand of an instant with its offset, ``2025-01-02T08:00:00Z``.

    Raises
    ------
    BadFilter
        When there is no such instant, or it has no offset.
    """
    if isinstance(text, str) and (parts := _TIMESTAMP.fullmatch(text)):
        try:
            value = _instant(parts)
        except (ValueError, OverflowError):
            pass
        else:
            return Operand("datetime", bind(value, "timestamptz"), f"TIMESTAMP('{text}')", value=value)
    raise BadFilter(
        f"'{str(text)[:40]}' is no timestamp; write 2025-01-02T08:00:00Z or 2025-01-02T16:00:00+08:00",
        parameter=parameter,
    )


def _instant(parts: re.Match[str]) -> datetime:
    """Return an instant; 24:00:00 is the next day's midnight, a leap second the first of the next minute."""
    day, clock = (re.sub(r"[-:]", "", parts[name]) for name in ("day", "time"))
    clock = f"{clock[:2]}:{clock[2:4]}:{clock[4:]}"
    later = timedelta(0)
    for written, (read, more) in _EXTRA.items():
        if clock.endswith(written) and not (parts["fraction"] or "").strip(".0"):
            clock, later = clock.removesuffix(written) + read, more
    zone = "Z" if parts["sign"] is None else f"{parts['sign']}{parts['hour']:0>2}:{parts['minute'] or '00'}"
    text = f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock}{parts['fraction'] or ''}{zone}"
    return datetime.fromisoformat(text).astimezone(UTC) + later


def of_instant(text: Any, parameter: str = PARAMETER) -> Operand:
    """Return the operand of a text that is a date or a timestamp.

    Raises
    ------
    BadFilter
        When it is neither.
    """
    if isinstance(text, str) and _DATE.fullmatch(text):
        return of_date(text, parameter)
    if isinstance(text, str) and "t" in text[8:11].lower():
        return of_timestamp(text, parameter)
    raise BadFilter(f"'{str(text)[:40]}' is no date or timestamp; write {_FORMS}", parameter=parameter)


def of_literal(text: Any) -> Operand:
    """Return the operand of a character literal beside an instant; GDAL writes a date as ``2020-01-01T``."""
    return of_instant(text[:-1] if isinstance(text, str) and len(text) == 11 and text[10] in "Tt" else text)


def as_instant(operand: Operand) -> Operand:
    """Return a date or timestamp; a character literal beside one is parsed as one.

    Raises
    ------
    BadFilter
        When it is neither.
    """
    if operand.kind == "string" and operand.is_literal:
        return of_literal(operand.value)
    return expect(operand, INSTANTS, "a date or time comparison")


def of_interval(first: Operand, last: Operand) -> Operand:
    """Return the interval of two instants, either of which may be open.

    Raises
    ------
    BadFilter
        When it ends before it starts.
    """
    first, last = (o if o.kind == "open" else as_instant(o) for o in (first, last))
    if first.is_literal and last.is_literal and _first_instant(first) > _last_instant(last):
        raise BadFilter(f"the interval starts with {first.shown} after it ends with {last.shown}", parameter=PARAMETER)
    return Operand("interval", Clause(""), f"INTERVAL({first.shown}, {last.shown})", ends=(first, last))


def open_end() -> Operand:
    """Return the operand of ``..``, an open end."""
    return Operand("open", Clause(""), "'..'")


def compare_instants(op: str, left: Operand, right: Operand) -> Clause:
    """Compare two instants; a date beside a timestamp is its whole day."""
    if left.kind == right.kind:
        return compose(f"{{}} {op} {{}}", left.clause, right.clause)
    for one, other, way in ((left, right, op), (right, left, _mirrored(op))):
        if one.kind == "date" and isinstance(other.value, datetime):  # keep the date column bare, for its index
            return compose(f"{{}} {way} {{}}", one.clause, bind(other.value.date(), "date"))
    if op in {"=", "<>"}:
        same = compose("({} <= {} AND {} >= {})", _start(left), _end(right), _end(left), _start(right))
        return same if op == "=" else compose("NOT {}", same)
    edges = (_start(left), _end(right)) if op in {"<=", ">"} else (_end(left), _start(right))
    return compose(f"{{}} {op} {{}}", *edges)


def _mirrored(op: str) -> str:
    return {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(op, op)


def relate(op: str, left: Operand, right: Operand) -> Operand:
    """Apply one of the `T_…` functions; an instant is an interval of its own length.

    Raises
    ------
    BadFilter
        When an argument is neither instant nor interval.
    """
    sides = [o if o.kind == "interval" else as_instant(o) for o in (left, right)]
    kinds = {part.kind for side in sides for part in (side.ends or (side,))}
    in_days = "datetime" not in kinds
    ends = {
        f"{name}{index}": _edge(side, index, in_days=in_days)
        for name, side in zip("ab", sides, strict=True)
        for index in (0, 1)
    }
    tests = [compose(f"{{}} {test} {{}}", ends[a], ends[b]) for a, test, b in (r.split() for r in RELATIONS[op])]
    both = compose(" AND ".join("{}" for _ in tests), *tests)
    return truth(compose("NOT ({})" if op == "t_disjoint" else "({})", both), op.upper())


def _edge(side: Operand, index: int, *, in_days: bool) -> Clause:
    part = side.ends[index] if side.ends else side
    if part.kind == "open":
        return Clause(f"'{'-' if index == 0 else ''}infinity'::{'date' if in_days else 'timestamptz'}")
    if in_days:
        return part.clause
    return _start(part) if index == 0 else _end(part)


def _start(operand: Operand) -> Clause:
    if operand.kind == "datetime":
        return operand.clause
    if isinstance(operand.value, date):
        return bind(_first_instant(operand), "timestamptz")
    return compose("({}::timestamp AT TIME ZONE 'UTC')", operand.clause)


def _end(operand: Operand) -> Clause:
    if operand.kind == "datetime":
        return operand.clause
    if isinstance(operand.value, date):
        return bind(_last_instant(operand), "timestamptz")
    return compose("(({} + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond')", operand.clause)


def _first_instant(operand: Operand) -> datetime:
    return _at(operand.value, time.min)


def _last_instant(operand: Operand) -> datetime:
    return _at(operand.value, time.max)


def _at(value: object, time_of_day: time) -> datetime:
    assert isinstance(value, date)  # noqa: S101  # both kinds of literal are dates to Python
    return value if isinstance(value, datetime) else datetime.combine(value, time_of_day, UTC)
