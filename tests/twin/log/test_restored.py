"""The log after a restore: no number means two changes, jobs go on, clients of the life that was left begin anew."""

from __future__ import annotations

import asyncpg
import pytest

from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from layers.recovery.restored import LEAP, mark_restored
from twin.log.changes import Forgotten, append, frames_since, last_seq
from twin.outlets.definition import Webhook
from twin.outlets.selection import Selection

pytestmark = pytest.mark.anyio


async def write(connection: asyncpg.Connection, *names: str) -> int:
    async with connection.transaction():
        return await append(connection, [{"kind": "event", "layer": "events", "id": name} for name in names])


async def test_numbers_of_the_life_that_was_left_are_not_given_again(database_url: str):
    connection = await connect(database_url, Role.INGEST)
    try:
        await write(connection, "a", "b")
        await mark_restored(database_url, "20261129T000000Z", None)
        assert await write(connection, "c") == 3 + LEAP
        assert await last_seq(connection) == 3 + LEAP

        read = [change["id"] for frame in await frames_since(connection, 1) for _, change in frame.changes(1)]
        assert read == ["b", "c"], "a job or a client that is behind goes on over the leap"
        read = [change["id"] for frame in await frames_since(connection, 2) for _, change in frame.changes(2)]
        assert read == ["c"]
        for seq in (3, 1000, LEAP + 1):
            with pytest.raises(Forgotten, match=f"was restored, and its log knows no {seq}"):
                await frames_since(connection, seq)
        assert [frame.first_seq for frame in await frames_since(connection, LEAP + 2)] == [LEAP + 3]
        await mark_restored(database_url, "20261129T000000Z", None)
        assert await last_seq(connection) == 3 + 2 * LEAP
    finally:
        await connection.close()


async def test_an_outlet_passes_over_the_leap_and_does_not_stay_before_it(layers_url: str):
    connection = await connect(layers_url, Role.INGEST)
    try:
        catalog = await read_catalog(connection)
        outlet = Webhook(name="city", kind="webhook", url="http://127.0.0.1:9/", layers=("communities",))
        await mark_restored(layers_url, "20261129T000000Z", None)
        batch = await Selection(outlet, lambda: catalog).after(connection, 0)
        assert (batch.seq, list(batch.changes), batch.lost) == (LEAP, [], None)
        assert (await Selection(outlet, lambda: catalog).after(connection, LEAP)).is_last
    finally:
        await connection.close()
