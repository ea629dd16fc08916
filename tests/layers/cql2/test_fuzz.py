"""No input raises other errors than the product's own, and every compiled filter runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layers.coordinates.crs import CRS84, SERVED, Crs
from layers.cql2 import FilterLimits, compile_datetime, compile_filter, compile_property, parse, parse_bbox
from layers.errors import BadInput
from tests.layers.cql2.conftest import Database
from tests.layers.cql2.expressions import FIELDS, QUERYABLES

LIMITS = FilterLimits()
robust = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))

WORDS = [
    *FIELDS,
    *[
        "geom",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        "BETWEEN",
        "IS",
        "NULL",
        "=",
        "<",
        "<>",
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "div",
        "(",
        ")",
        ",",
        "[",
        "]",
        "1",
        "0",
        ".5",
        "1e9",
        "TRUE",
    ],
    *[
        "9223372036854775808",
        "'a'",
        "'2025-01-01'",
        "'%\\'",
        "CASEI(",
        "ACCENTI(",
        "S_INTERSECTS(",
        "S_TOUCHES(",
        "T_DURING(",
        "A_EQUALS(",
    ],
    *[
        "DATE(",
        "DATE('2025-01-01')",
        "TIMESTAMP('2025-01-01T00:00:00Z')",
        "INTERVAL('..','2025-01-01')",
        "BBOX(0,0,1,1)",
    ],
    *("POINT(1 2)", "POINT EMPTY", "POLYGON((0 0,1 0,1 1,0 0))", "IS NULL", "'", '"', "\0", "\ud800", "😀"),
    *([";", "--", "$1", "?0", "{}", "/*", "*/", "\\"]),
]
OPERATIONS = [
    "and",
    "not",
    "=",
    "in",
    "like",
    "between",
    "+",
    "^",
    "isNull",
    "casei",
    "s_within",
    "s_intersects",
    "t_meets",
    "a_equals",
    "s_dwithin",
    "distance_m",
]
MEMBERS = ["op", "args", "property", "date", "timestamp", "interval", "bbox", "type", "coordinates", "geometries"]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=9),
    st.sampled_from([*FIELDS, "..", "2025-01-01", "2025-01-01T00:00:00Z"]),
)
shapes = st.sampled_from(["Point", "Polygon", "MultiPolygon", "LineString", "GeometryCollection"])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=3),
        st.fixed_dictionaries({"op": st.sampled_from(OPERATIONS), "args": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"type": shapes, "coordinates": inner}),
        st.fixed_dictionaries({"property": st.sampled_from([*FIELDS, "geom"])}),
    ),
    max_leaves=12,
)
texts = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))


def fault_of(work: Callable[[], Any]) -> BadInput | None:
    """Return the product's error of a call, or None; any other error breaks the test."""
    try:
        work()
    except BadInput as error:
        return error
    return None


def compiled(filter_given: Any, lang: str = "cql2-text", crs: Crs = CRS84) -> Any:
    return compile_filter(parse(filter_given, lang, limits=LIMITS), QUERYABLES, filter_crs=crs)


@robust
@given(texts, st.sampled_from(SERVED))
def test_text(text: str, crs: Crs) -> None:
    fault = fault_of(lambda: compiled(text, crs=crs))
    assert fault is None or 0 < len(fault.message) < 1_000


@robust
@given(values, st.sampled_from(SERVED))
def test_json(node: Any, crs: Crs) -> None:
    for form in (node, json.dumps(node)):
        fault = fault_of(lambda form=form: compiled(form, "cql2-json", crs))
        assert fault is None or 0 < len(fault.message) < 1_000


@robust
@given(
    st.one_of(st.text(max_size=30), st.from_regex(r"[-0-9.,eE+/:TZ]{0,40}", fullmatch=True)),
    st.sampled_from([*QUERYABLES]),
    st.sampled_from(SERVED),
)
def test_parameters(text: str, name: str, crs: Crs) -> None:
    faults = [
        fault_of(lambda: compile_property(name, text, QUERYABLES[name])),
        fault_of(lambda: compile_datetime(text, QUERYABLES["seen"])),
        fault_of(lambda: compile_datetime(text, QUERYABLES["built"])),
        fault_of(lambda: compile_datetime(text, None)),
        fault_of(lambda: parse_bbox(text, crs)),
    ]
    places = [name, "datetime", "datetime", "datetime", "bbox"]
    assert all(f is None or f.parameter == p for f, p in zip(faults, places, strict=True))


@robust
@given(st.one_of(texts, values))
def test_whatever_compiles_runs(database: Database, given_filter: Any) -> None:
    compiled_filters = []
    lang = "cql2-text" if isinstance(given_filter, str) else "cql2-json"
    fault_of(lambda: compiled_filters.append(compiled(given_filter, lang)))
    for condition in compiled_filters:
        database.ids(condition)
