"""Tests of `onemap doctor` and the database check, on databases with every fault that they detect."""

from __future__ import annotations

import asyncio
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from layers.schema.database_check import find_missing
from layers.schema.migrate import migrate
from tests.command import run_command


def doctor(url: str, home: Path) -> tuple[int, str]:
    given = {"ONEMAP_DATABASE_URL": url, "ONEMAP_SERVER_PORT": "0"}
    done = run_command("doctor", "--home", str(home), environment=given)
    assert done.stderr == ""
    return done.returncode, done.stdout


def execute(url: str, *statements: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(work())


@pytest.fixture
def url(layers_url: str) -> str:
    return layers_url


def test_a_sound_database_is_well(url: str, tmp_path: Path):
    code, output = doctor(url, tmp_path)
    assert code == 0, output
    for subject in ("Python: 3.", "PostgreSQL: ", "PostGIS: 3.", "GEOS: 3.", "PROJ: ", "migrations: all"):
        assert subject in output


@pytest.mark.parametrize(("fonts", "expected"), [("", "fonts-wqy-microhei"), ("文泉驿微米黑", ": 文泉驿微米黑")])
def test_a_lack_of_a_chinese_font_is_told(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fonts: str, expected: str
):
    program = tmp_path / "fc-list"
    program.write_text(f"#!/bin/sh\n[ \"$1\" = :lang=zh ] && printf '%s' '{fonts}'\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    code, output = doctor(url, tmp_path / "home")
    assert code == 0, output
    (line,) = (one for one in output.splitlines() if "中文字体" in one)
    assert line.startswith("✓" if fonts else "!"), output
    assert expected in output


def test_a_fault_in_the_districts_own_definitions_is_told(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    own = tmp_path / "layers"
    own.mkdir()
    monkeypatch.setenv("ONEMAP_LAYERS_FOLDER", str(own))
    (own / "kiosks.yaml").write_text("id: kiosks\nfields: [}", encoding="utf-8")
    code, output = doctor(url, tmp_path)
    assert (code, "kiosks.yaml" in output) == (1, True)
    kiosk = "id: kiosks\ntitle_zh: 岗亭\ntitle_en: Kiosks\ngeometry_type: Point\nfields:\n"
    field = "  - {name: state, title_zh: 状态, title_en: State, type: string, codes: nowhere}\n"
    (own / "kiosks.yaml").write_text(kiosk + field, encoding="utf-8")
    code, output = doctor(url, tmp_path)
    assert (code, "code lists are missing: kiosks.state: nowhere" in output) == (1, True)


def test_areas_that_do_not_tile_are_told(url: str, tmp_path: Path):
    put = (
        "INSERT INTO layer.{0} (id, {1}, geom) "
        "VALUES ('{2}', '{2}', ST_Multi(ST_MakeEnvelope(113.3, 23.1, {3}, 23.2, 4490)))"
    )
    street = put.format("streets", "street_code", "440106011", 113.4)
    execute(url, street, put.format("communities", "community_code", "ABC", 113.35))
    code, output = doctor(url, tmp_path)
    assert code == 0  # a warning: the map works
    for words in ("malformed code × 1: ABC", "gap × 1: 440106011"):
        assert words in output


def test_a_migration_that_was_edited_afterwards_is_told(url: str, tmp_path: Path):
    execute(url, "UPDATE onemap.migration SET checksum = NULL WHERE name < '0030'")  # applied before checksums existed
    execute(url, "UPDATE onemap.migration SET checksum = repeat('0', 64) WHERE name = '0040_live'")
    code, output = doctor(url, tmp_path)
    assert code == 0, output
    assert "edited after they were applied here: 0040_live" in output
    known = "SELECT count(*) FROM onemap.migration WHERE checksum IS NULL"
    assert asyncio.run(migrate(url)) == []
    assert asyncio.run(value(url, known)) == 0
    assert "edited after they were applied here: 0040_live" in doctor(url, tmp_path)[1]


async def value(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def test_a_lost_index_is_found_and_the_remedy_mends_it(url: str, tmp_path: Path):
    execute(url, "DROP INDEX layer.grids_geom_idx")
    code, output = doctor(url, tmp_path)
    assert code == 1
    remedy = re.search(r"✗ 图层 layer grids: has no spatial index.*\n    → (CREATE INDEX .*)", output)
    assert remedy, output
    execute(url, remedy.group(1))
    assert doctor(url, tmp_path)[0] == 0


def test_stale_statistics_are_a_warning_with_a_remedy(url: str, tmp_path: Path):
    execute(
        url,
        "ALTER TABLE layer.rain_gauges SET (autovacuum_enabled = off)",
        "ANALYZE layer.rain_gauges",
        "INSERT INTO layer.rain_gauges (id) SELECT n::text FROM generate_series(1, 5000) AS n",
    )
    code, output = doctor(url, tmp_path)
    assert code == 0, "a warning is not a fault"
    assert re.search(r'! 图层 layer rain_gauges: statistics are stale.*\n    → ANALYZE layer."rain_gauges"', output)


def test_a_layer_without_its_table_is_named(url: str, tmp_path: Path):
    execute(url, "DROP TABLE layer.waterways CASCADE")
    code, output = doctor(url, tmp_path)
    assert code == 1
    assert "layer waterways: is in the catalogue and has no table" in output


def test_a_newer_database_and_an_unmigrated_one(url: str, tmp_path: Path):
    execute(url, "INSERT INTO onemap.migration (name) VALUES ('9999_tomorrow')")
    code, output = doctor(url, tmp_path)
    assert code == 1
    assert "the database is newer: it has 9999_tomorrow" in output
    execute(url, "DROP SCHEMA onemap CASCADE")
    code, output = doctor(url, tmp_path)
    assert code == 0
    assert re.search(r"! 迁移 migrations: \d+ not applied: .*\n    → ./onemap up", output)


def test_a_server_that_does_not_answer(tmp_path: Path):
    code, output = doctor(f"postgresql://nobody@/nothing?host={tmp_path}", tmp_path)
    assert code == 1
    assert "✗ 数据库 database: the database does not let us in" in output


def test_a_token_that_others_can_read(url: str, tmp_path: Path):
    (tmp_path / "operator-token").write_text("x\n", encoding="ascii")
    (tmp_path / "operator-token").chmod(0o644)
    code, output = doctor(url, tmp_path)
    assert code == 1
    assert f"→ chmod 600 {tmp_path}/operator-token" in output


@pytest.fixture
def poor_url(cluster: str) -> Iterator[str]:
    """A database without PostGIS, for a user without rights."""
    name = f"poor_{uuid.uuid4().hex}"
    execute(cluster, f"CREATE ROLE {name} LOGIN PASSWORD 'poor'", f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        parts = urlsplit(cluster)
        place = parts.netloc.rpartition("@")[2]
        yield urlunsplit(parts._replace(netloc=f"{name}:poor@{place}", path=f"/{name}"))
    finally:
        execute(cluster, f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {name}")


def test_what_a_database_lacks_is_said_with_its_remedy(poor_url: str):
    missing = asyncio.run(find_missing(poor_url))
    name = urlsplit(poor_url).path[1:]
    assert [sentence.partition(";")[0] for sentence in missing] == [
        "its database has no PostGIS",
        f"user {name} may not create schemas",
        f"user {name} may not create roles",
    ]
    assert "CREATE EXTENSION postgis" in missing[0]
    assert f"GRANT CREATE ON DATABASE {name} TO {name}" in missing[1]
    assert "CREATEROLE" in missing[2]
