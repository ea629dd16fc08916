from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest

from layers.database.connection import Role, connect
from layers.database.listener import channel_name
from twin.log.changes import CHANNEL, Forgotten, append, forget, frames_since, last_seq

pytestmark = pytest.mark.anyio
WRITERS, BATCHES = 4, 30


@pytest.fixture
async def ingest(database_url):
    connection = await connect(database_url, Role.INGEST)
    yield connection
    await connection.close()


async def written(connection, *changes):
    async with connection.transaction():
        return await append(connection, [{"n": n} for n in changes])


async def write_some(url, writer, start):
    """Write batches in transactions that end in another order than they began."""
    connection = await connect(url, Role.INGEST)
    numbers = random.Random(writer)
    await start.wait()
    for batch in range(BATCHES):
        async with connection.transaction():
            await connection.execute("SELECT txid_current()")
            await asyncio.sleep(numbers.random() * 0.004)
            await append(connection, [{"writer": writer, "batch": batch, "n": n} for n in range(numbers.randint(1, 5))])
    await connection.close()


async def test_a_tailing_reader_misses_nothing_and_sees_nothing_twice_while_many_write(database_url):
    start, woken = asyncio.Event(), asyncio.Event()
    reader = await connect(database_url, Role.READ)
    await reader.add_listener(await channel_name(reader, CHANNEL), lambda *_: woken.set())
    writers = asyncio.gather(*(write_some(database_url, writer, start) for writer in range(WRITERS)))
    start.set()
    seen: list[tuple[int, dict]] = []
    while not (writers.done() and (not seen or seen[-1][0] == await last_seq(reader))):
        for frame in await frames_since(reader, seen[-1][0] if seen else 0, limit=3):
            seen += frame.changes(seen[-1][0] if seen else 0)
        await asyncio.sleep(0)
    await writers
    await reader.close()
    assert [seq for seq, _ in seen] == list(range(1, len(seen) + 1))
    for writer in range(WRITERS):
        batches = [change["batch"] for _, change in seen if change["writer"] == writer]
        assert batches == sorted(batches)
        assert set(batches) == set(range(BATCHES))
    assert woken.is_set()


async def test_a_rolled_back_transaction_leaves_no_gap(ingest):
    assert await written(ingest, 1, 2) == 1
    transaction = ingest.transaction()
    await transaction.start()
    assert await append(ingest, [{"n": 3}]) == 3
    await transaction.rollback()
    assert await written(ingest, 4) == 3
    frames = await frames_since(ingest, 0)
    assert [pair for frame in frames for pair in frame.changes()] == [(1, {"n": 1}), (2, {"n": 2}), (3, {"n": 4})]


async def test_reading_begins_in_the_middle_of_a_frame(ingest):
    await written(ingest, 1, 2, 3)
    frame = (await frames_since(ingest, 2))[0]
    assert frame.changes(2) == [(3, {"n": 3})]
    assert await frames_since(ingest, 3) == []


async def test_what_was_forgotten_is_said(ingest):
    await written(ingest, 1)
    await written(ingest, 2)
    assert await forget(ingest, timedelta(0)) == 1
    with pytest.raises(Forgotten, match="begins at 2"):
        await frames_since(ingest, 0)
    assert len(await frames_since(ingest, 1)) == 1
    assert await last_seq(ingest) == 2


async def test_a_frame_needs_a_transaction_and_a_change(ingest):
    with pytest.raises(ValueError, match="transaction"):
        await append(ingest, [{"n": 1}])
    async with ingest.transaction():
        with pytest.raises(ValueError, match="at least one"):
            await append(ingest, [])
