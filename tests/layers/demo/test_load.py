"""The demo in the database: marked as synthetic, once, beside other rows, all or nothing."""

from __future__ import annotations

import json

import pytest

from layers.database.connection import Role, connect
from layers.demo.load import SOURCE_SYSTEM, load_demo
from layers.errors import BadInput, Conflict
from layers.schema.tables import sync_definitions

pytestmark = pytest.mark.anyio
SCALE = 0.01


async def _fetch(url, query):
    connection = await connect(url, Role.OWNER)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


async def test_layers_say_that_they_are_synthetic_and_count_their_rows(database_url):
    told = []
    rows = await load_demo(database_url, scale=SCALE, progress=lambda text, done: told.append((text, done)))
    assert all(count > 0 for count in rows.values())
    for layer in await _fetch(
        database_url, "SELECT id, definition, row_count, extent IS NULL AS nowhere FROM onemap.layer"
    ):
        definition = json.loads(layer["definition"])
        assert definition["synthetic"] is True
        assert "Amap" in definition["attribution"]
        placeless = definition["geometry_type"] == "None"
        assert (layer["row_count"], layer["nowhere"]) == (rows[layer["id"]], placeless)
    log = await _fetch(
        database_url, "SELECT convert_from(changes, 'UTF8')::jsonb #>> '{0,kind}' AS kind FROM twin.change"
    )
    assert [row["kind"] for row in log] == ["layer"] * len(rows), "one notice a layer, and none of a row"
    shares = [done for _, done in told]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1


async def test_the_database_derives_what_the_generator_leaves(district_url):
    (row,) = await _fetch(
        district_url,
        """SELECT count(*) FILTER (WHERE c.grid_code IS NULL OR c.area_code <> left(c.grid_code, 12)) AS lost,
        count(*) AS cameras FROM layer.video_points AS c""",
    )
    assert row["lost"] == 0
    assert row["cameras"] == 1200
    (row,) = await _fetch(
        district_url, "SELECT sum(building_count) AS houses, min(area_m2) AS least FROM layer.urban_villages"
    )
    assert row["houses"] > 50
    assert row["least"] > 1000
    (row,) = await _fetch(
        district_url, "SELECT count(*) AS n FROM layer.water_facilities WHERE chainage_m IS NULL OR bank IS NULL"
    )
    assert row["n"] == 0
    (row,) = await _fetch(district_url, "SELECT count(*) AS n FROM onemap.area_overlap")
    assert row["n"] > 0


async def test_the_same_demo_does_nothing_another_replaces_it_and_rows_of_others_stay(district_url):
    await _fetch(
        district_url,
        """INSERT INTO layer.rain_gauges (id, name, source_system, geom)
        VALUES ('real-1', '真实雨量站', 'sl323', ST_SetSRID(ST_Point(113.35, 23.15), 4490))""",
    )
    versions = await _fetch(district_url, "SELECT id, version FROM onemap.layer ORDER BY id")
    await load_demo(district_url, scale=0.02, seed=440106)
    assert await _fetch(district_url, "SELECT id, version FROM onemap.layer ORDER BY id") == versions
    rows = await load_demo(district_url, scale=SCALE, seed=5)
    (row,) = await _fetch(district_url, "SELECT count(*) AS n FROM layer.buildings")
    assert row["n"] == rows["buildings"]
    found = await _fetch(
        district_url, "SELECT count(*) AS n, count(*) FILTER (WHERE id = 'real-1') AS own FROM layer.rain_gauges"
    )
    assert (found[0]["n"], found[0]["own"]) == (rows["rain_gauges"] + 1, 1)


async def test_a_clash_with_real_rows_changes_nothing(database_url):
    await sync_definitions(database_url)
    await _fetch(
        database_url,
        """INSERT INTO layer.streets (id, name, source_system, geom)
        VALUES ('440106001', '五山街道', 'civil affairs', ST_Multi(ST_MakeEnvelope(1, 1, 2, 2, 4490)))""",
    )
    with pytest.raises(Conflict, match=r"'streets'.*440106001"):
        await load_demo(database_url, scale=SCALE)
    (row,) = await _fetch(database_url, "SELECT count(*) AS n, max(source_system) AS source FROM layer.streets")
    assert (row["n"], row["source"]) == (1, "civil affairs")
    (row,) = await _fetch(database_url, "SELECT count(*) AS n FROM layer.districts")
    assert row["n"] == 0


async def test_a_scale_out_of_range_is_refused_before_anything_is_removed(district_url):
    counted = f"SELECT count(*) AS n FROM layer.grids WHERE source_system = '{SOURCE_SYSTEM}'"
    before = await _fetch(district_url, counted)
    with pytest.raises(BadInput, match="between"):
        await load_demo(district_url, scale=0)
    assert await _fetch(district_url, counted) == before
