from __future__ import annotations

import json

import mapbox_vector_tile
import pytest

from layers.actor import OPERATOR, Actor
from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from layers.errors import NotFound
from layers.schema.tables import create_layer, refresh_statistics
from tests.page.town import BLOCKS, LAMPS, ROWS, SECRETS
from tests.readers import INSIDER
from tiles.address import TileAddress
from tiles.vector import Drawing, tile_clause, tile_fields

pytestmark = pytest.mark.anyio
NEAR = TileAddress(14, 13348, 7110)


@pytest.fixture
async def reader(database_url):
    owner = await connect(database_url)
    for definition in (BLOCKS, LAMPS, SECRETS):
        await create_layer(owner, definition)
    await owner.execute(ROWS)
    for definition in (BLOCKS, LAMPS, SECRETS):
        await refresh_statistics(owner, definition)
    await owner.close()
    connection = await connect(database_url, Role.READ)
    yield connection
    await connection.close()


async def drawn(connection, layer_id, actor=OPERATOR, tile=NEAR, feature_limit=1000):
    layer = (await read_catalog(connection))[layer_id]
    text, values = tile_clause(Drawing(layer, actor, tile, feature_limit)).render()
    body = await connection.fetchval(text, *values)
    return mapbox_vector_tile.decode(body, default_options={"y_coord_down": True}) if body else {}


async def test_a_tile_carries_shapes_fields_and_one_name_for_each_area(reader):
    tile = await drawn(reader, "blocks", tile=TileAddress(16, 53393, 28443))
    assert set(tile) == {"blocks", "labels"}
    assert tile["blocks"]["extent"] == 4096
    shapes = {f["properties"]["id"]: f for f in tile["blocks"]["features"]}
    names = {f["properties"]["id"]: f for f in tile["labels"]["features"]}
    assert json.dumps([shapes["b0"], names["b0"]], ensure_ascii=False, sort_keys=True) == (
        '[{"geometry": {"coordinates": [[[2603, 4051], [2603, 2835], [3722, 2835], [3722, 4051], [2603, 4051]]],'
        ' "type": "Polygon"}, "id": 0, "properties": {"id": "b0", "name": "街区0", "storeys": 0}, "type": "Feature"},'
        ' {"geometry": {"coordinates": [3162, 3443], "type": "Point"}, "id": 0,'
        ' "properties": {"id": "b0", "name": "街区0", "storeys": 0}, "type": "Feature"}]'
    )


async def test_areas_below_a_pixel_are_left_out_until_they_are_seen(reader):
    far = {f["properties"]["id"] for f in (await drawn(reader, "blocks"))["blocks"]["features"]}
    near = await drawn(reader, "blocks", tile=TileAddress(22, 3417309, 1820415))
    assert far == {"b0", "b1", "b2", "b3"}
    assert [f["properties"]["id"] for f in near["blocks"]["features"]] == ["tiny"]


async def test_rows_and_fields_are_those_of_the_actor(reader):
    seen = (await drawn(reader, "lamps", INSIDER))["lamps"]["features"]
    assert len(seen) == 20
    assert {f"l{n}" for n in range(40) if n % 4 < 2} == {f["properties"]["id"] for f in seen}
    assert set(seen[0]["properties"]) == {"id", "tags", "lit_on", "about"}
    everything = (await drawn(reader, "lamps"))["lamps"]["features"]
    assert len(everything) == 40
    assert everything[0]["properties"]["phone"] == "13812345678"


async def test_masked_fields_show_what_the_mask_leaves(reader):
    officer = Actor("officer", clearance=2, sees_masked=True)
    lamp = (await drawn(reader, "lamps", officer))["lamps"]["features"][0]["properties"]
    assert lamp["phone"] == "138****5678"
    assert "owner" not in lamp


async def test_values_become_what_mvt_can_hold(reader):
    lamp = (await drawn(reader, "lamps"))["lamps"]["features"][0]["properties"]
    assert (lamp["tags"], lamp["lit_on"], json.loads(lamp["about"])) == ("a,b", "2026-01-01", {"w": 5})


async def test_a_full_tile_keeps_an_even_and_repeatable_part(reader):
    first, again = [await drawn(reader, "lamps", feature_limit=10) for _ in range(2)]
    assert len(first["lamps"]["features"]) == 10
    assert first == again
    largest = await drawn(reader, "blocks", feature_limit=2)
    assert len(largest["blocks"]["features"]) == 2


async def test_nothing_there_is_no_bytes(reader):
    assert await drawn(reader, "blocks", tile=TileAddress(14, 0, 0)) == {}


async def test_no_field_but_those_of_the_map_is_carried(reader):
    catalog = await read_catalog(reader)
    assert [f.definition.name for f in tile_fields(catalog["blocks"], OPERATOR)] == ["name", "storeys"]


@pytest.mark.parametrize(
    ("z", "x", "y", "message"),
    [
        (-1, 0, 0, "zoom -1 does not exist; zooms of WebMercatorQuad go from 0 to 24"),
        (25, 0, 0, "zoom 25 does not exist"),
        (3, 8, 0, "there is no tile with x=8 at zoom 3; x goes from 0 to 7"),
        (3, 0, -1, "there is no tile with y=-1 at zoom 3; y goes from 0 to 7"),
    ],
)
async def test_a_tile_that_does_not_exist_says_which_do(z, x, y, message):
    with pytest.raises(NotFound, match=message):
        TileAddress(z, x, y)


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_the_spatial_index_is_used_whoever_asks(database_url, mode):
    owner = await connect(database_url)
    await create_layer(owner, LAMPS)
    await owner.execute(
        """INSERT INTO layer.lamps (id, geom, data_grade) SELECT 'p' || n,
        ST_SetSRID(ST_Point(113 + (n % 500) * 0.002, 23 + n / 500 * 0.002), 4490), 1 FROM generate_series(0, 99999) n"""
    )
    await refresh_statistics(owner, LAMPS)
    layer = (await read_catalog(owner))["lamps"]
    await owner.execute(f"SET plan_cache_mode = {mode}")
    await owner.execute("SET max_parallel_workers_per_gather = 0")  # as in the pools of readers
    for actor in (OPERATOR, INSIDER):
        text, values = tile_clause(Drawing(layer, actor, NEAR, 1000)).render()
        plan = "\n".join(r[0] for r in await owner.fetch(f"EXPLAIN {text}", *values))
        assert "lamps_geom_idx" in plan, plan
        assert "Seq Scan" not in plan, plan
    await owner.close()
