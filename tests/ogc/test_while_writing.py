"""A service that others write to at the same time: pages miss nothing, and new layers appear by themselves."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layers.database.connection import connect
from layers.schema.tables import create_layer, drop_layer
from tests.ogc.service import Service, fill
from tests.ogc.things import field, layer


@pytest.fixture
def written(database_url):
    """A service whose layers every example of the property test writes to."""
    fill(database_url, 120)
    running = Service(database_url)
    yield running
    running.close()


INSERT = """
INSERT INTO layer.points (id, geom, name, floors, seen_at, data_grade)
SELECT 'n' || md5(random()::text), ST_SetSRID(ST_MakePoint(113.3, 23.1), 4490), 'new', 5, now(), 1
"""
WRITES = st.sampled_from(
    [
        INSERT,
        "UPDATE layer.points SET tags = tags || 'y'::text, extra = '{}' WHERE id LIKE 'r00%'",
        "UPDATE layer.points SET \"inner\" = 'z'",
        "DELETE FROM layer.points WHERE id LIKE 'n%'",
    ]
)
SORTS = st.sampled_from([None, "floors", "-floors", "name,-seen_at", "-built", "active,id"])


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SORTS, st.sampled_from([7, 25, 60]), st.lists(WRITES, min_size=1, max_size=6))
def test_pages_cover_every_row_once_while_rows_are_written(written, sortby, limit, writes):
    asked = {"limit": str(limit), "f": "json"} | ({"sortby": sortby} if sortby else {})
    target, seen = "collections/points/items", []
    for step in range(200):
        page = written.json(target, actor="operator", **({} if "cursor" in target else asked))
        seen += [feature["id"] for feature in page["features"]]
        target = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
        if target is None:
            break
        written.execute(writes[step % len(writes)])
    assert len(seen) == len(set(seen))
    assert {f"r{i:04}" for i in range(120)} <= set(seen)


def test_number_matched_follows_every_write(own_service):
    def number():
        return own_service.json("collections/points/items", actor="operator", limit="1")["numberMatched"]

    assert number() == 200
    version = own_service.app.state.shared.catalog.current["points"].version
    own_service.execute("DELETE FROM layer.points WHERE id < 'r0050'")
    own_service.wait(lambda: own_service.app.state.shared.catalog.current["points"].version > version)
    assert number() == 150
    assert own_service.json("collections/points", actor="operator")["itemCount"] == 150


NEW_LAYER = """
import asyncio, sys
from layers.database.connection import connect
from layers.schema.tables import create_layer, refresh_statistics
from layers.definition import LayerDefinition

async def main():
    connection = await connect(sys.argv[1])
    definition = LayerDefinition.model_validate_json(sys.argv[2])
    await create_layer(connection, definition)
    await connection.execute("INSERT INTO layer.newcomer (id, geom) VALUES ('a', ST_Point(113.3, 23.1, 4490))")
    await refresh_statistics(connection, definition)
    await connection.close()

asyncio.run(main())
"""


def test_a_layer_made_by_another_process_appears_without_a_restart(own_service):
    assert own_service.ask("collections/newcomer").status_code == 404
    before = own_service.json("openapi")["paths"].keys()
    definition = layer("newcomer", "Point", "新图层", "Newcomer").model_dump_json()
    subprocess.run([sys.executable, "-c", NEW_LAYER, own_service.url, definition], check=True)
    own_service.wait(lambda: own_service.app.state.shared.catalog.current.get("newcomer") is not None)
    assert "newcomer" in {c["id"] for c in own_service.json("collections")["collections"]}
    assert own_service.json("collections/newcomer")["title"] == "新图层"
    assert own_service.json("collections/newcomer/items", slow=True)["features"][0]["id"] == "a"
    assert "/collections/newcomer/items" in own_service.json("openapi")["paths"].keys() - before
    assert "新图层" in own_service.ask("collections/newcomer", f="html").text


def test_a_changed_definition_shows_everywhere(own_service):
    changed = layer("points", "Point", "改名", "Renamed")
    changed = changed.model_copy(update={"fields": (*changed.fields, field("added", title_zh="新增"))})

    async def change():
        connection = await connect(own_service.url)
        await create_layer(connection, changed)
        await connection.close()

    assert own_service.json("collections/points")["title"] == "点"
    own_service.run(change())
    own_service.wait(lambda: own_service.app.state.shared.catalog.current["points"].definition.title_zh == "改名")
    assert own_service.json("collections/points")["title"] == "改名"
    assert own_service.json("collections/points/schema")["properties"]["added"]["title"] == "新增"
    assert "added" in own_service.json("collections/points/items/r0001", slow=True)["properties"]


def test_a_dropped_layer_is_gone(own_service):
    async def drop():
        connection = await connect(own_service.url)
        await drop_layer(connection, "lines")
        await connection.close()

    assert own_service.json("collections/lines")
    own_service.run(drop())
    own_service.wait(lambda: "lines" not in own_service.app.state.shared.catalog.current)
    assert own_service.ask("collections/lines").status_code == 404
    assert own_service.ask("collections/lines/items", slow=True).status_code == 404


def test_many_audiences_at_once_each_get_their_own(own_service):
    def visit(actor):
        return {c["id"] for c in own_service.json("collections", actor=actor)["collections"]}

    actors = ("anonymous", "operator", "street", "masked")
    with ThreadPoolExecutor(len(actors)) as visits:
        found = dict(zip(actors, visits.map(visit, actors), strict=True))
    assert {actor for actor, seen in found.items() if "hidden" in seen} == {"operator"}
