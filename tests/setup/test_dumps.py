"""Tests of backup and restore of a database on somebody's server, by a role that is no superuser."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from layers.cluster import PrivateCluster
from layers.database.connection import Role, connect
from layers.demo.load import load_demo
from layers.errors import BadInput, Conflict
from layers.recovery.folder import BackupFolder
from layers.recovery.manifest import LogicalBackup, Measured
from layers.recovery.measure import differences, measure
from server.database import prepare
from server.recovery.backup import make_backup
from server.recovery.drill import drill
from server.recovery.restore import WantedBackup, restore
from server.settings import Settings, load_settings
from tests.databases import count_rows
from tests.folders import new_database_folder
from tests.setup.test_recovery import ask, identity_of, note, noted

pytestmark = pytest.mark.timeout(400)


def plain_database(superuser: str, login: str, name: str) -> str:
    """Make a database of a login that may make roles and is no superuser, as an administrator would; return its URL."""

    async def make() -> None:
        connection = await asyncpg.connect(superuser)
        await connection.execute(f'CREATE ROLE "{login}" LOGIN CREATEROLE')
        await connection.execute(f'CREATE DATABASE "{name}" OWNER "{login}"')
        await connection.close()
        inside = await asyncpg.connect(_with(superuser, name))
        await inside.execute("CREATE EXTENSION IF NOT EXISTS postgis")
        await inside.close()

    asyncio.run(make())
    parts = urlsplit(_with(superuser, name))
    return urlunsplit(parts._replace(netloc=f"{login.replace(' ', '%20')}@{parts.netloc.rpartition('@')[2]}"))


def _with(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def settings_for(folder: Path, name: str, url: str) -> Settings:
    return load_settings(home=folder / name, database={"url": url}, backup={"folder": folder / "backup"})


def measured(url: str) -> Measured:
    async def read() -> Measured:
        connection = await connect(url, role=None)
        try:
            return await measure(connection)
        finally:
            await connection.close()

    return asyncio.run(read())


GRANTS = """
SELECT jsonb_object_agg(name, rights ORDER BY name) FROM (
    SELECT format('%s.%s', n.nspname, c.relname) AS name, ARRAY[
        pg_get_userbyid(c.relowner)::text, array_to_string(ARRAY(SELECT unnest(c.relacl)::text), ' ')] AS rights
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('onemap', 'layer', 'past', 'twin', 'audit') AND c.relkind IN ('r', 'p', 'v', 'S')
    UNION ALL
    SELECT format('%s %s', p.oid::regprocedure, 'routine'), ARRAY[
        pg_get_userbyid(p.proowner)::text, array_to_string(ARRAY(SELECT unnest(p.proacl)::text ORDER BY 1), ' ')]
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname IN ('onemap', 'layer', 'past', 'twin', 'audit')
    UNION ALL
    SELECT format('schema %s', nspname), ARRAY[
        pg_get_userbyid(nspowner)::text, array_to_string(ARRAY(SELECT unnest(nspacl)::text ORDER BY 1), ' ')]
    FROM pg_namespace WHERE nspname IN ('onemap', 'layer', 'past', 'twin', 'audit')
    UNION ALL
    SELECT format('default %s %s %s', n.nspname, d.defaclobjtype, 1), ARRAY[
        pg_get_userbyid(d.defaclrole)::text, array_to_string(ARRAY(SELECT unnest(d.defaclacl)::text ORDER BY 1), ' ')]
    FROM pg_default_acl AS d JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
) AS rights
"""


def grants(url: str, login: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return owner and rights of everything, with the login under one name."""
    text = ask(url, GRANTS).replace(f'\\"{login}\\"', "LOGIN").replace(f'"{login}"', '"LOGIN"')
    text = re.sub(rf"(?<=[ /\"]){re.escape(login)}(?=[ =\"])", "LOGIN", text)
    return {name: (owner, frozenset(rights.split())) for name, (owner, rights) in json.loads(text).items()}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Any]]:
    """Two servers: one with a small district, whose dump is made, and a fresh one with another user."""
    folder = new_database_folder()
    try:
        with (
            PrivateCluster(folder / "first", durable=False) as first,
            PrivateCluster(folder / "second", durable=False) as second,
        ):
            source = plain_database(first, "city map", "twin of tianhe")
            asyncio.run(prepare(source))
            asyncio.run(load_demo(source, scale=0.01, seed=440106, progress=lambda *_: None))
            note(source, "before the dump")
            settings = settings_for(folder, "home", source)
            (settings.home / "rasters").mkdir(parents=True)
            (settings.home / "rasters" / "dem.tif").write_bytes(b"heights")
            manifest = make_backup(settings, source, "test")
            target = plain_database(second, "other", "elsewhere")
            yield {"folder": folder, "source": source, "target": target, "manifest": manifest, "second": second}
    finally:
        shutil.rmtree(folder)


def test_a_dump_is_restored_on_a_fresh_server_with_rows_owners_and_grants(servers: dict[str, Any]):
    folder, source, target = servers["folder"], servers["source"], servers["target"]
    assert isinstance(servers["manifest"].database, LogicalBackup)
    settings = settings_for(folder, "new-home", target)
    done = restore(settings, BackupFolder(folder / "backup"), WantedBackup())
    different = differences(servers["manifest"].measured, measured(target))
    marks = ("onemap.setting:", "twin.change:", "change log:")  # the mark of the restore, and the leap of the log
    assert [line for line in different if not line.startswith(marks)] == []
    assert len(different) == len(marks)
    assert (settings.home / "rasters" / "dem.tif").read_bytes() == b"heights"
    assert done.files >= 1
    assert identity_of(target) != identity_of(source)
    before, after = grants(source, "city map"), grants(target, "other")
    assert {name: (before[name], after.get(name)) for name in before if before[name] != after.get(name)} == {}


def test_the_restored_database_works_in_every_role_and_is_migrated_as_usual(servers: dict[str, Any]):
    target = servers["target"]

    async def use() -> int:
        assert await prepare(target) == []
        reader = await connect(target, Role.READ)
        try:
            rows = await count_rows(reader, "layer.grids")
        finally:
            await reader.close()
        owner = await connect(target, Role.OWNER)
        try:
            await owner.execute("ALTER TABLE layer.grids ADD COLUMN trial int")
            await owner.execute("ALTER TABLE layer.grids DROP COLUMN trial")
        finally:
            await owner.close()
        return int(rows)

    assert asyncio.run(use()) > 0


def test_what_is_there_is_replaced_only_when_asked_and_is_dumped_before(servers: dict[str, Any]):
    folder, source = servers["folder"], servers["source"]
    settings, backups = settings_for(folder, "home", source), BackupFolder(folder / "backup")
    note(source, "after the dump")
    with pytest.raises(Conflict, match="holds a OneMap already; --replace"):
        restore(settings, backups, WantedBackup(servers["manifest"].id))
    restore(settings, backups, WantedBackup(servers["manifest"].id), replace=True)
    assert noted(source)[-1] == "before the dump"
    saved = backups.read()
    assert saved.reason == "before a restore"
    restore(settings, backups, WantedBackup(saved.id), replace=True)
    assert noted(source)[-1] == "after the dump"


def test_a_point_in_time_is_the_matter_of_that_server(servers: dict[str, Any]):
    settings = settings_for(servers["folder"], "home", servers["source"])
    wanted = WantedBackup(moment=servers["manifest"].ended_at)
    with pytest.raises(BadInput, match="the matter of the server's"):
        restore(settings, BackupFolder(servers["folder"] / "backup"), wanted, replace=True)


def test_the_same_drill_restores_a_dump(servers: dict[str, Any]):
    folder = servers["folder"]
    found = drill(
        BackupFolder(folder / "backup"),
        backup_id=servers["manifest"].id,
        running=servers["source"],
        at=folder,
        report=lambda *_: None,
    )
    assert (found.faults, found.lost) == ((), 0)
    assert found.rows > 1000
