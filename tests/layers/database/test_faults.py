"""Translation of database errors: real errors of a real server, damaged files included."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from layers.database.connection import in_our_words
from layers.database.faults import refuses_value
from layers.errors import BadInput, Damaged, OneMapError, TooMuch, Unavailable

pytestmark = pytest.mark.anyio

VALUES = (
    "SELECT ST_Transform(ST_SetSRID(ST_MakePoint(1e9, 1e9), 4326), 4547)",
    "SELECT 'POINT(a b)'::geometry",
    "SELECT ST_Transform('SRID=999999;POINT(0 0)'::geometry, 4326)",
    "SELECT ST_GeomFromWKB('\\x00'::bytea)",
    "SELECT ST_Relate('POINT(0 0)'::geometry, 'SRID=4326;POINT(0 0)'::geometry)",
    "SELECT ST_Union('POLYGON((0 0,1 1,1 0,0 1,0 0))'::geometry, 'POLYGON((0 0,2 1,1 0,0 3,0 0))'::geometry)",
    "SELECT ST_LineInterpolatePoint('POINT(0 0)'::geometry, 0.5)",
    "SELECT 1 / 0",
    "SELECT 'x'::int",
    "SELECT 10::int2 * 32767::int2",
)


@pytest.mark.parametrize("statement", VALUES)
async def test_a_value_that_cannot_be_evaluated_is_its_senders_fault(database_url: str, statement: str) -> None:
    error = await _error_of(database_url, statement)
    assert refuses_value(error)
    assert type(_translated(error)) is BadInput


async def test_an_internal_error_of_postgresql_is_no_values_fault(database_url: str) -> None:
    error = await _error_of(database_url, "SELECT amvalidate(0)")
    assert error.sqlstate == "XX000", "the same state as PostGIS's words about a bad geometry"
    assert not refuses_value(error)
    assert isinstance(_translated(error), Damaged)


@pytest.mark.parametrize("damaged", ["thing", "thing_pkey"])
async def test_damaged_files_are_no_values_fault(cluster: str, database_url: str, damaged: str) -> None:
    async with damaged_copy(cluster, database_url, damaged) as url:
        error = await _error_of(url, "SELECT id FROM thing WHERE id = 7")
    assert error.sqlstate in {"XX001", "XX002"}
    assert isinstance(error, asyncpg.exceptions.InternalServerError), "which is why a class alone does not tell"
    assert not refuses_value(error)
    translated = _translated(error)
    assert isinstance(translated, Damaged)
    assert translated.sqlstate == error.sqlstate


async def test_time_that_runs_out_and_a_lost_race_have_their_own_words(database_url: str) -> None:
    slow = await _error_of(database_url, "SELECT pg_sleep(60)", "SET statement_timeout = 1")
    assert slow.sqlstate == "57014"
    assert isinstance(_translated(slow), TooMuch)
    standby = await _error_of(database_url, "CREATE TABLE t (id int)", "SET default_transaction_read_only = on")
    assert type(_translated(standby)) is Unavailable


@asynccontextmanager
async def damaged_copy(cluster: str, url: str, damaged: str) -> AsyncIterator[str]:
    """Copy a database file by file, so that nothing of it is in memory, and overwrite a page of one relation."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE thing AS SELECT id FROM generate_series(1, 5000) AS id")
        await connection.execute("ALTER TABLE thing ADD CONSTRAINT thing_pkey PRIMARY KEY (id)")
        path = await connection.fetchval("SELECT pg_relation_filepath($1::text::regclass)", damaged)
    finally:
        await connection.close()
    name, origin = f"t_{uuid.uuid4().hex}", urlsplit(url).path[1:]
    admin = await asyncpg.connect(cluster)
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{origin}" STRATEGY file_copy')
        number = await admin.fetchval("SELECT oid FROM pg_database WHERE datname = $1", name)
        folder = await admin.fetchval("SHOW data_directory")
        copied = f"{folder}/base/{number}/{path.rsplit('/', 1)[1]}"
        await admin.execute(
            f"COPY (SELECT repeat('x', 8192 * 30)) TO PROGRAM 'dd of={copied} bs=8192 conv=notrunc status=none'"
        )
        yield urlunsplit(urlsplit(cluster)._replace(path=f"/{name}"))
    finally:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()


async def _error_of(url: str, statement: str, before: str = "SET enable_seqscan = off") -> asyncpg.PostgresError:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(before)
        with pytest.raises(asyncpg.PostgresError) as caught:
            await connection.fetch(statement)
        return caught.value
    finally:
        await connection.close()


def _translated(error: Exception) -> OneMapError:
    with pytest.raises(OneMapError) as caught, in_our_words():
        raise error
    return caught.value
