"""Sending what is read while it is read: at the pace of the client, and for no client that has gone.

`await send` waits while the client does not read; one that reads nothing for long is cut by its connection
(`server.wire.connection`), and here that looks as if it had gone. Then the statement is cancelled. One that reads
slowly is cut when its time is over, because it holds a statement and a turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import anyio
import structlog
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from layers.errors import OneMapError
from server.bulk.reading import BulkReading

_PIECE_BYTES = 256 * 1024  # a client that takes a minute for so much is cut
_CANCEL_EVERY_S = 0.5  # a statement may have been on its way to the server when the one before was cancelled
_log = structlog.get_logger(__name__)


class Client:
    """Whether a client is still there."""

    def __init__(self) -> None:
        self.is_gone = False


@asynccontextmanager
async def watched(receive: Receive, reading: BulkReading) -> AsyncIterator[Client]:
    """Cancel a reading when its client goes.

    Raises
    ------
    ClientDisconnect
        In the place of whatever a cancelled reading raises.
    """
    client = Client()
    watcher = asyncio.create_task(_watch(receive, reading, client), name="bulk-client")
    try:
        yield client
    except OneMapError as error:
        if client.is_gone:
            raise ClientDisconnect from error
        raise
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher


async def _watch(receive: Receive, reading: BulkReading, client: Client) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    client.is_gone = True
    while True:
        await reading.cancel()
        await asyncio.sleep(_CANCEL_EVERY_S)


async def send_parts(
    scope: Scope, receive: Receive, send: Send, reading: BulkReading, media_type: str, headers: Mapping[str, str]
) -> None:
    """Send the parts of a reading. The answer begins when its first part is there, so that faults are still errors.

    Raises
    ------
    OneMapError
        When the first part cannot be made. Later the answer is cut, as it is when it takes longer than
        `reading.time_max_s`: it has no last chunk then, and is never whole.
    ClientDisconnect
        When the client has gone.
    """
    ends_at = anyio.current_time() + reading.time_max_s
    async with watched(receive, reading) as client:
        part = None if scope["method"] == "HEAD" else await reading.part()
        if client.is_gone:
            raise ClientDisconnect
        fields = {"content-type": media_type, **headers}
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        reason = f"it took longer than {reading.time_max_s} s"
        with anyio.CancelScope(deadline=ends_at):  # not asyncio's timeout: a part that is being made is waited for
            try:
                while part is not None and not client.is_gone:
                    await _send_part(send, part, client)
                    part = await reading.part()
                if not client.is_gone:
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            except OneMapError as error:
                reason = error.message
            else:
                return
        if not client.is_gone:
            _log.warning("an export was cut", path=scope["path"], reason=reason)
            await reading.cancel()


async def _send_part(send: Send, part: bytes, client: Client) -> None:
    view = memoryview(part)
    for at in range(0, len(view), _PIECE_BYTES):
        if client.is_gone:
            return
        await send({"type": "http.response.body", "body": bytes(view[at : at + _PIECE_BYTES]), "more_body": True})
