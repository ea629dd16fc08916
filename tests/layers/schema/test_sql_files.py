"""The SQL files define the functions and triggers of every database, whatever version made it."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from hashlib import sha256
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

from layers.database.connection import connect
from layers.schema.migrate import MIGRATIONS, migrate, migration_files, pending
from layers.schema.sql_files import apply_sql_files, changed_sql_files, sql_files
from tests.layers.schema.database_catalogue import read_database_catalogue

pytestmark = pytest.mark.anyio

LAST_WITH_FUNCTIONS = "0165"  # later migrations hold tables and moves of data only
RELEASED = "41972bbd94ae974864996410744465993b81afbab82b5e539f5074083b15101c"  # SHA-256 of the texts up to it
_MAKES_CODE = re.compile(
    r"\b(CREATE|ALTER)\s+(OR\s+REPLACE\s+)?(CONSTRAINT\s+)?(FUNCTION|PROCEDURE|AGGREGATE|TRIGGER)\b"
)
_FUNCTION = re.compile(r"CREATE OR REPLACE (?:FUNCTION|AGGREGATE) (onemap|twin)\.(\w+)")
_HAND_CHANGED = """
CREATE OR REPLACE FUNCTION onemap.touch_layer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
ALTER FUNCTION twin.bucket VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION onemap.grade_now TO public;
REVOKE EXECUTE ON FUNCTION twin.purge_past FROM onemap_owner;
DROP TRIGGER follow_events ON onemap.layer;
CREATE OR REPLACE TRIGGER announce AFTER DELETE ON onemap.raster
FOR EACH ROW EXECUTE FUNCTION onemap.announce_catalogue();
DELETE FROM onemap.setting WHERE name = 'sql_files'
"""


@pytest.fixture
async def administrator(database_url):
    connection = await connect(database_url, role=None)
    yield connection
    await connection.close()


@pytest.fixture
async def server(cluster):
    connection = await connect(cluster, role=None)
    yield connection
    await connection.close()


@asynccontextmanager
async def new_database(server, cluster, template="template1"):
    name = f"t_{uuid4().hex}"
    await server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    try:
        yield urlunsplit(urlsplit(cluster)._replace(path=f"/{name}"))
    finally:
        await server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


async def catalogue_of(url):
    connection = await connect(url, role=None)
    try:
        return await read_database_catalogue(connection)
    finally:
        await connection.close()


async def test_a_database_of_every_earlier_version_becomes_the_same_as_a_new_one(
    server, cluster, database_url, monkeypatch
):
    fresh, paths = await catalogue_of(database_url), migration_files()
    async with new_database(server, cluster) as old:
        connection = await connect(old, role=None)
        await connection.execute("CREATE EXTENSION postgis")
        await connection.close()
        for number in range(1, len(paths)):
            with monkeypatch.context() as earlier:
                earlier.setattr("layers.schema.migrate.migration_files", lambda number=number: paths[:number])
                earlier.setattr("layers.schema.sql_files.SQL_FOLDERS", ())
                assert await migrate(old) == [paths[number - 1].stem]
            async with new_database(server, cluster, urlsplit(old).path[1:]) as url:
                assert await migrate(url) == [path.stem for path in paths[number:]]
                assert await catalogue_of(url) == fresh, paths[number - 1].stem


async def test_a_later_migration_finds_the_files_applied(database_url, administrator, monkeypatch, tmp_path):
    fresh, later = await read_database_catalogue(administrator), tmp_path / "9000_later.sql"
    later.write_text("CREATE TABLE twin.later (id text); UPDATE onemap.layer SET version = version;", encoding="utf-8")
    monkeypatch.setattr("layers.schema.migrate.migration_files", lambda: [*migration_files(), later])
    assert await migrate(database_url) == ["9000_later"]
    await administrator.execute("DROP TABLE twin.later")
    assert await read_database_catalogue(administrator) == fresh


async def test_applying_the_files_twice_changes_nothing(database_url, administrator):
    fresh = await read_database_catalogue(administrator)
    assert await changed_sql_files(administrator) == []
    await administrator.execute("DELETE FROM onemap.setting WHERE name = 'sql_files'")
    await apply_sql_files(administrator)
    assert await read_database_catalogue(administrator) == fresh


async def test_a_second_start_applies_nothing(database_url, administrator):
    applied = "SELECT xmin::text FROM pg_proc WHERE oid = 'onemap.touch'::regproc"
    before = await administrator.fetchval(applied)
    assert await migrate(database_url) == []
    assert await administrator.fetchval(applied) == before


async def test_older_texts_of_functions_and_triggers_give_way(database_url, administrator):
    fresh = await read_database_catalogue(administrator)
    await administrator.execute(_HAND_CHANGED)
    assert await read_database_catalogue(administrator) != fresh
    assert await pending(database_url) == [*sql_files()]
    assert await migrate(database_url) == []
    assert await pending(database_url) == []
    assert await read_database_catalogue(administrator) == fresh


async def test_the_files_alone_make_every_function_and_trigger(administrator):
    fresh = await read_database_catalogue(administrator)
    functions = await administrator.fetch(
        "SELECT prokind, oid::regprocedure::text AS name FROM pg_proc "
        "WHERE pronamespace IN ('onemap'::regnamespace, 'twin'::regnamespace) ORDER BY prokind"
    )
    for function in functions:
        await administrator.execute(f"DROP ROUTINE {function['name']} CASCADE")
    gone = await read_database_catalogue(administrator)
    assert (gone["functions"], gone["triggers"]) == ([], [])
    await administrator.execute("DELETE FROM onemap.setting WHERE name = 'sql_files'")
    await apply_sql_files(administrator)
    assert await read_database_catalogue(administrator) == fresh


async def test_every_function_comes_from_a_file_beside_its_owner(administrator):
    written = [
        (schema, name, file.split("/")[0])
        for file, path in sql_files().items()
        for schema, name in _FUNCTION.findall(path.read_text(encoding="utf-8"))
    ]
    rows = await administrator.fetch(
        "SELECT pronamespace::regnamespace::text AS schema, proname AS name FROM pg_proc "
        "WHERE pronamespace IN ('onemap'::regnamespace, 'twin'::regnamespace)"
    )
    owner = {"onemap": "layers", "twin": "twin"}
    assert sorted(written) == sorted((row["schema"], row["name"], owner[row["schema"]]) for row in rows)


async def test_every_body_is_valid_once_the_layers_have_tables(layers_url):
    connection = await connect(layers_url, role=None)
    try:
        for path in sql_files().values():
            await connection.execute(path.read_text(encoding="utf-8"))
    finally:
        await connection.close()


@pytest.mark.parametrize("name", [*sql_files()])
async def test_every_function_has_a_comment_and_its_volatility(name):
    lines = sql_files()[name].read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("CREATE OR REPLACE FUNCTION")]
    for number in starts:
        assert lines[number - 1].startswith("-- "), f"{name}: no comment above {lines[number]}"
        head = "\n".join(lines[number:]).partition("$$")[0]
        assert re.search(r"\b(IMMUTABLE|STABLE|VOLATILE)\b", head), f"{name}: {lines[number]}"


async def test_no_released_migration_was_edited():
    released = sha256()
    for path in migration_files():
        if path.stem[:4] <= LAST_WITH_FUNCTIONS:
            released.update(path.read_bytes())
    assert released.hexdigest() == RELEASED


async def test_migrations_after_the_last_released_one_make_no_functions():
    for path in MIGRATIONS.glob("[0-9]*.sql"):
        code = _MAKES_CODE.findall(path.read_text(encoding="utf-8"))
        assert path.stem[:4] <= LAST_WITH_FUNCTIONS or not code, f"{path.name}: put it into a file of {[*sql_files()]}"
