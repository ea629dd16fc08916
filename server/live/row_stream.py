"""A response whose rows are read from the database while they are sent; it ends when it takes its client too long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from server.live.playbacks import STALL_SECONDS_MAX


class RowStream(StreamingResponse):
    """Sends chunks as they are read.

    Parameters
    ----------
    held
        What the rows are read from: a connection and its transaction; given back when the response ends, however it
        does.
    time_max_s
        Seconds in which all of it is sent: a transaction that lasts keeps old rows from being cleared away.
    """

    def __init__(
        self,
        first: bytes,
        chunks: AsyncIterator[bytes],
        held: AsyncExitStack,
        media_type: str,
        headers: Mapping[str, str],
        *,
        time_max_s: float,
    ) -> None:
        super().__init__(_all(first, chunks), media_type=media_type, headers={**headers, "X-Accel-Buffering": "no"})
        self._held, self._time_max_s = held, time_max_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send chunk by chunk.

        Raises
        ------
        ClientDisconnect
            When the client reads nothing for a while, or all of it too slowly; its connection is closed before the end
            of the response.
        """

        async def sending(message: Message) -> None:
            async with asyncio.timeout(STALL_SECONDS_MAX):
                await send(message)

        async with self._held:
            try:
                async with asyncio.timeout(self._time_max_s):
                    await super().__call__(scope, receive, sending)
            except TimeoutError as error:
                raise ClientDisconnect from error


async def _all(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in chunks:
        yield chunk
