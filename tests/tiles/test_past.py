"""A tile as of a moment shows that moment, uses the indexes, and is never served for the present."""

from __future__ import annotations

from datetime import UTC, datetime

import mapbox_vector_tile
import pytest

from layers.actor import OPERATOR
from layers.catalog import read_catalog
from layers.clause import EMPTY
from layers.database.connection import connect
from layers.moment import Moment
from layers.schema.tables import create_layer, refresh_statistics
from tests.readers import INSIDER
from tests.tiles.conftest import LAMPS
from tiles.address import BUFFER, EXTENT, TileAddress
from tiles.call import Part, TileCall
from tiles.cells import cell_of
from tiles.maker import TileMaker
from tiles.vector import Drawing, tile_clause

pytestmark = pytest.mark.anyio
HERE, THERE = (113.3, 23.1), (113.4, 23.2)
ZOOM = 14
GATHERED = LAMPS.model_copy(
    update={"id": "valves", "map": LAMPS.map.model_copy(update={"gather_below": 15, "count_by": "kind"})}
)


def tile_at(place):
    return TileAddress(ZOOM, *cell_of(*place, ZOOM))


def features(body, layer="lamps"):
    return mapbox_vector_tile.decode(body)[layer]["features"] if body else []


async def moment_of(owner):
    """Return the database's time, before which everything so far was known."""
    return Moment((await owner.fetchval("SELECT clock_timestamp()")).astimezone(UTC), "known")


async def drawn(owner, layer, place, where=EMPTY):
    text, values = tile_clause(Drawing(layer, OPERATOR, tile_at(place), 1000, where)).render()
    return await owner.fetchval(text, *values)


async def test_what_moved_is_where_it_was(town):
    await town.put("l1", *HERE)
    before = await moment_of(town.owner)
    await town.put("l1", *THERE)
    layer = await town.layer()
    assert features(await drawn(town.owner, layer, HERE)) == []
    assert [f["properties"]["colour"] for f in features(await drawn(town.owner, layer.as_of(before), HERE))] == [1]
    assert features(await drawn(town.owner, layer.as_of(before), THERE)) == []
    assert [f["properties"]["colour"] for f in features(await drawn(town.owner, layer, THERE))] == [2]


async def test_cells_count_what_was_there(town):
    await create_layer(town.owner, GATHERED)
    row = "INSERT INTO layer.valves (id, geom, kind) VALUES ($1, ST_SetSRID(ST_MakePoint($2, $3), 4490), 'gas')"
    await town.owner.executemany(row, [(f"v{n}", *HERE) for n in range(3)])
    before = await moment_of(town.owner)
    await town.owner.execute("DELETE FROM layer.valves WHERE id <> 'v0'")
    layer = (await read_catalog(town.owner))["valves"]
    for shown, count in ((layer, 1), (layer.as_of(before), 3)):
        (cell,) = features(await drawn(town.owner, shown, HERE), "valves")
        assert (cell["properties"]["count"], cell["properties"]["count_gas"]) == (count, count)


async def test_a_tile_of_the_past_is_neither_kept_nor_taken_from_what_is(town):
    await town.put("l1", *HERE)
    before = await moment_of(town.owner)
    await town.put("l1", *THERE)
    layer = await town.layer()
    maker = TileMaker(town.cache, town.pool, town.pool, 1000, "build", lambda: "database")
    address = tile_at(THERE)

    async def ask(shown):
        call = TileCall((Part(shown, EMPTY),), INSIDER, address, address.box(BUFFER / EXTENT), "")
        return features((await maker.tile(call)).plain())

    assert len(await ask(layer)) == 1
    assert await ask(layer.as_of(before)) == []
    assert await ask(layer.as_of(before)) == []
    assert len(await ask(layer)) == 1
    assert (town.cache.served.drawn, town.cache.served.memory) == (3, 1)


async def test_the_past_is_found_by_the_spatial_index(database_url):
    owner = await connect(database_url)
    await create_layer(owner, LAMPS)
    await owner.execute(
        """INSERT INTO layer.lamps (id, geom) SELECT 'p' || n,
        ST_SetSRID(ST_Point(113 + (n % 500) * 0.002, 23 + n / 500 * 0.002), 4490) FROM generate_series(0, 49999) n"""
    )
    await refresh_statistics(owner, LAMPS)
    await owner.execute("SET max_parallel_workers_per_gather = 0")  # as the pools of readers have it
    layer = (await read_catalog(owner))["lamps"].as_of(Moment(datetime.now(UTC), "known"))
    text, values = tile_clause(Drawing(layer, INSIDER, tile_at(HERE), 1000)).render()
    plan = "\n".join(r[0] for r in await owner.fetch(f"EXPLAIN {text}", *values))
    await owner.close()
    assert "lamps_geom_idx" in plan, plan
    assert "Seq Scan on lamps r" not in plan, plan
