"""`onemap sql-role`: what the views show is what the collections show, and no query of theirs meets anything else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import orjson
import pytest
from typer.testing import CliRunner

from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from layers.definition import read_code_lists
from layers.layer_rights import rights_of
from layers.load.file import load_file
from layers.policy.policy import Policy
from layers.policy.read import read_policy
from layers.read.query import ItemsQuery, find_features
from layers.sql_readers.readers import SqlReader, list_readers
from layers.sql_readers.views import readable_layers
from server.cli import app, command
from server.identity.sql_readers import reader_actor, refresh_views
from server.installation import PROJECT
from tests.databases import run_async, temporary_database
from tests.readers import SHIPPED_POLICY

pytestmark = pytest.mark.anyio
HIDDEN = ("layer.grids", "twin.position_now", "identity.account", "onemap.setting", "audit.record", "sql_chen.grids")
WRITES = (
    "DELETE FROM grids",
    "UPDATE grids SET id = id",
    "CREATE TABLE mine (a int)",
    "CREATE TABLE public.mine (a int)",
    "CREATE SCHEMA mine",
    "DROP VIEW grids",
    "CREATE ROLE another",
    "COPY grids TO PROGRAM 'cat'",
)
LEAK = """
CREATE FUNCTION pg_temp.leak(told text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
$$ BEGIN RAISE NOTICE 'met %', told; RETURN true; END $$
"""


STREET_ANALYSTS = """
roles:
  - {id: street_analyst, title_zh: 街道分析员, title_en: Analyst of a street, clearance: 2, bound: true}
rules:
  - {id: of-the-street, roles: [street_analyst], layers: ["*"], grade: 2, areas: own,
     operations: [read, aggregate, history, export]}
"""


class Readers:
    """Two readers of one district: `li` reads everywhere, and `chen` in one street."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self._folder = url, folder
        self.policy = read_policy(folder)

    def type(self, *words: str) -> str:
        command()
        environment = {"ONEMAP_DATABASE_URL": self.url, "ONEMAP_POLICY_FOLDER": str(self._folder)}
        done = CliRunner().invoke(app, ["sql-role", *words], env=environment, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    def url_of(self, name: str) -> str:
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=f"sql_{name}@{parts.netloc.rpartition('@')[2]}"))


@pytest.fixture(scope="module")
def readers(cluster, district_template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("policy") / "policy"
    shutil.copytree(SHIPPED_POLICY, folder)
    (folder / "streets.yaml").write_text(STREET_ANALYSTS, encoding="utf-8")
    with temporary_database(cluster, district_template) as url:
        made = Readers(url, folder)
        assert len(made.type("add", "li", "--role", "analyst").strip()) == 32, "the password, and nothing else"
        made.type("add", "chen", "--role", "street_analyst", "--area", street(url))
        yield made
        made.type("remove", "chen")
        made.type("remove", "li")
        assert "sql_" not in made.type("list")


def street(url):
    async def first():
        connection = await connect(url)
        code = await connection.fetchval("SELECT min(area_code) FROM layer.streets")
        await connection.close()
        return code[:9]

    return run_async(first())


@pytest.fixture
async def owner(readers):
    connection = await connect(readers.url, Role.OWNER)
    yield connection
    await connection.close()


@pytest.fixture
async def session(readers):
    """A session of `li`, with the notices that it hears."""
    connection = await asyncpg.connect(readers.url_of("li"))
    yield connection
    await connection.close()


async def known(owner) -> tuple:
    return await read_catalog(owner, read_code_lists()), {one.name: one for one in await list_readers(owner)}


@pytest.mark.parametrize("name", ["li", "chen"])
async def test_views_show_what_the_collections_show(readers, owner, name):
    catalog, found = await known(owner)
    actor = reader_actor(found[name], readers.policy)
    layers = readable_layers(catalog, actor)
    assert {"grids", "waterways"} <= {layer.id for layer in layers}
    read = await asyncpg.connect(readers.url_of(name))
    views = await read.fetch("SELECT table_name FROM information_schema.tables WHERE table_schema = $1", f"sql_{name}")
    assert {row[0] for row in views} == {layer.id for layer in layers}
    for layer in layers:
        rows = await read.fetch(f"SELECT to_jsonb(v)::text FROM {layer.id} AS v")
        shown = {row["id"]: row for row in (orjson.loads(text) for (text,) in rows)}
        items = await find_features(owner, ItemsQuery(layer, actor, limit=20_000))
        assert shown.keys() == {item["id"] for item in items.features}, layer.id
        for item in items.features:
            own = shown[item["id"]]
            assert own.keys() - {"id", "geom"} == item["properties"].keys() - {"id", "geom"}, layer.id
            has = {key for key, value in own.items() if value is not None} - {"id", "geom"}
            assert has == {key for key, value in item["properties"].items() if value is not None} - {"id"}, layer.id
        assert all(case.grade <= 2 for case in rights_of(layer.definition, actor).cases)
    kinds = await read.fetch(
        "SELECT f_table_name, type, srid FROM geometry_columns WHERE f_table_schema = current_schema"
    )
    assert ("grids", 4490) in {(row["f_table_name"], row["srid"]) for row in kinds}
    await read.close()


@pytest.mark.parametrize("table", HIDDEN)
async def test_nothing_else_can_be_read(session, table):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await session.fetch(f"SELECT * FROM {table}")


async def test_nothing_can_be_written_nor_another_role_be_taken(session):
    await session.execute("SET default_transaction_read_only = off")
    for statement in WRITES:
        with pytest.raises(asyncpg.PostgresError):
            await session.execute(statement)
    for role in ("onemap_read", "onemap_owner", "sql_chen"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await session.execute(f"SET ROLE {role}")


async def test_nobody_hears_what_our_processes_tell_each_other(session, owner):
    """Any role may listen to a channel whose name it knows; what our triggers tell comes before our own mark."""
    heard = []
    for name in ("layer", "catalogue", "identity", "change", "note", "mark"):
        await session.add_listener(f"onemap_{name}", lambda _, __, channel, ___: heard.append(channel))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await session.fetchval("SELECT onemap.channel($1)", name)
    await owner.execute("UPDATE layer.grids SET id = id; UPDATE onemap.layer SET row_count = row_count")
    await owner.execute("SELECT pg_notify('onemap_mark', '')")
    while "onemap_mark" not in heard:
        await session.fetchval("SELECT 1")
    assert heard == ["onemap_mark"]
    texts = await session.fetch("SELECT prosrc FROM pg_proc WHERE prosrc LIKE '%pg_notify%'")
    word = await owner.fetchval("SELECT word FROM onemap.channel_word")
    assert texts
    assert not [row for row in texts if word in row["prosrc"]]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await session.fetch("SELECT word FROM onemap.channel_word")


async def test_statistics_and_statements_of_others_are_hidden(session, owner):
    hidden = await session.fetchval("SELECT count(*) FROM pg_stats WHERE schemaname IN ('layer', 'twin', 'identity')")
    assert hidden == 0
    assert await owner.fetchval("SELECT count(*) FROM pg_stats WHERE schemaname = 'layer'") > 0
    texts = await session.fetch("SELECT query FROM pg_stat_activity WHERE usename <> current_user")
    assert {row["query"] for row in texts} <= {"<insufficient privilege>"}


async def test_no_reader_holds_a_lock_that_our_writers_wait_for(session):
    for call in ("pg_advisory_lock(440107)", "pg_try_advisory_xact_lock_shared(1, 2)", "pg_advisory_unlock_all()"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await session.execute(f"SELECT {call}")


async def test_no_condition_meets_a_hidden_row(readers, owner):
    """A cheap function in WHERE that says what it meets: it hears of the rows of the view, and of no others."""
    heard = []
    read = await asyncpg.connect(readers.url_of("chen"))
    read.add_log_listener(lambda _, message: heard.append(message.message))
    await read.execute("SET default_transaction_read_only = off")
    await read.execute(LEAK)
    visible = {f"met {row['id']}" for row in await read.fetch("SELECT id FROM addresses")}
    await read.fetch("SELECT id FROM addresses WHERE pg_temp.leak(id) AND id > ''")
    every = await owner.fetchval("SELECT count(*) FROM layer.addresses")
    assert 0 < len(visible) < every
    assert set(heard) == visible
    plan = "\n".join(
        row[0] for row in await read.fetch("EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM addresses WHERE id > 'a'")
    )
    assert "layer.addresses" not in plan
    assert str(every) not in plan
    with pytest.raises(asyncpg.UndefinedColumnError):
        await read.fetch("SELECT quantity FROM emergency_resources")
    await read.close()


async def test_parts_use_the_index_where_nothing_is_hidden(readers, owner):
    """And read all where something is: neither EXPLAIN nor a function in WHERE tells a hidden id from none."""
    read = await asyncpg.connect(readers.url_of("li"))
    for view in ("grids", "addresses"):
        ids = [row["id"] for row in await read.fetch(f"SELECT id FROM {view} ORDER BY id LIMIT 2")]
        found = await read.fetch(f"SELECT id FROM {view}(of_ids => $1) ORDER BY id", [*ids, "none"])
        assert [row["id"] for row in found] == ids
        box = await read.fetchval(f"SELECT ST_Envelope(geom) FROM {view} WHERE id = $1", ids[0])
        near = "SELECT array_agg(id ORDER BY id) FROM {} WHERE geom && $1"
        wanted = await read.fetchval(near.format(view), box)
        assert ids[0] in wanted
        for srid in (4490, 4326):
            called = f"SELECT array_agg(id ORDER BY id) FROM {view}(in_box => ST_SetSRID($1::geometry, {srid}))"
            assert await read.fetchval(called, box) == wanted
        for kind, index in (("text[]", "_pkey"), ("geometry", "_geom_idx")):
            assert f"{view}{index}" in await plan_of_part(owner, view, kind)
    await owner.execute("UPDATE layer.addresses SET data_grade = 4 WHERE id = (SELECT max(id) FROM layer.addresses)")
    hidden = await owner.fetchval("SELECT id FROM layer.addresses WHERE data_grade = 4")
    heard = []
    read.add_log_listener(lambda _, message: heard.append(message.message))
    await read.execute("SET default_transaction_read_only = off")
    await read.execute(LEAK)
    explained = "EXPLAIN (ANALYZE, BUFFERS, VERBOSE, TIMING OFF, SUMMARY OFF, FORMAT JSON)"
    there = await owner.fetchval(
        "SELECT ST_AsText(ST_Expand(geom, 1e-9), 15) FROM layer.addresses WHERE id = $1", hidden
    )
    boxes = []
    for box in (there, "POLYGON((1 1,1 2,2 2,2 1,1 1))"):
        over = f"{explained} SELECT id FROM addresses WHERE geom && ST_GeomFromText('{box}', 4490)"
        plans = [json.loads(await read.fetchval(over))[0]["Plan"] for _ in range(3)]
        boxes.append({name: value for name, value in plans[-1].items() if "Filter" not in name or "Rows" in name})
    assert boxes[0] == boxes[1], "a box around a hidden row tells of it"
    told = []
    for asked in (hidden, "none"):
        part = f"SELECT id FROM addresses(of_ids => ARRAY['{asked}']) WHERE pg_temp.leak(id)"
        plans = [await read.fetchval(f"{explained} {part}") for _ in range(3)]
        told.append(plans[-1].replace(asked, "?"))
    assert told[0] == told[1]
    assert heard == []
    await owner.execute("UPDATE layer.addresses SET data_grade = 1 WHERE id = $1", hidden)
    await read.close()


async def plan_of_part(owner, view, kind) -> str:
    """Return the plan of the statement within a function, for a value that the planner does not know."""
    body = await owner.fetchval("SELECT prosrc FROM pg_proc WHERE oid = $1::regprocedure", f"sql_li.{view}({kind})")
    await owner.execute("SET plan_cache_mode = force_generic_plan; SET search_path = pg_catalog, public")
    await owner.execute(f"PREPARE part ({kind}) AS {body}")
    plan = await owner.fetch("EXPLAIN EXECUTE part (NULL)")
    await owner.execute("DEALLOCATE part; RESET plan_cache_mode; RESET search_path")
    return "\n".join(row[0] for row in plan)


async def test_views_follow_the_policy_and_do_not_hold_tables(readers, owner, tmp_path):
    catalog, _ = await known(owner)
    policy = readers.policy
    assert await refresh_views(owner, catalog, policy) == {}, "nothing has changed"
    narrow = Policy(policy.roles.values(), [rule for rule in policy.rules if "analyst" not in rule.roles])
    made = await refresh_views(owner, catalog, narrow)
    assert made["li"] == [layer.id for layer in readable_layers(catalog, reader_actor(await li(owner), narrow))]
    assert (await refresh_views(owner, catalog, policy)).keys() >= {"li"}
    file = tmp_path / "grids.geojson"
    file.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": await grids(owner)}))
    await load_file(readers.url, file, "grids", mode="replace")
    read = await asyncpg.connect(readers.url_of("li"))
    assert await read.fetchval("SELECT count(*) FROM grids") == 3
    await read.close()


async def li(owner) -> SqlReader:
    return next(one for one in await list_readers(owner) if one.name == "li")


async def grids(owner):
    rows = await owner.fetch(
        "SELECT to_jsonb(g) - 'geom' AS row, ST_AsGeoJSON(geom) AS place FROM layer.grids AS g LIMIT 3"
    )
    return [
        {"type": "Feature", "properties": orjson.loads(row["row"]), "geometry": orjson.loads(row["place"])}
        for row in rows
    ]


def test_psql_reads_as_the_role_and_the_guide_is_true(readers):
    guide = (PROJECT / "docs" / "guide" / "sql.md").read_text(encoding="utf-8")
    queries = "".join(re.findall(r"```sql\n(.*?)```", guide, flags=re.DOTALL))
    asked = f"SELECT current_user, current_setting('statement_timeout'); {queries}"
    command_line = ["psql", "-At", "-v", "ON_ERROR_STOP=1", readers.url_of("li"), "-c", asked]
    told = subprocess.run(command_line, capture_output=True, text=True, check=False)
    lines = told.stdout.splitlines()
    assert (lines[0], told.returncode) == ("sql_li|1min", 0), told.stderr
    assert len(lines) > 16
