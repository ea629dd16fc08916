"""`/live` reports the tiles to request again, to subscribers with the rights."""

from __future__ import annotations

import json

import httpx
import pytest
from websockets.sync.client import connect as open_socket

from layers.database.connection import connect
from layers.schema.tables import create_layer, refresh_statistics
from tests.tiles.conftest import LAMPS
from tiles.address import TileAddress
from tiles.cells import cell_of
from tiles.changed_tiles import ChangedTiles
from tiles.grids import WEB_MERCATOR

pytestmark = pytest.mark.anyio
PATIENCE_S = 120
GRADED = LAMPS.model_copy(
    update={
        "fields": (
            *LAMPS.fields,
            LAMPS.fields[0].model_copy(update={"name": "data_grade", "title_zh": "级", "title_en": "Grade"}),
        )
    }
)
HERE, THERE, HIDDEN = (113.3, 23.1), (113.4, 23.2), (113.35, 23.15)


@pytest.fixture
async def owner(database_url):
    owner = await connect(database_url)
    await create_layer(owner, GRADED)
    await put(owner, "l0", HERE)
    await refresh_statistics(owner, GRADED)
    yield owner
    await owner.close()


async def put(owner, name, place, grade=1):
    await owner.execute(
        """INSERT INTO layer.lamps (id, geom, data_grade) VALUES ($1, ST_SetSRID(ST_MakePoint($2, $3), 4490), $4)
        ON CONFLICT (id) DO UPDATE SET geom = excluded.geom, data_grade = excluded.data_grade""",
        name,
        *place,
        grade,
    )


async def version_of(owner):
    """Return the newest version of the lamps that is visible to a stranger."""
    return await owner.fetchval("SELECT max(v) FROM onemap.layer, unnest(grade_versions[1:2]) AS v WHERE id = 'lamps'")


def notices_of_lamps(lines):
    """Yield the notices of the lamps; skip all others."""
    event = ""
    for line in lines:
        if line.startswith("event: "):
            event = line[7:]
        elif line.startswith("data: ") and event == "tiles":
            yield from (notice for notice in json.loads(line[6:]) if notice["layer"] == "lamps")


def told_until(notices, version):
    """Return the notices up to a version; each begins where the one before ended."""
    found = [next(notices)]
    while found[-1]["version"] < version:
        found.append(next(notices))
        assert found[-1]["since"] == found[-2]["version"]
    return found[1:]


def holds(notices, place):
    """Whether a notice holds the tile of zoom 16 at a place."""
    tile = TileAddress(16, *cell_of(*place, 16), WEB_MERCATOR)
    found = [told["sets"]["WebMercatorQuad"] for told in notices if told["sets"]]
    return any(ChangedTiles(one["zoom"], tuple(map(tuple, one["ranges"]))).holds(tile) for one in found)


async def test_who_listens_hears_where_and_of_nothing_hidden(owner, database_url, live_server):
    address = live_server(database_url)
    with httpx.stream("GET", f"{address}/live?tiles=true&layers=lamps", timeout=PATIENCE_S) as answer:
        notices = notices_of_lamps(answer.iter_lines())
        greeting = next(notices)
        assert (greeting["since"], greeting["sets"]) == (greeting["version"], {})
        await put(owner, "secret", HIDDEN, grade=4)
        await owner.execute(
            """INSERT INTO layer.lamps (id, geom, data_grade)
            SELECT 'many' || n, ST_SetSRID(ST_MakePoint($1, $2), 4490), 3 FROM generate_series(1, 2000) AS n""",
            *HIDDEN,
        )  # so many that they are noted as anywhere
        before = await version_of(owner)
        await put(owner, "l0", THERE)
        version = await version_of(owner)
        assert before == greeting["version"]
        found = told_until(_after(greeting, notices), version)
    assert len(found) == 1, "nothing is told of what is hidden, not even that something changed"
    assert found[0]["sets"] is not None
    assert holds(found, HERE)
    assert holds(found, THERE)
    assert not holds(found, HIDDEN)


def _after(first, others):
    yield first
    yield from others


async def test_a_change_that_may_be_anywhere_is_told_so(owner, database_url, live_server):
    address = live_server(database_url)
    with httpx.stream("GET", f"{address}/live?tiles=true", timeout=PATIENCE_S) as answer:
        notices = notices_of_lamps(answer.iter_lines())
        greeting = next(notices)
        await owner.execute("TRUNCATE layer.lamps")
        found = told_until(_after(greeting, notices), await version_of(owner))
    assert found[-1]["sets"] is None


async def test_a_socket_hears_the_same(owner, database_url, live_server):
    address = live_server(database_url).replace("http://", "ws://")
    with open_socket(f"{address}/live/ws", open_timeout=PATIENCE_S) as socket:
        socket.send(json.dumps({"type": "subscribe", "layers": ["lamps"], "tiles": True}))

        def told():
            while True:
                message = json.loads(socket.recv(timeout=PATIENCE_S))
                if message["type"] == "tiles":
                    yield from message["layers"]

        notices = told()
        greeting = next(notices)
        await put(owner, "l0", THERE)
        assert holds(told_until(_after(greeting, notices), await version_of(owner)), THERE)
