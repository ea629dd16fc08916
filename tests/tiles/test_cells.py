"""Points as counted cells: no point is lost or counted twice, with either way of counting, after any changes."""

from __future__ import annotations

import random

import mapbox_vector_tile
import pytest

from layers.actor import OPERATOR, Actor
from layers.catalog import read_catalog
from layers.clause import EMPTY, Clause
from layers.database.connection import Role, connect
from layers.definition import LayerDefinition
from layers.schema.tables import create_layer
from tests.databases import count_rows
from tiles.address import TileAddress
from tiles.grids import CGCS2000
from tiles.vector import Drawing, tile_clause

pytestmark = pytest.mark.anyio
WEST, SOUTH, EAST, NORTH = 113.25, 23.05, 113.45, 23.25
VALVES = LayerDefinition(
    id="valves",
    title_zh="阀门",
    title_en="Valves",
    geometry_type="Point",
    grade=1,
    synthetic=True,
    map={"tile_fields": ["kind"], "gather_below": 14, "count_by": "kind"},
    fields=(
        {"name": "kind", "title_zh": "类", "title_en": "Kind", "type": "string"},
        {"name": "area_code", "title_zh": "区划", "title_en": "Area", "type": "string"},
        {"name": "grid_code", "title_zh": "网格", "title_en": "Grid", "type": "string"},
        {"name": "data_grade", "title_zh": "级", "title_en": "Grade", "type": "integer"},
    ),
)
ROW = """INSERT INTO layer.valves (id, geom, kind, area_code, grid_code, data_grade) VALUES
($1, ST_SetSRID(ST_MakePoint($2, $3), 4490), $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET geom = excluded.geom,
kind = excluded.kind, area_code = excluded.area_code, grid_code = excluded.grid_code,
data_grade = excluded.data_grade"""
ACTORS = [
    OPERATOR,
    Actor("a", clearance=1),
    Actor("b", clearance=3, area_prefixes=("440106001",)),
    Actor("c", clearance=3, area_prefixes=("440106001002003",)),
]


def row(chance, n):
    street = chance.choice(["440106001", "440106002"])
    place = chance.uniform(WEST, EAST), chance.uniform(SOUTH, NORTH)
    kind = chance.choice(["gas", "water", None])
    return f"v{n}", *place, kind, f"{street}002", f"{street}002003", chance.randint(1, 4)


def tiles_over(z, grid=None):
    address = TileAddress(0, 0, 0, grid) if grid else TileAddress(0, 0, 0)
    across, down = address.grid.columns << z, address.grid.rows << z
    found = []
    for x in range(across):
        west, _, east, _ = address.grid.stored_box(z, x, 0)
        if east < WEST or west > EAST:
            continue
        for y in range(down):
            _, south, _, north = address.grid.stored_box(z, x, y)
            if not (north < SOUTH or south > NORTH):
                found.append(TileAddress(z, x, y, address.grid))
    return found


async def features(owner, layer, actor, tiles, where=None):
    found = []
    for tile in tiles:
        text, values = tile_clause(Drawing(layer, actor, tile, 10_000, where or EMPTY)).render()
        body = await owner.fetchval(text, *values)
        if body:
            found += mapbox_vector_tile.decode(body)["valves"]["features"]
    return found


async def visible(owner, actor, wanted="TRUE"):
    return await owner.fetchrow(
        f"""SELECT count(*) AS n, count(*) FILTER (WHERE kind = 'gas') AS gas FROM layer.valves
        WHERE data_grade <= $1 AND ($2::text[] = '{{}}' OR data_grade = 1 OR grid_code ^@ ANY ($2)) AND {wanted}""",
        actor.clearance,
        list(actor.area_prefixes),
    )


@pytest.fixture
async def owner(database_url):
    owner = await connect(database_url)
    await create_layer(owner, VALVES)
    yield owner
    await owner.close()


async def layer_of(owner):
    return (await read_catalog(owner))["valves"]


async def test_every_point_is_counted_once_at_every_zoom_whoever_counts(owner):
    chance = random.Random(1)
    await owner.executemany(ROW, [row(chance, n) for n in range(400)])
    layer = await layer_of(owner)
    for actor in ACTORS:
        there = await visible(owner, actor)
        for tiles in (tiles_over(5), tiles_over(9), tiles_over(10, CGCS2000)):
            cells = await features(owner, layer, actor, tiles)
            assert sum(f["properties"]["count"] for f in cells) == there["n"]
            assert sum(f["properties"].get("count_gas", 0) for f in cells) == there["gas"]
            ids = [f["properties"]["id"] for f in cells]
            assert len(ids) == len(set(ids))


async def test_a_filter_counts_the_rows_it_wants_in_the_same_cells(owner):
    chance = random.Random(2)
    await owner.executemany(ROW, [row(chance, n) for n in range(300)])
    layer, tiles = await layer_of(owner), tiles_over(9)
    gas = await features(owner, layer, OPERATOR, tiles, Clause("f.kind = ?0::text", ("gas",)))
    assert sum(f["properties"]["count"] for f in gas) == (await visible(owner, OPERATOR))["gas"]
    everything = await features(owner, layer, OPERATOR, tiles)
    same = await features(owner, layer, OPERATOR, tiles, Clause("f.data_grade > ?0::int", (0,)))
    assert same == everything


@pytest.mark.parametrize("seed", range(3))
async def test_cells_follow_every_kind_of_change(owner, seed):
    chance = random.Random(seed)
    for _ in range(40):
        kind = chance.randrange(6)
        if kind <= 2:
            await owner.executemany(ROW, [row(chance, chance.randrange(30)) for _ in range(chance.randrange(1, 6))])
        elif kind == 3:
            await owner.execute("DELETE FROM layer.valves WHERE id = $1", f"v{chance.randrange(30)}")
        elif kind == 4:
            await owner.execute("UPDATE layer.valves SET kind = 'gas' WHERE id < $1", f"v{chance.randrange(30)}")
        else:
            await owner.execute(
                "UPDATE layer.valves SET geom = ST_Translate(geom, 0.001, -0.001) WHERE id > $1",
                f"v{chance.randrange(9)}",
            )
    kept = await owner.fetch("SELECT * FROM onemap.cell ORDER BY x, y, data_grade, area_code, kind")
    await owner.execute("SELECT onemap.gather_anew('valves', 'r.data_grade', 'r.area_code', 'r.kind')")
    anew = await owner.fetch("SELECT * FROM onemap.cell ORDER BY x, y, data_grade, area_code, kind")
    keys = ("x", "y", "data_grade", "area_code", "kind", "features")
    assert [[r[k] for k in keys] for r in kept] == [[r[k] for k in keys] for r in anew]
    assert [r["lon_sum"] for r in kept] == pytest.approx([r["lon_sum"] for r in anew], abs=1e-6)
    await owner.execute("TRUNCATE layer.valves")
    assert await count_rows(owner, "onemap.cell") == 0


async def test_above_the_zoom_points_are_points(owner):
    chance = random.Random(3)
    await owner.executemany(ROW, [row(chance, n) for n in range(50)])
    layer = await layer_of(owner)
    points = await features(
        owner, layer, OPERATOR, [TileAddress(14, x, y) for x in range(13346, 13356) for y in range(7100, 7112)]
    )
    assert {f["properties"]["id"][0] for f in points} == {"v"}
    assert all("count" not in f["properties"] for f in points)


async def test_a_layer_begins_and_ends_to_be_gathered_with_its_definition(owner):
    await owner.executemany(ROW, [row(random.Random(4), n) for n in range(20)])
    plain = VALVES.model_copy(update={"map": VALVES.map.model_copy(update={"gather_below": None, "count_by": None})})
    await create_layer(owner, plain)
    assert await count_rows(owner, "onemap.cell") == 0
    await owner.executemany(ROW, [row(random.Random(5), n) for n in range(20)])
    await create_layer(owner, VALVES)
    assert await owner.fetchval("SELECT sum(features) FROM onemap.cell") == 20


async def test_the_reading_role_may_count(owner, database_url):
    reader = await connect(database_url, Role.READ)
    assert await features(reader, await layer_of(owner), OPERATOR, tiles_over(3)) == []
    await reader.close()
