"""Cursors: one table with one owner."""

from __future__ import annotations

from pathlib import Path

import pytest

from layers.database.connection import Role, connect
from tests.sources import python_files
from twin.log.changes import append, last_seq
from twin.log.cursor import OUTLET, Cursor, read_cursors, read_cursors_of

PROJECT = Path(__file__).resolve().parents[3]
OWNER = PROJECT / "twin" / "log" / "cursor.py"


def test_one_module_knows_the_table():
    knowing = [path for path in python_files() if "twin.cursor" in path.read_text(encoding="utf-8")]
    assert knowing == [OWNER]


@pytest.fixture
async def connection(database_url):
    connection = await connect(database_url, Role.INGEST)
    yield connection
    await connection.close()


@pytest.mark.anyio
async def test_a_new_cursor_begins_at_the_end_of_the_log(connection):
    async with connection.transaction():
        await append(connection, [{"kind": "test"}] * 3)
    row = await Cursor("job").begin(connection)
    assert (row.seq, row.state) == (await last_seq(connection), {})
    async with connection.transaction():
        await append(connection, [{"kind": "test"}])
    assert (await Cursor("job").begin(connection)).seq == row.seq, "it stays where it was"


@pytest.mark.anyio
async def test_a_cursor_moves_only_from_where_it_is(connection):
    cursor = Cursor("job")
    before = (await cursor.begin(connection)).seq
    assert await cursor.move(connection, before, before + 5, {"faults": {}})
    assert not await cursor.move(connection, before, before + 9, {})
    row = await cursor.read(connection)
    assert (row.seq, row.state) == (before + 5, {"faults": {}})
    assert 0 <= row.age_s < 60


@pytest.mark.anyio
async def test_a_state_is_written_and_keys_of_it_are_removed(connection):
    cursor = Cursor(OUTLET + "centre")
    assert await cursor.read(connection) is None
    assert await cursor.remove_keys(connection, ["fault"]) is None
    await cursor.write_state(connection, {"fault": "x", "delivered": 2})
    assert await cursor.remove_keys(connection, ["fault", "parked_at"]) == 0
    assert {name: row.state for name, row in (await read_cursors_of(connection, OUTLET)).items()} == {
        "centre": {"delivered": 2}
    }
    assert [row.name for row in await read_cursors(connection, ["nobody", cursor.name])] == [cursor.name]


@pytest.mark.anyio
async def test_a_heartbeat_is_counted(connection):
    for process in (1, 2):
        await Cursor("ingest").beat(connection, {"process": process}, timeout_s=5)
    row = await Cursor("ingest").read(connection)
    assert (row.seq, row.state) == (2, {"process": 2})
