"""Rows that are sent while they are read keep their connection for a while, and no longer."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from starlette.requests import ClientDisconnect

from server.live.row_stream import RowStream

pytestmark = pytest.mark.anyio
DEADLINE_S = 60


@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
async def test_who_reads_steadily_and_slowly_is_cut_in_the_end(spec_version):
    given_back, sent = asyncio.Event(), []

    async def rows():
        while True:
            await asyncio.sleep(0)  # as a row waits for the database
            yield b"1,"

    async def receive():
        await asyncio.Event().wait()

    async def send(message):
        sent.append(message["type"])

    held = AsyncExitStack()
    held.callback(given_back.set)
    stream = RowStream(b"[", rows(), held, "application/json", {}, time_max_s=0.2)
    scope = {"type": "http", "asgi": {"spec_version": spec_version}}
    with pytest.raises(ClientDisconnect):
        await asyncio.wait_for(stream(scope, receive, send), DEADLINE_S)
    assert given_back.is_set()
    assert len(sent) > 2, "it was sent for a while"
