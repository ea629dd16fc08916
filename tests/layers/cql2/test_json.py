"""CQL2 JSON, as text or already parsed, malicious or not."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from layers.coordinates.crs import CRS84
from layers.cql2 import FilterLimits, compile_filter, parse
from layers.errors import BadFilter
from tests.layers.cql2.expressions import QUERYABLES

LIMITS = FilterLimits()


def compiled(node: Any) -> Any:
    return compile_filter(parse(node, "cql2-json", limits=LIMITS), QUERYABLES, filter_crs=CRS84)


def test_numbers_stay_exact() -> None:
    text = '{"op": "=", "args": [{"property": "floors"}, 9007199254740993]}'
    assert compiled(text).values == (2**53 + 1,)
    decimal = '{"op": "=", "args": [{"property": "floors"}, 0.1]}'
    assert compiled(decimal).values == (Decimal("0.1"),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "not JSON at character 1"),
        ('{"op": "=",', "not JSON at character 12"),
        ('{"op": "=", "op": "<", "args": []}', "'op' twice"),
        ('{"op": "=", "args": [{"property": "floors"}, NaN]}', "NaN"),
        ('{"op": "=", "args": [{"property": "floors"}, -Infinity]}', "-Infinity"),
        ('{"op": "=", "args": [{"property": "floors"}, 1e400]}', "1e307"),
        ('{"op": "=", "args": [{"property": "floors"}, 1e-999999999999999999999]}', "1e307|too long"),
        ('{"op": "=", "args": [{"property": "floors"}, %s]}' % ("9" * 5_000), "too long"),
        ('{"op": "=", "args": [{"property": "floors"}, %s]}' % ("9" * 400), "1e307"),
        ('{"op": "=", "args": [{"property": "name"}, "\\u0000"]}', r"U\+0000"),
        ('{"op": "=", "args": [{"property": "name"}, "\\ud800"]}', "surrogate"),
        ('{"op": "=", "args": [{"property": "name"}]}', "= takes 2 arguments, not 1"),
        ('{"op": "not", "args": []}', "NOT takes 1 arguments, not 0"),
        ('{"op": "and", "args": [true]}', "AND takes 2 or more"),
        ('{"op": "=", "args": {}}', "array 'args'"),
        ('{"op": 1, "args": []}', "string 'op'"),
        ('{"op": "="}', "array 'args'"),
        ("{}", "none of op, property"),
        ('{"function": {"name": "x"}}', "none of op, property"),
        ("[]", "true or false for every feature"),
        ("1", "true or false for every feature"),
        ("null", "IS NULL"),
        ('{"property": 1}', "no property '1'"),
        ('{"property": {"a": 1}}', "no property"),
        ('{"property": ["a"]}', "no property"),
        ('{"op": "=", "args": [{"property": "name"}, null]}', "IS NULL"),
        ('{"op": "in", "args": [{"property": "name"}, "x"]}', "list of values"),
        ('{"op": "in", "args": [{"property": "name"}, ["x", null]]}', "IS NULL"),
        ('{"op": "in", "args": [{"property": "name"}, [["x"]]]}', "cannot compare"),
        ('{"op": "t_after", "args": [{"property": "seen"}, {"interval": ["2025-01-01"]}]}', "2 instants"),
        ('{"op": "t_after", "args": [{"property": "seen"}, {"interval": "x"}]}', "2 instants"),
        ('{"op": "s_within", "args": [{"property": "geom"}, {"bbox": [1, 2, 3]}]}', "4 or 6"),
        ('{"op": "s_within", "args": [{"property": "geom"}, {"bbox": [1, 2, 3, "x"]}]}', "4 or 6"),
        ('{"op": "s_within", "args": [{"property": "geom"}, {"type": "Circle", "coordinates": [1, 2]}]}', "'Circle'"),
        ('{"op": "s_within", "args": [{"property": "geom"}, {"type": "Point"}]}', "coordinates of a Point"),
        ('{"op": "s_within", "args": [{"property": "geom"}, {"type": "Point", "coordinates": [1]}]}', "2 or 3 numbers"),
        ('{"op": "s_within", "args": [{"property": "geom"}, {"type": "Point", "coordinates": ["a", "b"]}]}', "numbers"),
        ('{"op":"s_within", "args":[{"property":"geom"}, {"type":"Point", "coordinates":[1e308, 1e309]}]}', "finite"),
        ('{"op": "s_within", "args": [{"property": "geom"}, {"type": ["Point"], "coordinates": [1, 2]}]}', "no type"),
        ('{"op":"s_within", "args":[{"property":"geom"}, {"type":"Polygon", "coordinates":[[[0,0],[1,1]]]}]}', "built"),
        ('{"op":"s_within", "args":[{"property":"geom"}, {"type":"GeometryCollection", "geometries": []}]}', "array"),
    ],
)  # fmt: skip
def test_a_fault_is_named(text: str, expected: str) -> None:
    with pytest.raises(BadFilter, match=expected):
        compiled(text)


def test_names_of_operations_are_read_in_any_case() -> None:
    assert compiled({"op": "ISNULL", "args": [{"property": "name"}]}).text == '((f."name") IS NULL)'


def nested(levels: int) -> dict[str, Any]:
    node: dict[str, Any] = {"op": "not", "args": [True]}
    for _ in range(levels):
        node = {"op": "not", "args": [node]}
    return node


def test_depth_is_limited_before_anything_recurses() -> None:
    assert compiled(nested(50)).text.startswith("(NOT (NOT")
    with pytest.raises(BadFilter, match="levels"):
        compiled(nested(50_000))
    for bomb in ("[" * 60_000, '{"op":' * 10_000, '{"args":[' * 5_000):
        with pytest.raises(BadFilter, match="levels"):
            compiled(bomb)


def test_brackets_in_strings_are_no_depth() -> None:
    text = json.dumps({"op": "=", "args": [{"property": "name"}, '[{"\\' * 1_000]})
    assert compiled(text).values == ('[{"\\' * 1_000,)


def test_coordinates_cannot_hide_depth_or_size() -> None:
    deep: Any = 1
    for _ in range(30_000):
        deep = [deep]
    wide = [[0, 0]] * 100_001
    for coordinates in (deep, wide):
        with pytest.raises(BadFilter):
            compiled(
                {"op": "s_within", "args": [{"property": "geom"}, {"type": "LineString", "coordinates": coordinates}]}
            )


def test_what_is_not_json_is_refused() -> None:
    for strange in ({1: 2}, {"op": "=", "args": [{"property": "name"}, b"x"]}, {"op": "=", "args": [object(), 1]}):
        with pytest.raises(BadFilter):
            compiled(strange)


def test_text_and_language_must_fit() -> None:
    with pytest.raises(BadFilter, match="is text"):
        parse({"op": "="}, "cql2-text", limits=LIMITS)
    with pytest.raises(BadFilter, match="cql2-text, cql2-json"):
        parse("a = 1", "sql", limits=LIMITS)
