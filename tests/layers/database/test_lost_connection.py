"""A connection that PostgreSQL has closed leaves no future behind that nothing awaits."""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor

import pytest

from layers.database.connection import Role, connect, create_pool
from layers.database.faults import AWAY

pytestmark = pytest.mark.anyio


async def _copy_text(connection):
    await connection.copy_to_table("copied", schema_name="pg_temp", source=bytearray(b"1\n"), format="csv")


async def _copy_records(connection):
    await connection.copy_records_to_table("copied", schema_name="pg_temp", records=[(1,)])


def _kill(url, pid):
    """Terminate a backend and wait for its end, in a loop of its own."""

    async def kill():
        owner = await connect(url, role=None)
        assert await owner.fetchval("SELECT pg_terminate_backend($1, 60000)", pid)
        await owner.close()

    asyncio.run(kill())


def _block_until_killed(url, pid):
    with ThreadPoolExecutor(
        1
    ) as thread:  # this loop is blocked meanwhile, so it has not read the end of the connection
        thread.submit(_kill, url, pid).result()


async def _copy_after_the_end(pool, url, copy, rounds):
    async with pool.acquire() as connection, connection.transaction():
        _block_until_killed(url, connection.get_server_pid())
        for _ in range(rounds):
            await asyncio.sleep(0)
        await copy(connection)


# Rounds of the loop after the end: 2 is between the last message and the end of the socket.
@pytest.mark.parametrize("copy", [_copy_text, _copy_records])
async def test_a_copy_over_a_lost_connection_fails_where_it_is_awaited(database_url, copy):
    unawaited = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unawaited.append(context["message"]))
    async with await create_pool(database_url, Role.INGEST, size=1) as pool:
        for rounds in range(4):
            with pytest.raises(AWAY):
                await _copy_after_the_end(pool, database_url, copy, rounds)
    gc.collect()
    await asyncio.sleep(0)
    assert unawaited == []
