"""A filter's SQL in a real PostGIS finds the rows that an independent evaluation in Python finds."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings

from layers.coordinates.crs import CRS84
from layers.cql2 import FilterLimits, compile_filter, parse
from tests.layers.cql2.conftest import Database
from tests.layers.cql2.expressions import QUERYABLES, filters, rows, to_text
from tests.layers.cql2.oracle import evaluate

LIMITS = FilterLimits()
many = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


def found(database: Database, node: Any) -> set[str]:
    return database.ids(compile_filter(node, QUERYABLES, filter_crs=CRS84))


@many
@given(rows, filters)
def test_a_filter_finds_what_the_oracle_finds(database: Database, table: list[dict[str, Any]], node: Any) -> None:
    database.fill(table)
    expected = {row["id"] for row in table if evaluate(node, row) is True}
    assert found(database, node) == expected


@many
@given(rows, filters)
def test_what_is_neither_true_nor_false_is_unknown(database: Database, table: list[dict[str, Any]], node: Any) -> None:
    database.fill(table)
    expected = {row["id"] for row in table if evaluate(node, row) is False}
    assert found(database, {"op": "not", "args": [node]}) == expected


def plain(node: Any) -> Any:
    """Return CQL2 JSON without meaningless differences: tuples, 1.0 for 1."""
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [plain(part) for part in node]
    return Decimal(str(node)) if isinstance(node, int | float | Decimal) and not isinstance(node, bool) else node


@many
@given(filters)
def test_text_and_json_are_two_forms_of_one_filter(node: Any) -> None:
    written = json.dumps(node, default=float)
    assert plain(parse(to_text(node), "cql2-text", limits=LIMITS)) == plain(node)
    assert plain(parse(written, "cql2-json", limits=LIMITS)) == plain(json.loads(written))


@many
@given(filters)
def test_a_filter_says_whether_it_tests_the_geometry(node: Any) -> None:
    condition = compile_filter(node, QUERYABLES, filter_crs=CRS84)
    assert condition.reads_geometry == ('f."geom"' in condition.text)
