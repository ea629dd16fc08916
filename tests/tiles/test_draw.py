"""A tile that would be too large is thinned by its layer's priority, evenly and repeatably."""

from __future__ import annotations

import mapbox_vector_tile
import pytest

from layers.actor import OPERATOR
from layers.catalog import read_catalog
from layers.database.connection import connect
from layers.schema.tables import create_layer
from tests.tiles.conftest import LAMPS
from tiles.address import TileAddress
from tiles.draw import draw
from tiles.vector import Drawing

pytestmark = pytest.mark.anyio
TILE = TileAddress(14, 13348, 7110)
RANKED = LAMPS.model_copy(update={"map": LAMPS.map.model_copy(update={"priority": "colour", "tile_fields": ("kind",)})})


@pytest.fixture
async def crowded(town):
    """Two thousand lamps in the tile, a tenth of them of the first colour, each with a word of its own."""
    await create_layer(town.owner, RANKED)
    west, south, east, north = TILE.box()
    await town.owner.execute(
        """INSERT INTO layer.lamps (id, geom, colour, kind) SELECT 'l' || n,
        ST_SetSRID(ST_MakePoint($1::float8 + ($3 - $1::float8) * (n % 50 + 0.5) / 50,
            $2::float8 + ($4 - $2::float8) * (n / 50 + 0.5) / 40), 4490),
        CASE WHEN n % 10 = 0 THEN 1 ELSE 2 END, md5(n::text) FROM generate_series(0, 1999) AS n""",
        west,
        south,
        east,
        north,
    )
    return town


async def drawn(town, bytes_max):
    found = await draw(town.pool, Drawing(await town.layer(), OPERATOR, TILE, 10_000), bytes_max)
    return found, mapbox_vector_tile.decode(found.content)["lamps"]["features"]


async def test_a_tile_within_the_bound_is_whole(crowded):
    found, features = await drawn(crowded, 500_000)
    assert (found.thinned, len(features)) == (False, 2000)


async def test_what_is_important_stays_and_the_rest_is_thinned_evenly_and_alike(crowded):
    found, features = await drawn(crowded, 60_000)
    assert found.thinned
    assert len(found.content) <= 60_000
    shown = {f["properties"]["id"] for f in features}
    assert {f"l{n}" for n in range(0, 2000, 10)} <= shown
    quarters = [0] * 4
    for feature in features:
        x, y = feature["geometry"]["coordinates"]
        quarters[(x > 2048) + 2 * (y > 2048)] += 1
    assert min(quarters) > len(features) / 6
    assert (await drawn(crowded, 60_000))[0] == found


async def test_one_feature_too_large_by_itself_is_drawn(database_url):
    owner = await connect(database_url)
    area = LAMPS.model_copy(update={"geometry_type": "Polygon", "id": "areas"})
    await create_layer(owner, area)
    west, south, _, _ = TILE.box()
    await owner.execute(
        "INSERT INTO layer.areas (id, geom, kind)"
        " VALUES ('a', ST_Buffer(ST_SetSRID(ST_MakePoint($1, $2), 4490), 0.01, 90), 'x')",
        west,
        south,
    )
    layer = (await read_catalog(owner))["areas"]
    found = await draw(owner, Drawing(layer, OPERATOR, TILE, 100), 50)
    assert len(found.content) > 50
    await owner.close()
