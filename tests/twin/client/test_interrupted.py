"""The client when the server is busy, when a connection is cut, and when changes were lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from tests.twin.change_log import moved, newest, write
from tests.twin.client.conftest import TOKEN
from tests.twin.client.interrupted import Gateway, busy, gateway_to
from twin.client import NotAvailable, Twin
from twin.client.errors import Gap

DEADLINE_S = 60


@pytest.fixture
def gateway(client_address: str) -> Iterator[Gateway]:
    with gateway_to(client_address) as found:
        yield found


@pytest.fixture
def through(gateway: Gateway) -> Iterator[Twin]:
    """A client behind the gateway, which has a new connection for each request."""
    with Twin(gateway.address, TOKEN) as found:
        gateway.cut()
        gateway.connections = 0
        yield found


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_a_busy_server_is_asked_again_a_few_times(gateway: Gateway, through: Twin, status: str):
    gateway.refusals = [busy(status, "0.01")] * 2
    assert through["grids"].count() > 0
    assert gateway.connections == 3
    gateway.cut()
    gateway.refusals = [busy(status, "0.01")] * 9
    with pytest.raises(NotAvailable, match="busy") as refused:
        through["grids"].where("id = 'another question'").count()
    assert (refused.value.status, refused.value.retry_after_s) == (int(status[:3]), 0.01)
    assert len(gateway.refusals) == 5, "four times, and no more"


def test_an_answer_that_breaks_off_is_no_shorter_answer(gateway: Gateway, through: Twin, watched_station: str):
    end = datetime.now(UTC)
    gateway.cut()
    gateway.answered_bytes = 3_000
    with pytest.raises(NotAvailable, match="broke off"):
        through["water_level_stations"].observations(end - timedelta(days=3), end, ids=[watched_station])


def test_a_cut_stream_goes_on_with_each_change_once(gateway: Gateway, through: Twin, client_database: str):
    async def follow() -> list[str]:
        found = []
        since = await newest(client_database)
        await write(client_database, moved("V1", 1))
        async with aclosing(through["vehicles"].live(since=since)) as changes, asyncio.timeout(DEADLINE_S):
            async for change in changes:
                found.append(change["id"])
                if len(found) == 4:
                    return found
                gateway.cut()
                gateway.refusals = [busy("429 Too Many Requests", "0.01")]
                await write(client_database, moved(f"V{len(found) + 1}", 1))
        raise AssertionError("the stream ended")

    assert asyncio.run(follow()) == ["V1", "V2", "V3", "V4"]
    assert gateway.connections >= 7


def test_lost_changes_are_a_gap(through: Twin, client_database: str):
    async def follow() -> None:
        since = await newest(client_database) + 1_000
        async with aclosing(through["vehicles"].live(since=since)) as changes, asyncio.timeout(DEADLINE_S):
            await anext(changes)

    with pytest.raises(Gap, match="log"):
        asyncio.run(follow())
