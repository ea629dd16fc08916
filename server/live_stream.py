"""A response that goes on: server-sent events, as they come, to a client that may leave at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

import asyncpg
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from layers.errors import OneMapError
from server.live_form import as_event
from twin.follow import Following

_RETRY = b"retry: 2000\n\n"  # also the first bytes, so that proxies pass the headers on at once


class EventStream(Response):
    """Sends what a subscription is told until it ends or the client has gone.

    It is never compressed: a compressor would keep back what is not a block yet. `await send` waits while the client
    does not read, so that it is the subscription that falls behind and no buffer that grows.
    """

    media_type = "text/event-stream"

    def __init__(self, following: Following) -> None:
        super().__init__(headers={"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._following = following

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, and stop when the client leaves."""
        sending = asyncio.create_task(self._send(scope, send), name="live")
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._following.end()
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending

    async def _send(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
            with suppress(OneMapError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self._tell(send)  # when the log cannot be read now, the client comes again
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, send: Send) -> None:
        parts: AsyncIterator = self._following.parts()  # type: ignore[type-arg]
        async with aclosing(parts) as telling:  # type: ignore[type-var]  # a generator
            async for part in telling:
                await send({"type": "http.response.body", "body": as_event(part), "more_body": True})
