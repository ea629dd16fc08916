"""The planner uses the indexes: GiST for space, the primary key for ids, btrees for columns without casts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from layers.coordinates.crs import CRS84, EPSG_3857
from layers.cql2 import (
    FilterLimits,
    compile_bbox,
    compile_datetime,
    compile_filter,
    compile_property,
    parse,
    parse_bbox,
)
from tests.layers.cql2.conftest import Database
from tests.layers.cql2.expressions import QUERYABLES

POLYGON = "POLYGON((113.30 23.10, 113.31 23.10, 113.31 23.11, 113.30 23.10))"


@pytest.fixture(scope="module")
def town(database: Database) -> Iterator[Database]:
    database.execute("CREATE TABLE town (LIKE item INCLUDING ALL)")
    database.execute(
        """INSERT INTO town (id, name, floors, height_m, built, seen, geom)
        SELECT 'n' || n, 'name ' || n, n, n, date '2000-01-01' + n, timestamptz '2000-01-01Z' + n * interval '1 hour',
            ST_Buffer(ST_SetSRID(ST_Point(113 + (n % 200) / 200.0, 23 + n / 40000.0), 4490), 0.0005, 2)
        FROM generate_series(1, 20000) AS n"""
    )
    database.execute("CREATE INDEX town_geom ON town USING gist (geom)")
    for column in ("name", "floors", "height_m", "built", "seen"):
        database.execute(f"CREATE INDEX town_{column} ON town ({column})")
    database.execute("ANALYZE town")
    yield database
    database.execute("RESET plan_cache_mode")


CASES = {
    f"S_INTERSECTS(geom, {POLYGON})": "town_geom",
    f"S_INTERSECTS({POLYGON}, geom)": "town_geom",
    f"S_WITHIN(geom, {POLYGON})": "town_geom",
    f"S_CONTAINS(geom, {POLYGON})": "town_geom",
    f"S_TOUCHES(geom, {POLYGON})": "town_geom",
    f"S_EQUALS(geom, {POLYGON})": "town_geom",
    "S_INTERSECTS(geom, BBOX(113.3, 23.1, 113.31, 23.11))": "town_geom",
    "S_DWITHIN(geom, POINT(113.3 23.1), 100)": "town_geom",
    f"floors > 3 AND S_INTERSECTS(geom, {POLYGON})": "town_geom",
    "id = 'n5'": "town_pkey",
    "id IN ('n5', 'n6')": "town_pkey",
    "name = 'name 5'": "town_name",
    "floors = 5": "town_floors",
    "floors IN (5, 6)": "town_floors",
    "height_m BETWEEN 5 AND 6.5": "town_height_m",
    "built = DATE('2000-01-05')": "town_built",
    "built < TIMESTAMP('2000-01-05T12:00:00Z')": "town_built",
    "T_INTERSECTS(built, INTERVAL('2000-01-05', '2000-01-06'))": "town_built",
    "seen = DATE('2000-01-05')": "town_seen",
    "T_DURING(seen, INTERVAL('2000-01-05', '2000-01-06'))": "town_seen",
}


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("text", CASES)
def test_a_filter_uses_the_index(town: Database, text: str, mode: str) -> None:
    town.execute(f"SET plan_cache_mode = {mode}")
    condition = compile_filter(parse(text, "cql2-text", limits=FilterLimits()), QUERYABLES, filter_crs=CRS84)
    plan = town.plan(condition, "town")
    assert CASES[text] in plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_a_box_a_day_and_a_property_use_theirs(town: Database, mode: str) -> None:
    town.execute(f"SET plan_cache_mode = {mode}")
    for bbox in (
        parse_bbox("113.3,23.1,113.31,23.11", CRS84),
        parse_bbox("12612000,2643000,12613000,2644000", EPSG_3857),
    ):
        assert "town_geom" in town.plan(compile_bbox(bbox, QUERYABLES["geom"]), "town")
    assert "town_seen" in town.plan(compile_datetime("2000-01-05", QUERYABLES["seen"]), "town")
    assert "town_built" in town.plan(compile_datetime("2000-01-05", QUERYABLES["built"]), "town")
    assert "town_pkey" in town.plan(compile_property("id", "n5", QUERYABLES["id"]), "town")
