"""CQL2 text is read as the standard has it, quickly, and every fault says where it is."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from layers.cql2 import FilterLimits, parse
from layers.errors import BadFilter

LIMITS = FilterLimits()
A, B = {"property": "a"}, {"property": "b"}


def read(text: str, **limits: int) -> Any:
    return parse(text, "cql2-text", limits=FilterLimits(**limits))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 9007199254740993", {"op": "=", "args": [A, 2**53 + 1]}),
        ("a = 9223372036854775808", {"op": "=", "args": [A, 2**63]}),
        ("a = -9223372036854775808", {"op": "=", "args": [A, -(2**63)]}),
        ("a = .5", {"op": "=", "args": [A, Decimal("0.5")]}),
        ("a = 1.5E-3", {"op": "=", "args": [A, Decimal("0.0015")]}),
        ("a=1", {"op": "=", "args": [A, 1]}),
        ("a - -1 = 2", {"op": "=", "args": [{"op": "-", "args": [A, -1]}, 2]}),
        ("-a = 1", {"op": "=", "args": [{"op": "*", "args": [-1, A]}, 1]}),
        ("2^3^2 = a", {"op": "=", "args": [{"op": "^", "args": [2, {"op": "^", "args": [3, 2]}]}, A]}),
        ("(2^3)^2 = a", {"op": "=", "args": [{"op": "^", "args": [{"op": "^", "args": [2, 3]}, 2]}, A]}),
        ("a = 'it''s'", {"op": "=", "args": [A, "it's"]}),
        ("a = 'x\\'", {"op": "=", "args": [A, "x\\"]}),
        ("a = 'a<b & \"c\"'", {"op": "=", "args": [A, 'a<b & "c"']}),
        ("a = '广州😀'", {"op": "=", "args": [A, "广州😀"]}),
        ("名称 = 1", {"op": "=", "args": [{"property": "名称"}, 1]}),
        ('"3" = 1 AND "0" = 2', {"op": "and", "args": [
            {"op": "=", "args": [{"property": "3"}, 1]}, {"op": "=", "args": [{"property": "0"}, 2]}]}),
        ('"say ""x""" = 1', {"op": "=", "args": [{"property": 'say "x"'}, 1]}),
        ("point = 1", {"op": "=", "args": [{"property": "point"}, 1]}),
        ("a IN (1)", {"op": "in", "args": [A, [1]]}),
        ("a NOT IN ('x', 'y')", {"op": "not", "args": [{"op": "in", "args": [A, ["x", "y"]]}]}),
        ("A_CONTAINS(a, ('x'))", {"op": "a_contains", "args": [A, ["x"]]}),
        ("A_EQUALS(a, ())", {"op": "a_equals", "args": [A, []]}),
        ("a IS NOT NULL", {"op": "not", "args": [{"op": "isNull", "args": [A]}]}),
        ("not a=1 and b=2 or a=3", {"op": "or", "args": [{"op": "and", "args": [
            {"op": "not", "args": [{"op": "=", "args": [A, 1]}]}, {"op": "=", "args": [B, 2]}]},
            {"op": "=", "args": [A, 3]}]}),
        ("S_INTERSECTS(a, POINT Z (1e1 -2 5))", {"op": "s_intersects", "args": [
            A, {"type": "Point", "coordinates": (10.0, -2.0, 5.0)}]}),
        ("S_INTERSECTS(a, ENVELOPE(-1, 2, 3, 4))", {"op": "s_intersects", "args": [A, {"bbox": [-1, 2, 3, 4]}]}),
        ("T_AFTER(a, INTERVAL('..', '2025-01-02'))", {"op": "t_after", "args": [
            A, {"interval": ["..", "2025-01-02"]}]}),
        ("a > TIMESTAMP('2025-01-02T00:00:00+08:00')", {"op": ">", "args": [
            A, {"timestamp": "2025-01-02T00:00:00+08:00"}]}),
        ("TRUE", True),
    ],
)  # fmt: skip
def test_text_is_read(text: str, expected: Any) -> None:
    assert read(text) == expected


def test_cql_text_is_the_name_that_gdal_sends() -> None:
    assert parse("a = 1", "cql-text", limits=LIMITS) == parse("a = 1", "cql2-text", limits=LIMITS)


def test_filters_as_gdal_nests_them() -> None:
    conditions = 40
    text = "(" * conditions + "a = 0" + "".join(f") AND (a = {n})" for n in range(conditions))
    assert read(text)["op"] == "and"


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("", 1, "a value"),
        ("a =", 4, "a value"),
        ("= 1", 1, "a value"),
        ("a = 1 b", 7, "an operator or the end"),
        ("(a = 1", 7, "')' of character 1"),
        ("a = 1)", 6, "an operator or the end"),
        ("a = 1 AND\n (b = #)", 17, "a name, a value or an operator"),
        ("a = 'x", 5, "a closing '"),
        ('"a = 1', 1, 'a closing "'),
        ("a IN (1, )", 10, "a value"),
        ("a = 1; DROP TABLE item", 6, "an operator"),
        ("a = 1 /* x */", 8, "a value"),
        ("a T_AFTER b", 3, "an operator or the end"),
        ("a ILIKE 'x'", 3, "an operator or the end"),
        ("S_INTERSECTS(a, POINT(1 x))", 17, "a geometry in WKT"),
        ("S_INTERSECTS(a, POINT(nan 2) AND b = 1", 17, ""),
        ("S_INTERSECTS(a, POLYGON((0 0, 1 1", 17, "parentheses closed"),
        ("S_INTERSECTS(a, POLYGON((0 0, 1 1, 1 0)))", 17, "WKT"),
        ("a = 1\x00", 6, "a name, a value or an operator"),
    ],
)
def test_a_fault_says_where_it_is_and_what_may_stand_there(text: str, place: int, expected: str) -> None:
    with pytest.raises(BadFilter) as caught:
        parse(text, "cql2-text", limits=LIMITS)
    if expected:
        assert f"at character {place}," in caught.value.message
        assert expected in caught.value.message
    assert caught.value.parameter == "filter"


BOMBS = {
    "open parentheses": "(" * 30_000,
    "balanced with a fault inside": "(" * 60 + "a = 1 b" + ")" * 60,
    "balanced": "(" * 5_000 + "a = 1" + ")" * 5_000,
    "not": "NOT " * 9_000 + "a",
    "not in parentheses": "NOT(" * 3_000 + "a" + ")" * 3_000,
    "minus": "a = " + "-" * 9_000 + "1",
    "calls": "f(" * 4_000 + "a" + ")" * 4_000,
    "sum": "a = " + "+".join("1" * 4_000),
    "power": "a = " + "^".join("1" * 4_000),
    "comparisons": "=".join("a" * 4_000),
    "nested lists": "a IN " + "(1," * 3_000,
    "lists in lists": "f(" + "(" * 300 + "1" + ",2)" * 300 + ")",
    "geometry": "S_INTERSECTS(a, " + "GEOMETRYCOLLECTION(" * 3_000 + "POINT(1 2)" + ")" * 3_000 + ")",
    "geometry parentheses": "S_INTERSECTS(a, POLYGON" + "(" * 30_000,
    "alternating": "a = 1 AND b = 2 OR " * 3_000 + "a = 1",
    "quotes": "'" * 60_001,
    "points": "a = " + "." * 60_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_at_once(bomb: str) -> None:
    started = time.process_time()
    with pytest.raises(BadFilter):
        parse(BOMBS[bomb], "cql2-text", limits=LIMITS)
    assert time.process_time() - started < 20


def test_many_conditions_are_no_bomb() -> None:
    assert len(read(" OR ".join(f"a = {n}" for n in range(900)))["args"]) == 900
    assert len(read(f"a IN ({', '.join(str(n) for n in range(4_000))})")["args"][1]) == 4_000


@pytest.mark.parametrize(
    ("text", "limits", "what"),
    [
        ("a = 1 AND b = 2", {"length": 10}, "characters"),
        ("a = 1 AND b = 2", {"nodes": 5}, "words"),
        ("((((a = 1))))", {"depth": 3}, "levels"),
        ("S_INTERSECTS(a, LINESTRING(0 0, 1 1, 2 2, 3 3))", {"vertices": 3}, "vertices"),
    ],
)
def test_a_limit_is_named(text: str, limits: dict[str, int], what: str) -> None:
    with pytest.raises(BadFilter, match=what):
        read(text, **limits)


def test_a_hundred_thousand_vertices_are_read_and_one_more_is_not() -> None:
    def line(count: int) -> str:
        return f"S_INTERSECTS(a, LINESTRING({', '.join(f'{n / 1e4:.4f} 23' for n in range(count))}))"

    assert len(read(line(100_000), length=10**7)["args"][1]["coordinates"]) == 100_000
    with pytest.raises(BadFilter, match="100,000"):
        read(line(100_001), length=10**7)
