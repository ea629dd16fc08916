"""Effectively once, for few messages and for many: a message that is sent twice is taken once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.database.connection import connect
from tests.databases import count_rows
from tests.twin.envelopes import OBSERVATION, POSITION
from tests.twin.waiting import until
from twin.envelope.read import read_structured
from twin.store import receipts

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 6, 8, 4, tzinfo=UTC)
MANY = 200
FEW = 3


@pytest.fixture
async def writers(database_url):
    connections = [await connect(database_url) for _ in range(3)]
    yield connections
    for connection in connections:
        await connection.close()


def keys(first: int, number: int) -> list[bytes]:
    """Receipts in no order."""
    return [(n * 7919 % 100_003).to_bytes(16, "big") for n in range(first, first + number)]


@pytest.mark.parametrize("number", [FEW, MANY])
async def test_what_is_new_is_told_and_what_was_taken_is_not_taken_again(writers, number):
    writer, _, _ = writers
    async with writer.transaction():
        assert await receipts.claim(writer, keys(0, number)) is None
    async with writer.transaction():
        assert await receipts.claim(writer, keys(0, number)) == []
        assert await receipts.claim(writer, keys(1, number)) == [number - 1]
    assert await count_rows(writer, "twin.receipt") == number + 1


@pytest.mark.parametrize("number", [FEW, MANY])
async def test_of_two_alike_in_one_batch_the_first_is_taken(writers, number):
    writer, _, _ = writers
    given_ = [key for key in keys(0, number) for _ in range(2)]
    async with writer.transaction():
        assert await receipts.claim(writer, given_) == list(range(0, 2 * number, 2))


@pytest.mark.parametrize("number", [FEW, MANY])
@pytest.mark.parametrize("committed", [True, False])
async def test_another_writer_waits_and_takes_what_is_left(writers, number, committed):
    one, other, watch = writers

    async def claim_too() -> list[int] | None:
        async with other.transaction():
            return await receipts.claim(other, keys(1, number)[::-1])

    open_ = one.transaction()
    await open_.start()
    await receipts.claim(one, keys(0, number))
    waiting, pid = asyncio.create_task(claim_too()), other.get_server_pid()

    async def waits() -> bool:
        return await watch.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid = $1)", pid)

    await until(waits)
    await (open_.commit() if committed else open_.rollback())
    assert await waiting == ([0] if committed else None)
    taken = {row[0] for row in await watch.fetch("SELECT digest FROM twin.receipt")}
    assert taken == {UUID(bytes=key) for key in keys(0 if committed else 1, number + committed)}


@given(
    identities=st.lists(
        st.tuples(
            st.sampled_from([POSITION, OBSERVATION]), st.sampled_from("ab"), st.integers(1, 2), st.integers(-2, 2)
        ),
        max_size=12,
    )
)
def test_receipts_are_alike_where_identities_are(identities):
    messages = []
    for shape, name, version, micros in identities:
        time = NOON + timedelta(microseconds=micros * 600_000)
        messages.append(read_structured({**shape, "id": name, "version": version, "time": time}, now=NOON))
    made = receipts.digests(messages)
    assert len(set(made)) == len({(m.identity, m.phenomenon_time) for m in messages})
    assert made == [receipts.digests([message])[0] for message in messages], "whatever stands beside them"
    assert all(int.from_bytes(d[:4]) == int(m.phenomenon_time.timestamp()) for d, m in zip(made, messages, strict=True))
