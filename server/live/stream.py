"""A response without an end: server-sent events to a client that may leave at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from layers.coordinates.datum import Datum
from layers.database.faults import DATABASE_ERRORS
from layers.errors import OneMapError
from server.audit.streams import AuditedStream
from server.live.frames import as_event, notes_event, tiles_event
from server.live.notes import NoteSubscriber
from server.live.shifted import shifted
from server.live.tiles import TileSubscriber
from twin.live.subscriber import Subscription

_RETRY = b"retry: 2000\n\n"  # also the first bytes, so that proxies pass the headers on at once


@dataclass(frozen=True, slots=True)
class StreamForm:
    """How changes are written: whether each is a CloudEvent of its own, and in which shifted datum places are."""

    is_cloud: bool = False
    datum: Datum | None = None


PLAIN_FORM = StreamForm()


class EventStream(Response):
    """Sends the parts of a subscription until it ends or the client has gone.

    It is never compressed: a compressor would hold back incomplete blocks. `await send` waits while the client does
    not read, so that the subscription falls behind and no buffer grows.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        subscription: Subscription,
        audited: AuditedStream,
        tiles: AbstractContextManager[TileSubscriber] | None = None,
        notes: AbstractContextManager[NoteSubscriber] | None = None,
        form: StreamForm = PLAIN_FORM,
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._subscription = subscription
        self._audited = audited
        self._tiles, self._notes = tiles, notes
        self._form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client leaves."""
        sending = asyncio.create_task(self._send(scope, send), name="live")
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._subscription.end()
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
            self._audited.end()

    async def _send(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
            with suppress(OneMapError, *DATABASE_ERRORS):
                await self._send_parts(send)  # when the log cannot be read now, the client comes again
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_parts(self, send: Send) -> None:
        parts: AsyncIterator = self._subscription.parts()  # type: ignore[type-arg]
        hints = meanwhile(self._send_tiles(send)), meanwhile(self._send_notes(send))
        async with aclosing(parts) as open_parts, hints[0], hints[1]:  # type: ignore[type-var]
            async for part in open_parts:
                self._audited.sent(part)
                event = as_event(shifted(part, self._form.datum), cloud=self._form.is_cloud)
                await send({"type": "http.response.body", "body": event, "more_body": True})

    async def _send_tiles(self, send: Send) -> None:
        if self._tiles is not None:
            with self._tiles as subscriber:
                async for notices in subscriber.notices():
                    await send({"type": "http.response.body", "body": tiles_event(notices), "more_body": True})

    async def _send_notes(self, send: Send) -> None:
        if self._notes is not None:
            with self._notes as subscriber:
                async for notices in subscriber.notices():
                    await send({"type": "http.response.body", "body": notes_event(notices), "more_body": True})


@asynccontextmanager
async def meanwhile(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run a task while the context lasts; its errors are dropped, because the context meets a lost client itself."""
    task = asyncio.create_task(work, name="live-tiles")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
