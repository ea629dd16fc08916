"""Derived fields against the worked fixture of the domain reference."""

from __future__ import annotations

import asyncpg
import pytest

from layers.errors import NotFound
from layers.schema.derive import derive, derive_dependents
from layers.schema.tables import table_of
from tests.layers.schema.fixture import (
    CAMERAS,
    EDGE,
    GRIDS,
    INCIDENT,
    box,
    line,
    point,
    put,
    put_areas,
    put_cameras,
    put_water,
)

pytestmark = pytest.mark.anyio


async def _row(connection: asyncpg.Connection, layer_id: str, row_id: str) -> asyncpg.Record:
    return await connection.fetchrow(f"SELECT * FROM {table_of(layer_id)} WHERE id = $1", row_id)


async def _grid_and_area(connection: asyncpg.Connection, layer_id: str, row_id: str) -> tuple[str | None, str | None]:
    row = await _row(connection, layer_id, row_id)
    return row["grid_code"], row["area_code"]


async def test_incident_lies_in_its_grid_and_community(connection):
    await put_areas(connection)
    await put(connection, "iot_devices", "P", point(*INCIDENT))
    assert await derive(connection, "iot_devices") == {"area_code": 1, "grid_code": 1}
    assert await _grid_and_area(connection, "iot_devices", "P") == ("440106011001001", "440106011001")


async def test_point_on_four_grids_takes_the_smallest_code(connection):
    """On an edge stored in degrees the point may lie a hair inside one neighbour; these edges are exact in degrees."""
    for code, (west, south) in {
        "440106011002002": (113.33, 23.14),
        "440106011001001": (113.32, 23.13),
        "440106011002001": (113.33, 23.13),
        "440106011001002": (113.32, 23.14),
    }.items():
        ring = f"{west} {south},{west + 0.01:.2f} {south},{west + 0.01:.2f} {south + 0.01:.2f},"
        ring += f"{west} {south + 0.01:.2f},{west} {south}"
        await put(connection, "grids", code, f"SRID=4490;MULTIPOLYGON((({ring})))", grid_code=code)
    await put(connection, "iot_devices", "EDGE", "SRID=4490;POINT(113.33 23.14)")
    await put(connection, "iot_devices", "EAST", "SRID=4490;POINT(113.33 23.145)")
    await put(connection, "iot_devices", "NORTH", "SRID=4490;POINT(113.335 23.14)")
    await derive(connection, "iot_devices")
    assert (await _row(connection, "iot_devices", "EDGE"))["grid_code"] == "440106011001001"
    assert (await _row(connection, "iot_devices", "EAST"))["grid_code"] == "440106011001002"
    assert (await _row(connection, "iot_devices", "NORTH"))["grid_code"] == "440106011002001"


async def test_edge_point_of_the_fixture(connection):
    await put_areas(connection)
    await put(connection, "iot_devices", "EDGE", point(*EDGE))
    await derive(connection, "iot_devices")
    assert await _grid_and_area(connection, "iot_devices", "EDGE") == ("440106011001001", "440106011001")


@pytest.mark.parametrize(
    ("place", "grid_code", "area_code", "match"),
    [
        ((-25, 100), "440106011001001", "440106000000", "nearest"),
        ((-35, 100), None, "440106000000", "none"),
        ((825, 700), "440106011002002", "440106000000", "nearest"),
        ((400, 825), "440106011001002", "440106000000", "nearest"),
        ((-2000, 100), None, None, "none"),
    ],
)
async def test_point_outside_every_grid(connection, place, grid_code, area_code, match):
    await put_areas(connection)
    found = await connection.fetchrow(
        "SELECT * FROM onemap.place_at(ST_Transform($1::text::geometry, 4490))", point(*place)
    )
    assert tuple(found) == (grid_code, area_code, match)


async def test_area_is_as_fine_as_the_areas_there_are(connection):
    """A street without communities gives a code that ends in 000."""
    await put(connection, "streets", "440106012000", box(0, 0, 800, 800), street_code="440106012")
    await put(connection, "rain_gauges", "R", point(10, 10))
    await derive(connection, "rain_gauges")
    assert await _grid_and_area(connection, "rain_gauges", "R") == (None, "440106012000")


async def test_grids_that_were_replaced_do_not_count(connection):
    await put_areas(connection)
    await connection.execute("UPDATE layer.grids SET superseded_at = now() WHERE grid_code = '440106011001001'")
    await put(connection, "iot_devices", "P", point(100, 100))
    await derive(connection, "iot_devices")
    assert await _grid_and_area(connection, "iot_devices", "P") == (None, "440106011001")


async def test_areas_take_their_own_code(connection):
    await put_areas(connection)
    for layer_id in ("districts", "streets", "communities", "grids"):
        await derive(connection, layer_id)
    assert await _grid_and_area(connection, "districts", "440106") == (None, "440106000000")
    assert await _grid_and_area(connection, "streets", "440106011000") == (None, "440106011000")
    assert await _grid_and_area(connection, "communities", "440106011002") == (None, "440106011002")
    assert await _grid_and_area(connection, "grids", "440106011002001") == ("440106011002001", "440106011002")


async def test_area_and_length_are_true_metres(connection):
    """A square of 400 m in the plane of 4547 is 0.011 % larger than on the ellipsoid; in 3857 it would be 18 % more."""
    await put_areas(connection)
    await put_water(connection)
    await derive(connection, "grids")
    await derive(connection, "waterways")
    for code in GRIDS:
        assert (await _row(connection, "grids", code))["area_m2"] == pytest.approx(160_000, rel=1.5e-4)
    assert (await _row(connection, "waterways", "W1"))["length_m"] == pytest.approx(800, rel=1e-4)


async def test_chainage_and_bank(connection):
    await put_areas(connection)
    await put_water(connection)
    assert await derive(connection, "flood_risk_points") == {
        "area_code": 3,
        "grid_code": 3,
        "waterway_code": 3,
        "chainage_m": 3,
        "bank": 3,
    }
    await derive(connection, "water_facilities")
    found = await connection.fetch(
        """SELECT id, waterway_code, chainage_m, bank FROM layer.flood_risk_points
        UNION ALL SELECT id, waterway_code, chainage_m, bank FROM layer.water_facilities ORDER BY id"""
    )
    expected = {
        "F1": (250, "left"),
        "F2": (550, "right"),
        "F3": (700, "mid"),
        "PS1": (400, "mid"),
        "PS2": (650, "mid"),
    }
    assert {row["id"]: (row["waterway_code"], row["bank"]) for row in found} == {
        name: ("W1", bank) for name, (_, bank) in expected.items()
    }
    for row in found:
        assert row["chainage_m"] == pytest.approx(expected[row["id"]][0], abs=0.02)


async def test_chainage_counts_from_the_start_of_the_waterway_and_width_is_mid(connection):
    await put(connection, "waterways", "W", line((0, 0), (400, 0), (400, 400)), chainage_start_m=1000.0, width_m=20.0)
    await put(connection, "water_facilities", "LEFT", point(390, 200))
    await put(connection, "water_facilities", "RIGHT", point(411, 200))
    await put(connection, "water_facilities", "CORNER", point(420, -20))
    await put(connection, "water_facilities", "FAR", point(901, 200))
    await derive(connection, "water_facilities")
    found = {r["id"]: r for r in await connection.fetch("SELECT * FROM layer.water_facilities")}
    assert (found["LEFT"]["bank"], found["RIGHT"]["bank"], found["CORNER"]["bank"]) == ("mid", "right", "right")
    assert found["RIGHT"]["chainage_m"] == pytest.approx(1600, abs=0.02)
    assert found["CORNER"]["chainage_m"] == pytest.approx(1400, abs=0.02)
    assert (found["FAR"]["waterway_code"], found["FAR"]["chainage_m"], found["FAR"]["bank"]) == (None, None, None)


async def test_village_counts(connection):
    await put_areas(connection)
    await put_cameras(connection)
    await put(connection, "buildings", "K1", box(240, 340, 260, 360), height_m=30.0)
    await put(connection, "buildings", "K2", box(290, 340, 330, 360))
    await derive(connection, "urban_villages")
    row = await _row(connection, "urban_villages", "UV1")
    assert row["building_count"] == 1, "K2's point lies inside, K1 outside"
    inside = [n for n, (x, y) in CAMERAS.items() if 300 < x < 600 and 300 < y < 600]
    assert row["camera_count"] in {len(inside), len(inside) + 1}, "C5 lies on the edge"


async def test_village_shares_of_four_grids(connection):
    await put_areas(connection)
    await derive_dependents(connection, "urban_villages")
    found = {
        (r["b_layer"], r["b_id"]): (r["share_a"], r["share_b"])
        for r in await connection.fetch("SELECT * FROM onemap.area_overlap WHERE a_id = 'UV1'")
    }
    expected = {
        ("grids", "440106011001001"): (1 / 9, 1 / 16),
        ("grids", "440106011001002"): (2 / 9, 2 / 16),
        ("grids", "440106011002001"): (2 / 9, 2 / 16),
        ("grids", "440106011002002"): (4 / 9, 4 / 16),
        ("communities", "440106011001"): (1 / 3, 3 / 32),
        ("communities", "440106011002"): (2 / 3, 6 / 32),
        ("streets", "440106011000"): (1, 9 / 64),
    }
    assert found.keys() == expected.keys()
    for key, shares in expected.items():
        assert found[key] == pytest.approx(shares, abs=1e-5)


async def test_new_grids_move_what_lies_in_them(connection):
    await put_areas(connection)
    await put(connection, "iot_devices", "P", point(*INCIDENT))
    await derive(connection, "iot_devices")
    await connection.execute("UPDATE layer.grids SET grid_code = '440106011001009' WHERE id = '440106011001001'")
    answer = await derive_dependents(connection, "grids")
    assert answer["iot_devices"] == {"area_code": 1, "grid_code": 1}
    assert answer["video_points"] == {"area_code": 0, "grid_code": 0}
    row = await _row(connection, "iot_devices", "P")
    assert (row["grid_code"], row["version"]) == ("440106011001009", 1)
    assert row["updated_at"] is not None


async def test_nothing_changed_leaves_the_version_of_the_layer(connection):
    """Caches are keyed by the version: a second derivation must not throw them away."""
    await put_areas(connection)
    await put(connection, "iot_devices", "P", point(*INCIDENT))
    await derive(connection, "iot_devices")
    before = await connection.fetchval("SELECT version FROM onemap.layer WHERE id = 'iot_devices'")
    assert await derive(connection, "iot_devices") == {"area_code": 0, "grid_code": 0}
    await derive_dependents(connection, "grids")
    assert await connection.fetchval("SELECT version FROM onemap.layer WHERE id = 'iot_devices'") == before


async def test_nearer_waterway_takes_over(connection):
    await put_water(connection)
    await derive(connection, "flood_risk_points")
    await put(connection, "waterways", "W2", line((0, 260), (800, 260)))
    assert (await derive_dependents(connection, "waterways"))["flood_risk_points"]["waterway_code"] == 1
    assert (await _row(connection, "flood_risk_points", "F1"))["waterway_code"] == "W2"


async def test_event_keeps_the_grid_of_its_time(connection):
    await put_areas(connection)
    await put(connection, "events", "E1", point(*INCIDENT), source="hotline")
    await derive(connection, "events")
    await connection.execute("UPDATE layer.grids SET grid_code = '440106011001009' WHERE id = '440106011001001'")
    assert "events" not in await derive_dependents(connection, "grids")
    await derive(connection, "events")
    assert (await _row(connection, "events", "E1"))["grid_code"] == "440106011001001"
    await connection.execute("CREATE TEMP TABLE fresh AS SELECT 'E1' AS id")
    await derive(connection, "events", only_new="fresh")
    assert (await _row(connection, "events", "E1"))["grid_code"] == "440106011001009"


async def test_only_new_rows_are_looked_at(connection):
    await put_areas(connection)
    await put(connection, "iot_devices", "A", point(100, 100))
    await put(connection, "iot_devices", "B", point(100, 100))
    await connection.execute("CREATE TEMP TABLE fresh AS SELECT 'B' AS id")
    assert await derive(connection, "iot_devices", only_new="fresh") == {"area_code": 1, "grid_code": 1}
    assert await _grid_and_area(connection, "iot_devices", "A") == (None, None)


async def test_what_the_file_says_counts_while_there_are_no_areas(connection):
    await put(connection, "iot_devices", "A", point(100, 100), area_code="440106011001")
    assert await derive(connection, "iot_devices") == {}
    assert await _grid_and_area(connection, "iot_devices", "A") == (None, "440106011001")


async def test_row_without_a_place(connection):
    await put_areas(connection)
    await connection.execute("INSERT INTO layer.events (id, source) VALUES ('E', 'hotline')")
    assert (await derive(connection, "events"))["grid_code"] == 0


async def test_unknown_layer(connection):
    with pytest.raises(NotFound, match="no layer 'nowhere'"):
        await derive(connection, "nowhere")
