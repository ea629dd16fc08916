from __future__ import annotations

import asyncio
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from layers.actor import OPERATOR
from layers.catalog import read_catalog
from layers.catalog_holder import CatalogHolder
from layers.database.connection import Role, connect
from layers.errors import Conflict, NotFound, Unavailable
from layers.schema.migrate import migrate, migration_files, pending
from layers.schema.tables import create_layer, drop_layer
from tests.layers.cameras import CAMERAS, ROWS, field
from tests.readers import INSIDER

pytestmark = pytest.mark.anyio
SECONDS_MAX = 240


async def until(condition):
    """Wait for a condition that a notification makes true."""

    async def turn():
        while not condition():  # noqa: ASYNC110  # an attribute is watched, there is no event to wait for
            await asyncio.sleep(0.005)

    await asyncio.wait_for(turn(), SECONDS_MAX)


@pytest.fixture
async def holder(database_url, owner):
    holder = CatalogHolder(database_url)
    await holder.start()
    yield holder
    await holder.stop()


async def test_a_new_layer_appears_in_a_running_process(holder, owner):
    fingerprint = holder.fingerprint
    await create_layer(owner, CAMERAS)
    await until(lambda: "cameras" in holder.current)
    assert holder.fingerprint != fingerprint
    await drop_layer(owner, "cameras")
    await until(lambda: "cameras" not in holder.current)
    assert holder.fingerprint == fingerprint


async def test_definitions_that_stay_are_the_same_objects_by_which_rights_are_kept(holder, owner):
    referring = CAMERAS.model_copy(
        update={"id": "seen", "fields": (*CAMERAS.fields, field("camera", refers_to=("cameras",)))}
    )
    for one in (CAMERAS, referring):
        await create_layer(owner, one)
    await until(lambda: {"cameras", "seen"} <= holder.current.keys())
    before = holder.current
    await create_layer(owner, CAMERAS.model_copy(update={"id": "others"}))
    await until(lambda: "others" in holder.current)
    for name in ("cameras", "seen"):
        assert holder.current[name].definition is before[name].definition
        assert holder.current[name].referred is before[name].referred
    await create_layer(owner, CAMERAS.model_copy(update={"grade": 3}))
    await until(lambda: holder.current["cameras"].definition.grade == 3)
    assert holder.current["seen"].definition is before["seen"].definition
    assert holder.current["seen"].referred["cameras"].grade == 3


async def test_every_write_moves_the_version_and_no_read_does(holder, owner, cameras):
    await until(lambda: "cameras" in holder.current and holder.current["cameras"].row_count == 200)
    version = holder.current["cameras"].version
    await owner.execute("UPDATE layer.cameras SET name = 'x' WHERE id = 'c0001'")
    await until(lambda: holder.current["cameras"].version == version + 1)
    await owner.fetch("SELECT * FROM layer.cameras")
    await owner.execute("DELETE FROM layer.cameras WHERE id = 'c0002'")
    await until(lambda: holder.current["cameras"].version > version + 1)
    assert holder.current["cameras"].version == version + 2
    assert (await read_catalog(owner))["cameras"].version == version + 2


async def test_what_is_announced_while_the_catalogue_is_read_is_not_forgotten(holder, owner, cameras, monkeypatch):
    await until(lambda: "cameras" in holder.current)
    stale = await read_catalog(owner)

    async def read_before_the_write(*_):
        return stale

    await owner.execute("DELETE FROM layer.cameras WHERE id = 'c0001'")
    version = (await read_catalog(owner))["cameras"].version
    await until(lambda: holder.current["cameras"].version == version)
    monkeypatch.setattr("layers.catalog.read_catalog", read_before_the_write)
    await holder._reload(owner)
    assert holder.current["cameras"].version == version


async def test_a_layer_made_again_never_bears_an_old_version(owner, cameras):
    before = (await read_catalog(owner))["cameras"].version
    await drop_layer(owner, "cameras")
    await create_layer(owner, CAMERAS)
    assert (await read_catalog(owner))["cameras"].version > before


async def test_a_rolled_back_write_moves_nothing(holder, owner, cameras):
    await until(lambda: "cameras" in holder.current)
    before = (await read_catalog(owner))["cameras"].version
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute("DELETE FROM layer.cameras")
    await transaction.rollback()
    assert (await read_catalog(owner))["cameras"].version == before


async def test_a_lost_connection_is_not_trusted_and_comes_back(holder, owner, cameras):
    await until(lambda: "cameras" in holder.current)
    lost = asyncio.Event()
    holder.on_change.append(lost.set)
    await owner.execute("SET ROLE NONE")
    await owner.execute(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    )
    await owner.execute("UPDATE layer.cameras SET name = 'changed while away'")
    await asyncio.wait_for(lost.wait(), SECONDS_MAX)
    await until(lambda: holder.trusted)
    version = (await read_catalog(owner))["cameras"].version
    await until(lambda: holder.current["cameras"].version == version)


async def test_statistics_follow_a_load(owner, cameras):
    assert cameras.row_count == 200
    assert cameras.lowest_grade == 1
    assert cameras.extent_crs84 == pytest.approx((113.3, 23.1, 113.395, 23.145), abs=1e-5)
    assert cameras.time_span[0].isoformat() == "2025-12-31T16:00:00+00:00"


async def test_a_column_that_a_definition_gains_is_added(owner, cameras):
    wider = CAMERAS.model_copy(update={"fields": (*CAMERAS.fields, field("added", "integer"))})
    await create_layer(owner, wider)
    assert await owner.fetchval("SELECT count(*) FILTER (WHERE added IS NULL) FROM layer.cameras") == 200


async def test_hidden_and_missing_layers_are_told_in_the_same_words(owner):
    await create_layer(owner, CAMERAS.model_copy(update={"grade": 4}))
    catalog = await read_catalog(owner)
    assert catalog.visible("cameras", OPERATOR)
    with pytest.raises(NotFound) as hidden:
        catalog.visible("cameras", INSIDER)
    with pytest.raises(NotFound) as missing:
        catalog.visible("cameraz", INSIDER)
    assert hidden.value.message.replace("cameras", "cameraz") == missing.value.message


async def test_readers_cannot_write_and_ingest_cannot_change_the_shape(database_url, owner, cameras):
    for role, statement in (
        (Role.READ, "DELETE FROM layer.cameras"),
        (Role.READ, "SELECT * FROM onemap.quarantine"),
        (Role.INGEST, "DROP TABLE layer.cameras"),
    ):
        connection = await connect(database_url, role)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
        await connection.close()
    ingest = await connect(database_url, Role.INGEST)
    await ingest.execute(ROWS.replace("'c' ||", "'d' ||"), 5)
    await ingest.close()


async def test_migrating_twice_does_nothing_and_a_newer_database_is_refused(database_url, owner):
    assert await pending(database_url) == []
    assert await migrate(database_url) == []
    await owner.execute("INSERT INTO onemap.migration (name) VALUES ('9999_future')")
    with pytest.raises(Conflict, match="newer"):
        await migrate(database_url)


async def test_two_programs_migrating_at_once_apply_each_file_once(cluster, database_url):
    fresh = urlunsplit(urlsplit(database_url)._replace(path=urlsplit(database_url).path + "x"))
    connection = await connect(cluster, role=None)
    await connection.execute(f'CREATE DATABASE "{urlsplit(fresh).path[1:]}" TEMPLATE template1')
    try:
        applied = await asyncio.gather(*(migrate(fresh) for _ in range(3)))
        assert sorted(name for names in applied for name in names) == [path.stem for path in migration_files()]
    finally:
        await connection.execute(f'DROP DATABASE "{urlsplit(fresh).path[1:]}" WITH (FORCE)')
        await connection.close()


async def test_a_database_that_is_not_there_says_so():
    with pytest.raises(Unavailable, match="does not let us in"):
        await connect("postgresql://nobody@/nothing?host=/nonexistent")
