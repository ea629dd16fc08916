from __future__ import annotations

from contextlib import ExitStack

import httpx
import pytest

from layers.catalog import read_catalog
from layers.changed import ChangedAreas
from layers.database.connection import Role, connect, create_pool
from layers.definition import LayerDefinition
from layers.schema.tables import create_layer
from tests.databases import temporary_database
from tests.running_app import running_for_operator
from tiles.cache import TileCache

LAMPS = LayerDefinition(
    id="lamps",
    title_zh="路灯",
    title_en="Lamps",
    geometry_type="Point",
    grade=1,
    synthetic=True,
    map={"tile_fields": ["colour"]},
    fields=(
        {"name": "colour", "title_zh": "色", "title_en": "Colour", "type": "integer"},
        {"name": "kind", "title_zh": "类", "title_en": "Kind", "type": "string"},
    ),
)
SIGNS = LAMPS.model_copy(update={"id": "signs", "title_zh": "标志", "title_en": "Signs"})


class Town:
    """A database with two layers of points, and a cache over it."""

    def __init__(self, owner, pool, disk=None) -> None:
        self.owner, self.pool = owner, pool
        self.cache = TileCache(ChangedAreas(pool), disk, 8_000_000)

    async def layer(self, name="lamps"):
        return (await read_catalog(self.owner))[name]

    async def put(self, name, lon, lat, layer="lamps"):
        await self.owner.execute(
            f"INSERT INTO layer.{layer} (id, geom, colour) VALUES ($1, ST_SetSRID(ST_MakePoint($2, $3), 4490), 1)"
            " ON CONFLICT (id) DO UPDATE SET geom = excluded.geom, colour = lamps.colour + 1"
            if layer == "lamps"
            else f"INSERT INTO layer.{layer} (id, geom) VALUES ($1, ST_SetSRID(ST_MakePoint($2, $3), 4490))",
            name,
            lon,
            lat,
        )


@pytest.fixture
async def town(database_url):
    owner = await connect(database_url)
    for definition in (LAMPS, SIGNS):
        await create_layer(owner, definition)
    pool = await create_pool(database_url, Role.READ, size=3)
    yield Town(owner, pool)
    await pool.close()
    await owner.close()


@pytest.fixture(scope="module")
def client(cluster, district_template, tmp_path_factory):
    """A client of the application over the synthetic district; `OPERATOR` is the header of its operator."""
    home = tmp_path_factory.mktemp("home")
    with ExitStack() as started:
        url = started.enter_context(temporary_database(cluster, district_template))
        address = started.enter_context(running_for_operator(home, url))
        yield started.enter_context(httpx.Client(base_url=address, timeout=120))
