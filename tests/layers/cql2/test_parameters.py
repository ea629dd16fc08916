"""`datetime` with day semantics and open ends, `name=value` by the property's type, and an actor's queryables."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from layers.actor import OPERATOR
from layers.cql2 import compile_datetime, compile_property, find_queryable, queryables_of
from layers.definition import FieldDefinition, LayerDefinition
from layers.errors import BadFilter, BadInput
from tests.layers.cql2.conftest import Database
from tests.layers.cql2.expressions import QUERYABLES
from tests.readers import INSIDER


@pytest.fixture
def times(database: Database) -> Database:
    moments = {
        "eve": datetime(2025, 1, 1, 23, 59, 59, 999_999, UTC),
        "midnight": datetime(2025, 1, 2, tzinfo=UTC),
        "noon": datetime(2025, 1, 2, 12, tzinfo=UTC),
        "end": datetime(2025, 1, 2, 23, 59, 59, 999_999, UTC),
        "next": datetime(2025, 1, 3, tzinfo=UTC),
    }
    database.fill([{"id": i, "seen": m, "built": m.date()} for i, m in moments.items()] + [{"id": "never"}])
    return database


DAY = {"midnight", "noon", "end"}


@pytest.mark.parametrize(
    ("text", "seen", "built"),
    [
        ("2025-01-02", DAY, DAY),
        ("2025-01-02T12:00:00Z", {"noon"}, DAY),
        ("2025-01-02T20:00:00+08:00", {"noon"}, DAY),
        ("2025-01-02T20:00:00 08:00", {"noon"}, DAY),
        ("2025-01-02t12:00:00.000z", {"noon"}, DAY),
        ("2025-01-02/2025-01-02", DAY, DAY),
        ("2025-01-02/..", DAY | {"next"}, DAY | {"next"}),
        ("2025-01-02/", DAY | {"next"}, DAY | {"next"}),
        ("../2025-01-02", DAY | {"eve"}, DAY | {"eve"}),
        ("/2025-01-02", DAY | {"eve"}, DAY | {"eve"}),
        ("../..", DAY | {"eve", "next"}, DAY | {"eve", "next"}),
        ("2025-01-02T12:00:00Z/2025-01-03", {"noon", "end", "next"}, DAY | {"next"}),
        ("2025-01-02T12:00:00Z/2025-01-02T12:00:00Z", {"noon"}, DAY),
        ("2030-01-01", set(), set()),
        ("9999-12-31/..", set(), set()),
        ("../0001-01-01", set(), set()),
    ],
)
def test_datetime(times: Database, text: str, seen: set[str], built: set[str]) -> None:
    assert times.ids(compile_datetime(text, QUERYABLES["seen"])) == seen
    assert times.ids(compile_datetime(text, QUERYABLES["built"])) == built
    assert times.ids(compile_datetime(text, None)) == DAY | {"eve", "next", "never"}


@pytest.mark.parametrize(
    "text",
    ["", "..", "/", "2025", "2025-02-30", "2025-1-2", "yesterday", "2025-01-02T12:00:00", "2025-01-02 12:00:00Z", "a/b",
     "2025-01-01/2025-01-02/2025-01-03", "2025-01-03/2025-01-02", "2025-01-02T24:30:00Z", "٢٠٢٥-01-02", "2025-01-02\0"],
)  # fmt: skip
def test_a_wrong_datetime_is_refused(text: str) -> None:
    if text == "/":  # both ends open, as `../..`
        assert compile_datetime(text, None).text == "TRUE"
        return
    for queryable in (QUERYABLES["seen"], None):
        with pytest.raises(BadInput, match="2025-01-02") as caught:
            compile_datetime(text, queryable)
        assert caught.value.parameter == "datetime"


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("id", "r0", {"r0"}),
        ("name", "a*", {"r1"}),
        ("name", "a", {"r0"}),
        ("name", "a%", set()),
        ("floors", "3", {"r0"}),
        ("floors", "+3", {"r0"}),
        ("floors", "99999999999999999999", set()),
        ("height_m", "2.50", {"r0"}),
        ("height_m", "25e-1", {"r0"}),
        ("open", "true", {"r0"}),
        ("open", "FALSE", {"r1"}),
        ("built", "2025-01-02", {"r0"}),
        ("seen", "2025-01-02", {"r0"}),
        ("seen", "2025-01-02T03:00:00Z", {"r0"}),
        ("tags", "y", {"r0"}),
        ("tags", "z", set()),
    ],
)
def test_a_property_equals_the_value(database: Database, name: str, text: str, found: set[str]) -> None:
    row: dict[str, Any] = {"id": "r0", "name": "a", "floors": 3, "height_m": 2.5, "open": True, "tags": ["x", "y"]}
    row |= {"built": date(2025, 1, 2), "seen": datetime(2025, 1, 2, 3, tzinfo=UTC)}
    database.fill([row, {"id": "r1", "name": "a*", "open": False}])
    assert database.ids(compile_property(name, text, QUERYABLES[name])) == found


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("floors", "abc", "takes an integer"),
        ("floors", "3.5", "takes an integer"),
        ("floors", "", "takes an integer"),
        ("floors", "٣", "takes an integer"),
        ("floors", "1_000", "takes an integer"),
        ("height_m", "nan", "takes a number"),
        ("height_m", "1e999", "1e307"),
        ("open", "yes", "true or false"),
        ("built", "2025-02-30", "no date"),
        ("seen", "now", "no date or timestamp"),
        ("name", "a\0b", r"U\+0000"),
        ("name", "\ud800", "surrogate"),
        ("extra", "x", "json and cannot"),
        ("geom", "x", "geometry and cannot"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(name: str, text: str, expected: str) -> None:
    with pytest.raises(BadInput, match=expected) as caught:
        compile_property(name, text, QUERYABLES[name])
    assert caught.value.parameter == name


def _field(name: str, grade: int = 1, **more: Any) -> FieldDefinition:
    return FieldDefinition(name=name, title_zh=name, title_en=name, type="string", grade=grade, **more)


LAYER = LayerDefinition(
    id="workers",
    title_zh="网格员",
    title_en="Workers",
    geometry_type="Point",
    fields=(_field("name"), _field("phone", 3, mask="phone"), _field("secret", internal=True)),
)


def test_nobody_searches_on_what_they_may_not_see() -> None:
    assert set(queryables_of(LAYER, INSIDER)) == {"id", "geom", "geometry", "name"}
    assert set(queryables_of(LAYER, OPERATOR)) == {"id", "geom", "geometry", "name", "phone"}
    with pytest.raises(BadFilter, match=r"no property 'phone'.*allowed are geom, geometry, id, name$"):
        find_queryable("phone", queryables_of(LAYER, INSIDER))


def test_geometry_is_another_name_of_geom_unless_a_field_has_it() -> None:
    assert queryables_of(LAYER, INSIDER)["geometry"].column == "geom"
    taken = LAYER.model_copy(update={"fields": (_field("geometry"),)})
    assert queryables_of(taken, INSIDER)["geometry"].type == "string"
    flat = LAYER.model_copy(update={"geometry_type": "None"})
    assert set(queryables_of(flat, INSIDER)) == {"id", "name"}
