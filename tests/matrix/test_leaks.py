"""Hidden rows show in no output: not in the description of a layer, not in its past, not in a stream."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.catalog import read_catalog
from layers.database.connection import connect
from layers.definition import LayerDefinition, MapHints
from layers.errors import NotFound
from layers.load.rebuild import rebuild
from layers.schema.migrate import MIGRATIONS
from layers.schema.tables import create_layer, refresh_statistics
from layers.spreadsheet import cell
from tests.databases import count_rows, run_async, temporary_database
from tests.matrix.asked import ACTORS
from tests.matrix.conftest import Everybody
from tests.ogc.things import field
from tests.twin.change_log import COMMANDER, OFFICER, moved, prepare, tails, write
from twin.live.interest import Interest
from twin.log.changes import last_seq
from twin.store.purge import purge_past

THINGS = LayerDefinition(
    id="things",
    title_zh="物",
    title_en="Things",
    geometry_type="Point",
    grade=1,
    time="seen_at",
    map=MapHints(tile_fields=("name",)),
    fields=(
        field("name"),
        field("seen_at", "datetime"),
        field("related_ids", "string_array"),
        field("data_grade", "integer"),
        field("area_code"),
        field("grid_code"),
    ),
)
MARKS = ("113.6", "23.4000", "1999", "SECRET")  # of the hidden rows: place, time, name
SEES = {"public": 1, "anonymous": 2, "masked": 2, "officer": 1, "operator": 3}  # rows of the grades 1, 2 and 3 each
DESCRIBING = (
    "/ogc/collections/things?f=json",
    "/ogc/collections/things?f=html",
    "/ogc/collections?f=json",
    "/ogc/collections?f=html",
    "/ogc/collections/things/items?f=jsonld",
    "/ogc/collections/things/tiles?f=json",
    "/ogc/collections/things/tiles/WebMercatorQuad?f=json",
    "/ogc/collections/things/schema?f=json",
    "/tiles/things.json",
    "/map.json",
    "/styles/light.json",
    "/health",
)

ROWS = """INSERT INTO layer.things (id, geom, name, seen_at, data_grade, area_code, grid_code, related_ids) VALUES
    ('seen', ST_SetSRID(ST_MakePoint(113.31, 23.11), 4490), 'one', '2026-05-05T05:05:05Z', 1, '440106011001',
        '440106011001001', ARRAY['=cmd|''/c calc''!A1', 'a']),
    ('graded', ST_SetSRID(ST_MakePoint(113.32, 23.12), 4490), 'two', '2026-06-06T06:06:06Z', 2, '440106099001',
        '440106099001001', ARRAY['@SUM(1+1)']),
    ('hidden', ST_SetSRID(ST_MakePoint(113.6, 23.4), 4490), 'SECRET', '1999-09-09T09:09:09Z', 3,
        '440106099001', '440106099001001', ARRAY['x'])"""


async def fill(url):
    connection = await connect(url)
    try:
        await create_layer(connection, THINGS)
        await connection.execute(ROWS)
        await refresh_statistics(connection, THINGS)
    finally:
        await connection.close()


@pytest.fixture
def things(database_url):
    """The application over a layer with a row of each grade; tests may write to it."""
    run_async(fill(database_url))
    running = Everybody(database_url)
    yield running
    running.close()


def text_of(service, actor, target):
    answer = service.ask(target, actor=actor)
    assert answer.status_code < 500, (target, answer.text)
    return answer.text


def test_what_describes_a_layer_is_made_from_the_rows_one_sees(things):
    told = {target: text_of(things, "operator", target) for target in DESCRIBING}
    assert any(MARKS[0] in told[target] for target in DESCRIBING), "the operator is told of the whole extent"
    assert "1999" in told[DESCRIBING[0]]
    for actor in ("anonymous", "public", "masked", "officer"):
        for target in DESCRIBING:
            text = text_of(things, actor, target)
            assert [mark for mark in MARKS if mark in text] == [], (actor, target)
    document = things.json("collections/things", actor="anonymous")
    assert document["extent"]["spatial"]["bbox"][0] == pytest.approx([113.31, 23.11, 113.32, 23.12], abs=1e-5)
    assert document["extent"]["temporal"]["interval"][0][1].startswith("2026-06-06")
    assert things.json("/health", actor="anonymous").keys() == {"status", "ingest"}, "a stranger reads no counts"
    assert things.json("/health", actor="operator")["layers"]["things"] == SEES["operator"]


VALIDATED = (
    *DESCRIBING,
    "/ogc/collections/things/items",
    "/ogc/collections/things/items?f=csv",
    "/ogc/collections/things/items/seen",
    "/ogc/collections/things/items?filter=name='one'",
    "/ogc/collections/things/items?at=2026-05-05T05:05:05Z",
    "/styles/light.json?versioned=true",
    "/ogc/tiles?f=json",
    "/tiles/things/14/13348/7110.mvt",
    "/tiles/things/10/835/443.mvt",  # of the hidden row
)
HIDDEN_CHANGES = {
    "changed": "UPDATE layer.things SET name = 'SECRET 2', geom = ST_Translate(geom, 0.01, 0) WHERE id = 'hidden'",
    "brought": """INSERT INTO layer.things (id, geom, name, data_grade)
        SELECT 'h' || n, ST_SetSRID(ST_MakePoint(113.6, 23.4), 4490), 'SECRET', 3 + n % 2
        FROM generate_series(1, 1500) AS n""",
    "upserted": """INSERT INTO layer.things (id, name, data_grade) VALUES ('hidden', 'SECRET 3', 4)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, data_grade = 4""",
    "taken away": "DELETE FROM layer.things WHERE id = 'hidden'",
    "nothing": "UPDATE layer.things SET name = 'none' WHERE id = 'nobody'",
}
SEEN_CHANGES = {
    "changed": "UPDATE layer.things SET name = 'other' WHERE id = 'seen'",
    "raised": "UPDATE layer.things SET data_grade = 4 WHERE id = 'seen'",
    "lowered": "UPDATE layer.things SET data_grade = 1 WHERE id = 'hidden'",
    "brought": "INSERT INTO layer.things (id, name, data_grade) VALUES ('new', 'new', 1), ('newer', 'newer', 4)",
    "taken away": "DELETE FROM layer.things WHERE id IN ('seen', 'hidden')",
    "emptied": "TRUNCATE layer.things",
}


def told(service, actor, target):
    """Return status, headers and body of a response, without the times of the request."""
    answer = service.ask(target, actor=actor)
    assert answer.status_code < 500, (target, answer.text)
    passing = {"date", "x-request-id", "server-timing", "content-length"}
    headers = {name: value for name, value in answer.headers.items() if name not in passing}
    return answer.status_code, headers, _TIMES.sub("", answer.text)


_TIMES = re.compile(r'"timeStamp": ?"[^"]*"|20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z')


def after(service, statement):
    """Execute a statement, and wait until the application has noticed it."""
    known = service.catalog["things"].version
    service.execute(statement)
    service.wait(lambda: service.catalog["things"].version > known)


def statistics_taken(service):
    async def work():
        connection = await connect(service.url)
        try:
            await create_layer(connection, THINGS)  # as every load does
            await refresh_statistics(connection, THINGS)
        finally:
            await connection.close()

    run_async(work())


def test_that_something_hidden_changed_is_told_to_nobody_who_may_not_see_it(things):
    strangers = ("anonymous", "public", "masked")
    before = {(actor, target): told(things, actor, target) for actor in strangers for target in VALIDATED}
    assert before["anonymous", "/ogc/collections/things/items"][1]["last-modified"]
    for change, statement in HIDDEN_CHANGES.items():
        seen = told(things, "operator", "/ogc/collections/things/items")
        after(things, statement)
        assert told(things, "operator", "/ogc/collections/things/items")[1]["etag"] != seen[1]["etag"]
        for (actor, target), said in before.items():
            assert told(things, actor, target) == said, (change, actor, target)
    version = things.catalog["things"].version
    statistics_taken(things)
    things.wait(lambda: things.catalog["things"].version > version)
    for (actor, target), said in before.items():
        assert told(things, actor, target) == said, (actor, target, "after a load")


def test_that_something_changed_is_told_to_whoever_sees_it(things):
    tagged = ("/ogc/collections/things/items", "/ogc/collections/things/items/seen", "/map.json")
    actors = ("anonymous", "public", "masked", "operator")
    for change, statement in SEEN_CHANGES.items():
        after(things, "DELETE FROM layer.things")
        after(things, ROWS)
        tags = {(actor, one): told(things, actor, one)[1]["etag"] for actor in actors for one in tagged}
        drawn = {actor: things.json("/tiles/things.json", actor=actor)["tiles"] for actor in actors}
        after(things, statement)
        for (actor, target), tag in tags.items():
            again = things.ask(target, actor=actor, headers={"if-none-match": tag})
            assert again.status_code != 304, (change, actor, target)
        for actor, addresses in drawn.items():
            assert things.json("/tiles/things.json", actor=actor)["tiles"] != addresses, (change, actor)


@pytest.mark.anyio
async def test_tables_of_before_and_tables_exchanged_as_a_whole_tell_their_versions_by_grade(database_url):
    owner = await connect(database_url)
    try:
        await create_layer(owner, THINGS)
        for operation in ("insert", "update", "delete", "truncate"):
            await owner.execute(f"DROP TRIGGER touch_{operation} ON layer.things")
        await owner.execute(
            """CREATE TRIGGER touch AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON layer.things
            FOR EACH STATEMENT EXECUTE FUNCTION onemap.touch_layer()"""
        )
        migration = (MIGRATIONS / "0160_versions_by_grade.sql").read_text()
        await owner.execute(migration[migration.index("DO $$") : migration.index("-- A change is noted")])
        known = (await read_catalog(owner))["things"]
        await owner.execute("INSERT INTO layer.things (id, data_grade) VALUES ('hidden', 3)")
        hidden = (await read_catalog(owner))["things"]
        assert [after > before for after, before in zip(hidden.changes, known.changes, strict=True)] == [0, 0, 1, 1]
        async with owner.transaction():
            await rebuild(owner, THINGS, "id, data_grade", "SELECT id, 4 FROM layer.things")
        exchanged = (await read_catalog(owner))["things"]
        assert [change.version for change in exchanged.changes] == [exchanged.version] * 4
        await owner.execute("TRUNCATE layer.things")
        emptied = (await read_catalog(owner))["things"]
        assert [change.version for change in emptied.changes] == [emptied.version] * 4
    finally:
        await owner.close()


def test_live_state_has_no_version_that_a_stranger_is_told(district):
    live = [
        name for name in district.catalog.visible_ids(ACTORS["anonymous"]) if district.catalog[name].definition.is_live
    ]
    assert live
    for name in live:
        for actor in ("anonymous", "officer"):
            headers = district.ask(f"/ogc/collections/{name}/items?limit=1", actor=actor).headers
            assert {"etag", "last-modified"} & {*headers} == set(), (name, actor)
        assert "etag" in district.ask(f"/ogc/collections/{name}/items?limit=1", actor="operator").headers


def outputs(at):
    items = f"/ogc/collections/things/items?at={at}"
    yield from (f"{items}&limit=100&f={form}" for form in ("json", "jsonfg", "csv", "geojsonl"))
    yield from (f"/ogc/collections/things/items/{one}?at={at}" for one in ("seen", "graded", "hidden"))
    yield f"{items}&basis=phenomenon"
    yield f"{items}&filter=name LIKE '%25o%25'"
    yield f"{items}&bbox=113.3,23.1,113.7,23.5"
    yield f"/twin/snapshot?layers=things&at={at}"
    yield f"/twin/replay?layers=things&from={at}&to={at}&step=1s"
    yield from (f"/tiles/things/{tile}.mvt?at={at}" for tile in ("10/834/443", "10/835/443", "10/834/444"))


@pytest.mark.parametrize("last", ["UPDATE layer.things SET name = 'changed'", "DELETE FROM layer.things"])
def test_a_grade_that_was_raised_holds_for_what_the_feature_was(things, last):
    then = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert "one" in text_of(things, "public", f"/ogc/collections/things/items?at={then}")
    things.execute("UPDATE layer.things SET data_grade = 4 WHERE id IN ('seen', 'graded')")
    things.execute(last)
    for actor in ("public", "anonymous", "masked", "officer"):
        for target in outputs(then):
            text = text_of(things, actor, target)
            found = [mark for mark in ('"one"', '"two"', ",one,", ",two,", "cmd", "SECRET") if mark in text]
            assert found == [], (actor, target)
        hits = things.json(f"/ogc/collections/things/items?at={then}&resulttype=hits", actor=actor)
        assert hits["numberMatched"] == 0
    everything = text_of(things, "operator", f"/ogc/collections/things/items?at={then}")
    assert all(f'"{name}"' in everything for name in ("one", "two", "SECRET"))


@pytest.mark.anyio
async def test_a_grade_that_was_raised_holds_for_who_resumes_a_stream(layers_url):
    await prepare(layers_url)
    owner = await connect(layers_url)
    try:
        await owner.execute("INSERT INTO layer.vehicles (id, data_grade) VALUES ('V1', 2), ('V2', 2), ('V3', 2)")
        before = await last_seq(owner)
        await write(layers_url, *(moved(one, 1, grade=2) for one in ("V1", "V2", "V3")))
        await owner.execute("UPDATE layer.vehicles SET data_grade = 3 WHERE id IN ('V1', 'V2')")
        await owner.execute("DELETE FROM layer.vehicles WHERE id = 'V2'")
        async with tails(layers_url) as ((tail,), pool):
            watcher = tail.watch(Interest(), OFFICER, before)
            portion = await tail.take(watcher, pool, 1)
            told = {change["id"]: change for change in orjson.loads(portion.body)}
            taken_off = {"kind": "feature", "layer": "vehicles", "operation": "delete"}
            assert told.pop("V3")["kind"] == "position"
            assert told == {one: {**taken_off, "id": one} for one in ("V1", "V2")}, "nothing but that they are gone"
            tail.leave(watcher)
    finally:
        await owner.close()


def test_no_cell_of_a_table_is_a_formula(things):
    for actor in ACTORS:
        text = text_of(things, actor, "/ogc/collections/things/items?f=csv&limit=100")
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
        assert len(rows) == SEES[actor] + 1
        assert [value for row in rows for value in row if value.startswith(("=", "@", "+", "\t"))] == []
        assert any("'=cmd" in value for row in rows for value in row)


@given(st.one_of(st.text(), st.lists(st.text(), min_size=1)))
def test_whatever_a_cell_holds_it_is_no_formula(value):
    for part in str(cell(value)).split(";") if isinstance(value, list) else [str(cell(value))]:
        if part[:1] and part[0] in "=+-@\t\r\n＝＋－＠" and not isinstance(value, list):
            float(part)
    assert not str(cell(value)).startswith(("=", "@", "\t", "＝", "＠"))


def drawn_name(address):
    """Return the first row as its tile holds it."""
    return httpx.get(f"{address}/tiles/things/14/13348/7110.mvt").content


def renamed(url, name):
    async def work():
        connection = await connect(url)
        try:
            await connection.execute("UPDATE layer.things SET name = $1 WHERE id = 'seen'", name)
            return await connection.fetchval("SELECT version FROM onemap.layer WHERE id = 'things'")
        finally:
            await connection.close()

    return run_async(work())


def test_a_tile_of_the_future_is_not_shown_after_a_restore(cluster, database_url, live_server, tmp_path):
    run_async(fill(database_url))
    with temporary_database(cluster, database_url) as restored:  # as it was before the next changes
        version = renamed(database_url, "FUTURE")
        assert b"FUTURE" in drawn_name(live_server(database_url, home=tmp_path))
        assert renamed(restored, "PRESENT") == version
        assert b"PRESENT" in drawn_name(live_server(restored, home=tmp_path))


@pytest.mark.anyio
async def test_what_is_purged_is_nowhere_any_more_and_what_stands_stays(layers_url):
    await prepare(layers_url)
    owner = await connect(layers_url)
    try:
        await owner.execute("INSERT INTO layer.vehicles (id, plate_no) VALUES ('V1', 'ERASEDPLATE'), ('V2', 'KEPT')")
        await owner.execute("UPDATE layer.vehicles SET status_code = '1'")
        await owner.execute(
            """INSERT INTO twin.position (layer, id, lon, lat, phenomenon_time)
            SELECT 'vehicles', id, 113.3, 23.1, now() FROM layer.vehicles"""
        )
        before = await last_seq(owner)
        await write(layers_url, moved("V1", 1), moved("V2", 2))
        await owner.execute("DELETE FROM layer.vehicles WHERE id = 'V1'")
        assert await purge_past(owner, "vehicles", ["V1"]) >= 4
        assert await count_rows(owner, "past.vehicles WHERE id = 'V1'") == 0
        assert await count_rows(owner, "twin.position WHERE id = 'V1'") == 0
        assert await count_rows(owner, "twin.position WHERE id = 'V2'") == 1
        async with tails(layers_url) as ((tail,), pool):
            watcher = tail.watch(Interest(), COMMANDER, before)
            portion = await tail.take(watcher, pool, 1)
            assert [change["id"] for change in orjson.loads(portion.body)] == ["V2"]
            assert watcher.seq == before + 3, "the numbers stay, also of the deleted row"
            tail.leave(watcher)
        assert await purge_past(owner, "vehicles") > 0
        assert await owner.fetchval("SELECT array_agg(id) FROM layer.vehicles") == ["V2"]
        with pytest.raises(NotFound):
            await purge_past(owner, "nothing")
    finally:
        await owner.close()
