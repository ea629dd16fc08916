"""Every filter becomes a condition that runs, or an error that names the given and the allowed."""

from __future__ import annotations

from typing import Any

import pytest

from layers.coordinates.crs import CRS84, EPSG_4326
from layers.cql2 import FilterLimits, compile_filter, compile_property, parse
from layers.errors import BadFilter
from tests.layers.cql2.conftest import Database
from tests.layers.cql2.expressions import QUERYABLES

LIMITS = FilterLimits()
WKT_KINDS = [
    *("POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION"),
    *("POINT Z", "polygon zm"),
]


def compiled(text: str, crs: Any = CRS84) -> Any:
    return compile_filter(parse(text, "cql2-text", limits=LIMITS), QUERYABLES, filter_crs=crs)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("colour = 1", "no property 'colour'.*alias, built, .*width_m"),
        ("height_m > 'abc'", "the number property 'height_m' with 'abc'"),
        ("name = 5", "the string property 'name' with the number 5"),
        ("open > 2", "a boolean is true or false, 1 or 0"),
        ("open IN (TRUE, 2)", "a boolean is true or false, 1 or 0"),
        *((f"S_INTERSECTS(geom, {kind} EMPTY)", "not empty") for kind in WKT_KINDS),
        *((f"{kind} EMPTY", "not empty") for kind in WKT_KINDS),
        ("POLYGONEMPTY", "cannot be read"),
        ("POINT EMPTYISH", "cannot be read"),
        ("seen > '2020-01-01TT'", "no date or timestamp|no timestamp"),
        ("seen > '2020-13-01T'", "is no date"),
        ("open = 'true'", "cannot compare"),
        ("name = DATE('2025-01-01')", "date"),
        ("extra = 'x'", "only IS NULL"),
        ("tags = ('a')", "A_EQUALS"),
        ("geom = POINT(1 2)", "S_EQUALS"),
        ("seen = INTERVAL('2025-01-01', '..')", "use a temporal function"),
        ("name = NULL", "IS NULL"),
        ("name", "true or false for every feature"),
        ("1", "true or false"),
        ("'x'", "true or false"),
        ("NOT name", "NOT takes boolean"),
        ("name AND open", "AND takes boolean"),
        ("1 < floors < 3", "cannot compare"),
        ("floors LIKE '1%'", "LIKE takes string, not the integer property 'floors'"),
        ("name LIKE alias", "pattern in quotes"),
        ("name LIKE 'x\\'", "nothing to escape"),
        ("name LIKE 5", "LIKE takes string"),
        ("floors BETWEEN 'a' AND 'b'", "cannot compare"),
        ("floors IN (1, 'x')", "IN cannot compare the integer property 'floors' with 'x'"),
        ("drop_table(name) = 1", "no function 'drop_table'.*CASEI.*ROUND"),
        ("pg_sleep(5) = 1", "no function 'pg_sleep'"),
        ("S_NEAR(geom, POINT(1 2))", "no function 's_near'.*s_intersects"),
        ("T_NEAR(seen, seen)", "no function 't_near'.*t_after"),
        ("CASEI(name, alias) = 'x'", "CASEI takes 1 arguments, not 2"),
        ("CASEI(floors) = 'x'", "CASEI takes string"),
        ("S_INTERSECTS(geom) = TRUE", "S_INTERSECTS takes 2 arguments, not 1"),
        ("S_INTERSECTS(name, POINT(1 2))", "S_INTERSECTS takes geometry, not the string property"),
        ("T_AFTER(name, DATE('2025-01-01'))", "takes date or datetime"),
        ("A_CONTAINS(name, ('x'))", "takes string_array"),
        ("A_CONTAINS(tags, (1))", "an array takes string"),
        ("name + 1 = 2", r"\+ takes integer or number"),
        ("built = DATE('2025-02-30')", "'2025-02-30' is no date"),
        ("built = '2025-13-01'", "is no date"),
        ("built = 'yesterday'", "no date or timestamp"),
        ("seen = TIMESTAMP('2025-01-01T25:00:00Z')", "no timestamp"),
        ("seen = TIMESTAMP('2025-01-01T00:00:00')", "no timestamp"),
        ("seen = TIMESTAMP('0001-01-01T00:00:00+08:00')", "no timestamp"),
        ("DATE('2025-01-01', 'x') = built", "DATE takes one string"),
        ("T_DURING(seen, INTERVAL('2025-02-01', '2025-01-01'))", "after it ends"),
        ("T_DURING(seen, INTERVAL('2025-02-01'))", "2 instants"),
        ("S_INTERSECTS(geom, POLYGON((0 0, 2 2, 2 0, 0 2, 0 0)))", "not valid: Self-intersection"),
        ("S_INTERSECTS(geom, POINT(200 0))", "outside the area of OGC:CRS84"),
        ("S_INTERSECTS(geom, POINT(0 91))", "outside the area"),
        ("S_INTERSECTS(geom, LINESTRING(1 1))", "WKT"),
        ("S_INTERSECTS(geom, BBOX(0, 2, 1, 1))", "southern edge 2 is above"),
        ("S_INTERSECTS(geom, BBOX(0, 0, 1))", "4 or 6"),
        ("S_DWITHIN(geom, POINT(1 2), -1)", "0 to 1000000 metres"),
        ("S_DWITHIN(geom, POINT(1 2), floors)", "0 to 1000000 metres"),
        ("floors = 1e400", "1e307"),
        (" AND ".join(["floors * 2 > 1"] * 65), "more than 64 arithmetic operators"),
    ],
)
def test_a_fault_names_what_was_given_and_what_is_allowed(text: str, expected: str) -> None:
    with pytest.raises(BadFilter, match=expected):
        compiled(text)


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("seen > '2020-01-01T'", "seen > '2020-01-01'"),  # GDAL writes 2020/01/01 so
        ("built <= '2020-01-01t'", "built <= '2020-01-01'"),
        ("open = 1", "open = TRUE"),  # and can write no boolean
        ("open <> 0", "open <> FALSE"),
        ("1 = open", "TRUE = open"),
        ("open IN (0, 1)", "open IN (FALSE, TRUE)"),
    ],
)
def test_what_gdal_writes_means_what_it_means(sent: str, meant: str) -> None:
    assert compiled(sent).text == compiled(meant).text
    assert compiled(sent).values == compiled(meant).values


def test_the_axis_order_is_said_where_it_is_the_likely_fault() -> None:
    with pytest.raises(BadFilter, match="axis order of EPSG:4326 is latitude, longitude"):
        compiled("S_INTERSECTS(geom, POINT(113.3 23.1))", EPSG_4326)


HOSTILE = [
    "'; DROP TABLE item; --",
    "' OR '1'='1",
    "\\'; SELECT pg_sleep(9); --",
    "$1",
    "?0 ?1 ?2",
    "{} {0} {x}",
    "%s %(a)s",
    '"; DROP TABLE item; --',
    "a<b&c",
    "😀",
    "𠮷",
    "\u202e",
    "\r\n\t",
    "'" * 50,
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_stays_a_value(database: Database, value: str) -> None:
    database.fill([{"id": "r0", "name": value, "tags": [value]}, {"id": "r1", "name": "other"}])
    quoted = "'" + value.replace("'", "''") + "'"
    for text in (
        f"name = {quoted}",
        f"name IN ({quoted})",
        f"CASEI(name) = CASEI({quoted})",
        f"A_CONTAINS(tags, ({quoted}))",
    ):
        assert database.ids(compiled(text)) == {"r0"}
    assert database.ids(compile_property("name", value, QUERYABLES["name"])) == {"r0"}
    assert database.ids(compiled(f"name <> {quoted}")) == {"r1"}


@pytest.mark.parametrize("name", [*HOSTILE, "f.id", "name; --", 'name" = f."name', "geom)"])
def test_a_name_is_never_sql(name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    with pytest.raises(BadFilter, match="no property"):
        compiled(f"{quoted} = 1")
    with pytest.raises(BadFilter):
        compiled(f"{name} = 1")
