"""A filter in memory finds the rows that its SQL finds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layers.clause import Clause
from layers.coordinates.crs import CRS84
from layers.cql2 import Queryable, compile_filter
from layers.cql2.exact import ARITHMETIC, ROUNDING, exact
from layers.cql2.functions import arithmetic
from layers.cql2.match import matcher
from layers.cql2.operand import of_number
from layers.cql2.pattern import Pattern
from layers.errors import BadFilter
from tests.layers.cql2.conftest import Database
from tests.layers.cql2.expressions import QUERYABLES, filters, rows

NUMBERS = [
    0,
    1,
    -1,
    2,
    3,
    7,
    -17,
    10_000,
    9_999,
    2**53 + 1,
    10**20,
    Decimal("0.1"),
    Decimal("0.00001"),
    Decimal("1E+20"),
]
NUMBERS += [Decimal("123.456"), Decimal("-3.3"), Decimal("1.50"), Decimal("99999999.9999"), 2.5, 1e-300]
many = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def on_the_wire(row: dict[str, Any]) -> dict[str, Any]:
    """Write times as the log has them."""
    return {n: v.isoformat() if hasattr(v, "isoformat") else v for n, v in row.items() if v is not None}


@many
@given(rows, filters)
def test_a_filter_in_memory_finds_what_postgresql_finds(database: Database, table: list[dict[str, Any]], node: Any):
    database.fill(table)
    wanted = database.ids(compile_filter(node, QUERYABLES, filter_crs=CRS84))
    unwanted = database.ids(compile_filter({"op": "not", "args": [node]}, QUERYABLES, filter_crs=CRS84))
    holds, _ = matcher(node, QUERYABLES, CRS84)
    fails, _ = matcher({"op": "not", "args": [node]}, QUERYABLES, CRS84)
    assert {row["id"] for row in table if holds(on_the_wire(row))} == wanted
    assert {row["id"] for row in table if fails(on_the_wire(row))} == unwanted


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS), st.sampled_from(sorted(ARITHMETIC)))
def test_numbers_are_computed_to_the_last_digit_as_postgresql_does(database: Database, a: Any, b: Any, op: str):
    asked = arithmetic(op, [of_number(exact(a)), of_number(exact(b))])
    wanted = database.fetch(Clause(f"SELECT {asked.clause.text} AS answer", asked.clause.values))[0]["answer"]
    found = ARITHMETIC[op](exact(a), exact(b))
    assert (found is None) is (wanted is None)
    if found is not None and op == "^":  # a power is a double in both, from two libraries
        assert float(found) == pytest.approx(float(wanted), rel=1e-12)
    else:
        assert found == wanted


@pytest.mark.parametrize("value", ["2.5", "-2.5", "0.5", "-0.4", "7", "1E+3"])
@pytest.mark.parametrize("name", sorted(ROUNDING))
def test_rounding_is_postgresqls(database: Database, name: str, value: str):
    node = {"op": "=", "args": [{"op": name, "args": [Decimal(value)]}, ROUNDING[name](Decimal(value))]}
    same = compile_filter(node, {}, filter_crs=CRS84)
    assert database.fetch(Clause(f"SELECT {same.text} AS same", same.values))[0]["same"] is True


@given(
    st.text("ab%_\\广", max_size=8).filter(lambda t: (len(t) - len(t.rstrip("\\"))) % 2 == 0),
    st.text("ab广\n", max_size=8),
)
@many
def test_like_is_postgresqls(database: Database, pattern: str, text: str):
    found = database.fetch(Clause("SELECT ?0::text LIKE ?1::text AS is_like", (text, pattern)))[0]["is_like"]
    assert Pattern(pattern).matches(text) is found


def test_no_pattern_takes_long():
    assert not Pattern("%a" * 5_000 + "%b").matches("a" * 10_000)


POINTS = {
    "id": Queryable("id", "id", "string"),
    "geom": Queryable("geom", "geom", "geometry", "Point"),
    "area": Queryable("area", "geom", "geometry", "Polygon"),
}
HERE = {"type": "Point", "coordinates": [113.3, 23.1]}


@pytest.mark.parametrize("metres", [0, 157.1, 157.2, 100_000])
@pytest.mark.parametrize("to", [(113.3, 23.1), (113.301, 23.101), (113.9, 23.5)])
def test_distances_between_points_are_postgis_s(database: Database, to: tuple[float, float], metres: float):
    database.fill([{"id": "a", "geom": shapely.Point(to)}])
    near = {"op": "s_dwithin", "args": [{"property": "geom"}, HERE, metres]}
    far = {"op": ">", "args": [{"op": "distance_m", "args": [{"property": "geom"}, HERE]}, metres]}
    for node in (near, far):
        holds, used = matcher(node, POINTS, CRS84)
        assert used == {"geom"}
        found = database.ids(compile_filter(node, POINTS, filter_crs=CRS84))
        assert holds({"id": "a", "geom": shapely.Point(to)}) is bool(found)


def test_distances_to_shapes_are_refused_in_words():
    with pytest.raises(BadFilter, match="between points"):
        matcher({"op": "s_dwithin", "args": [{"property": "area"}, HERE, 5]}, POINTS, CRS84)


def test_what_items_refuse_is_refused_in_the_same_words():
    for node in ({"op": "=", "args": [{"property": "secret"}, "x"]}, {"op": "=", "args": [{"property": "id"}, 3]}):
        with pytest.raises(BadFilter) as from_items:
            compile_filter(node, POINTS, filter_crs=CRS84)
        with pytest.raises(BadFilter) as from_stream:
            matcher(node, POINTS, CRS84)
        assert from_items.value.message == from_stream.value.message
