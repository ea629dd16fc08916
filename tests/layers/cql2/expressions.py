"""Hypothesis strategies: rows of one table, well-typed filters over it, and how CQL2 text writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from shapely import LineString, MultiPoint, Point, box
from shapely.geometry import mapping, shape

from layers.cql2 import Queryable

FIELDS = {
    "id": "string",
    "name": "string",
    "alias": "string",
    "floors": "integer",
    "units": "integer",
    "height_m": "number",
    "width_m": "number",
    "open": "boolean",
    "built": "date",
    "seen": "datetime",
    "gone": "datetime",
    "tags": "string_array",
    "extra": "json",
}
QUERYABLES = {n: Queryable(n, n, t) for n, t in FIELDS.items()} | {  # type: ignore[arg-type]
    "geom": Queryable("geom", "geom", "geometry", "Geometry")
}

NAMES = [
    "",
    "a",
    "A",
    "ab",
    "a%b",
    "a_b",
    "a\\b",
    "é",
    "É",
    "e",
    "广州",
    "it's",
    'say "x"',
    "a<b",
    "😀",
    "?1",
    "$1",
    "{}",
]
names = st.sampled_from(NAMES)
days = st.integers(0, 4).map(lambda n: date(2025, 1, 1) + timedelta(days=n))
moments = st.tuples(days, st.sampled_from([0, 1, 43_200_000_000, 86_399_999_999])).map(
    lambda p: datetime.combine(p[0], datetime.min.time(), UTC) + timedelta(microseconds=p[1])
)
corner = st.integers(0, 4)
points = st.builds(Point, corner, corner)
lines = (
    st.tuples(corner, corner, corner, corner).filter(lambda c: c[:2] != c[2:]).map(lambda c: LineString([c[:2], c[2:]]))
)
boxes = st.tuples(corner, corner, st.integers(1, 3), st.integers(1, 3)).map(
    lambda c: box(c[0], c[1], c[0] + c[2], c[1] + c[3])
)
geometries = st.one_of(points, lines, boxes)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(strategy, strategy, strategy, st.none())


rows = st.lists(
    st.fixed_dictionaries(
        {
            "name": _maybe(names),
            "alias": _maybe(names),
            "floors": _maybe(st.sampled_from([-3, 0, 1, 2, 3, 7, 2**63 - 1, 2**53 + 1])),
            "units": _maybe(st.integers(-3, 3)),
            "height_m": _maybe(st.sampled_from([-2.5, 0.0, 0.1, 1.0, 2.0, 3.0, 1e300, 1e-300])),
            "width_m": _maybe(st.sampled_from([-2.5, 0.0, 0.1, 2.0, 3.3])),
            "open": _maybe(st.booleans()),
            "built": _maybe(days),
            "seen": _maybe(moments),
            "gone": _maybe(moments),
            "tags": _maybe(st.lists(st.sampled_from("abc"), max_size=3)),
            "extra": st.none(),
            "geom": _maybe(geometries),
        }
    ),
    min_size=1,
    max_size=8,
).map(lambda found: [{"id": f"r{i}", **row} for i, row in enumerate(found)])


def prop(*allowed: str) -> st.SearchStrategy[dict[str, str]]:
    return st.sampled_from(allowed).map(lambda name: {"property": name})


def op(name: Any, *args: Any) -> st.SearchStrategy[dict[str, Any]]:
    names_of = name if isinstance(name, st.SearchStrategy) else st.just(name)
    return st.builds(lambda n, a: {"op": n, "args": list(a)}, names_of, st.tuples(*args))


COMPARE = st.sampled_from(["=", "<>", "<", ">", "<=", ">="])
SAME = st.sampled_from(["=", "<>"])
integers = st.sampled_from([-3, -1, 0, 1, 2, 3, 2**53, 2**53 + 1, 2**63 - 1, 2**63])
decimals = st.sampled_from([Decimal("0.1"), Decimal("-2.5"), Decimal("0.5"), Decimal("1E+20")])
small = st.integers(-3, 3)
numbers = st.one_of(prop("floors", "units", "height_m", "width_m"), integers, decimals)
computed = st.recursive(
    numbers,
    lambda inner: st.one_of(
        op(st.sampled_from("+-*"), inner, inner),
        op(st.sampled_from(["%", "div"]), prop("floors", "units"), prop("floors", "units")),
        op("^", prop("units"), st.integers(0, 3)),
    ),
    max_leaves=3,
)
texts = st.recursive(
    st.one_of(prop("id", "name", "alias"), names),
    lambda inner: op(st.sampled_from(["casei", "accenti", "lower", "upper"]), inner),
    max_leaves=2,
)
patterns = st.sampled_from(["%", "a%", "_", "a\\%b", "a\\_b", "a\\\\b", "A_", "", "%'%", "广_", "_\\b"])
date_literals = days.map(lambda d: {"date": d.isoformat()})
moment_literals = moments.map(lambda m: {"timestamp": m.isoformat().replace("+00:00", "Z")})
instants = st.one_of(prop("built", "seen", "gone"), date_literals, moment_literals)


@st.composite
def intervals(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["days", "moments", "properties"]))
    if kind == "properties":
        return {"interval": [{"property": "seen"}, {"property": "gone"}]}
    first, last = sorted([draw(days if kind == "days" else moments), draw(days if kind == "days" else moments)])
    ends = [end.isoformat().replace("+00:00", "Z") for end in (first, last)]
    if draw(st.integers(0, 3)) == 0:
        ends[draw(st.integers(0, 1))] = ".."
    return {"interval": ends}


arrays = st.one_of(prop("tags"), st.lists(st.sampled_from("abc"), max_size=3))
areas = st.one_of(
    geometries.map(mapping),
    st.lists(points, min_size=1, max_size=3).map(MultiPoint).map(mapping),
    boxes.map(lambda b: {"bbox": [int(v) for v in b.bounds]}),
)
T_FUNCTIONS = [
    "t_after",
    "t_before",
    "t_contains",
    "t_disjoint",
    "t_during",
    "t_equals",
    "t_finishedby",
    "t_finishes",
    "t_intersects",
    "t_meets",
    "t_metby",
    "t_overlappedby",
    "t_overlaps",
    "t_startedby",
    "t_starts",
]
S_FUNCTIONS = [
    "s_intersects",
    "s_disjoint",
    "s_equals",
    "s_touches",
    "s_within",
    "s_contains",
    "s_overlaps",
    "s_crosses",
]
A_FUNCTIONS = ["a_equals", "a_contains", "a_containedby", "a_overlaps"]

predicates = st.one_of(
    op(COMPARE, computed, computed),
    op(COMPARE, op("/", prop("units", "width_m"), prop("units", "floors")), small),
    op(COMPARE, op("char_length", prop("name")), small),
    op(COMPARE, texts, texts),
    op("like", texts.filter(lambda t: isinstance(t, dict)), patterns),
    op("like", op("casei", prop("name")), op("casei", patterns)),
    op("between", computed, numbers, numbers),
    op("between", instants, instants, instants).filter(lambda n: any("property" in a for a in n["args"])),
    op("in", numbers, st.lists(numbers, min_size=1, max_size=4)),
    op("in", texts, st.lists(texts, min_size=1, max_size=3)),
    op("in", prop("built", "seen"), st.lists(instants, min_size=1, max_size=3)),
    op(COMPARE, prop("open"), st.one_of(st.booleans(), prop("open"), st.sampled_from([0, 1]))),
    op(COMPARE, st.sampled_from([0, 1]), prop("open")),
    op("in", prop("open"), st.lists(st.one_of(st.booleans(), st.sampled_from([0, 1])), min_size=1, max_size=3)),
    op("between", prop("open"), st.booleans(), st.booleans()),
    op("isNull", prop(*FIELDS, "geom")),
    op(COMPARE, instants, instants),
    op(st.sampled_from(T_FUNCTIONS), st.one_of(instants, intervals()), st.one_of(instants, intervals())),
    op(st.sampled_from(A_FUNCTIONS), arrays, arrays),
    op(st.sampled_from(S_FUNCTIONS), prop("geom"), areas),
    op(st.sampled_from(S_FUNCTIONS), areas, prop("geom")),
    prop("open"),
    st.booleans(),
)
filters = st.recursive(
    predicates,
    lambda inner: st.one_of(op("not", inner), op(st.sampled_from(["and", "or"]), inner, inner)),
    max_leaves=5,
)


def to_text(node: Any) -> str:  # noqa: PLR0911  # one return a form of node
    """Write CQL2 JSON as CQL2 text, every operation in parentheses."""
    if isinstance(node, bool):
        return str(node).upper()
    if isinstance(node, str):
        return "'" + node.replace("'", "''") + "'"
    if isinstance(node, list):
        return f"({', '.join(map(to_text, node))})"
    if not isinstance(node, dict):
        return str(node)
    if "property" in node:
        return f'"{node["property"]}"'
    for name in ("date", "timestamp"):
        if name in node:
            return f"{name.upper()}('{node[name]}')"
    for name in ("interval", "bbox"):
        if name in node:
            return f"{name.upper()}{to_text(node[name])}"
    return shape(node).wkt if "type" in node else _operation(node["op"], [to_text(a) for a in node["args"]])


def _operation(name: str, args: list[str]) -> str:
    match name:
        case "not":
            return f"(NOT {args[0]})"
        case "isNull":
            return f"({args[0]} IS NULL)"
        case "between":
            return f"({args[0]} BETWEEN {args[1]} AND {args[2]})"
        case "in" | "like" | "and" | "or" | "div":
            return "(" + f" {name.upper()} ".join(args) + ")"
    return f"{name.upper()}({', '.join(args)})" if name[0].isalpha() else "(" + f" {name} ".join(args) + ")"
