"""`POST /feeds/{name}` with a body of any length: NDJSON, taken while it is received.

The answer comes at the end. With `Accept: application/x-ndjson` a line comes after every batch too, so that the sender
always knows the line to continue from.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from layers.errors import OneMapError
from server.errors import OGC_CODES, status_of
from server.feeds.outcome import Taken
from twin.feeds.definition import FeedDefinition
from twin.feeds.seal import is_opening
from twin.feeds.signature import SIGNATURE
from twin.intake.intake import Intake
from twin.intake.streamed import Streamed

LINES = "application/x-ndjson"


def is_stream(definition: FeedDefinition, request: Request, *, proven: bool = False) -> bool:
    """Return whether a body is a stream: lines, of an unsigned feed, with a token of it, or with a signed opening."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media in {LINES, "application/jsonl"} and (
        definition.secret is None or is_opening(request.headers) or (proven and SIGNATURE not in request.headers)
    )


async def take_stream(intake: Intake, name: str, request: Request, *, proven: bool = False) -> Response:
    """Take a stream to its end.

    Raises
    ------
    NotFound, Unauthenticated
        Before anything is read. Later faults are in the answer, with the part of the stream that was taken.
    """
    definition, cutter = await intake.open_stream(name, request.headers, proven=proven)
    stream = Streamed(intake, definition, cutter)
    if request.headers.get("accept", "").partition(";")[0].strip() == LINES:
        return _Receipts(stream, request)
    try:
        async for _ in _pieces(stream, request):
            pass
    except OneMapError as error:
        return _answer(status_of(error), _problem(error, stream), "application/problem+json")
    except ClientDisconnect:
        return Response(status_code=400)  # the sender is gone
    return _answer(200, taken(stream), "application/json")


def taken(stream: Streamed) -> dict[str, Any]:
    """Write how far a stream was taken."""
    return {"lines": stream.lines, **Taken.of(stream.outcome).model_dump(exclude={"lines"})}


class _Receipts(Response):
    """A response of one line after every batch, while the body is received."""

    def __init__(self, stream: Streamed, request: Request) -> None:
        super().__init__(media_type=LINES, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._stream, self._request = stream, request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})

        async def say(what: dict[str, Any], *, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": orjson.dumps(what) + b"\n", "more_body": more})

        try:
            async for _ in _pieces(self._stream, self._request):
                await say(_counts(self._stream))
        except OneMapError as error:
            await say(_problem(error, self._stream), more=False)
        except ClientDisconnect:
            return
        else:
            await say(taken(self._stream), more=False)


async def _pieces(stream: Streamed, request: Request) -> AsyncIterator[int]:
    """Take the body piece by piece; yield the number of batches whenever it grows."""
    batches = 0
    async for piece in request.stream():
        await stream.add(piece)
        if stream.batches > batches:
            batches = stream.batches
            yield batches
    await stream.end()


def _counts(stream: Streamed) -> dict[str, Any]:
    return {name: value for name, value in taken(stream).items() if name != "refused"}


def _problem(error: OneMapError, stream: Streamed) -> dict[str, Any]:
    """Return a problem (RFC 9457) with the part of the stream that was taken."""
    status = status_of(error)
    detail = f"{error.message}; the first {stream.lines} lines are taken, send again what follows"
    title = OGC_CODES.get(status, "Error")
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, "taken": taken(stream)}


def _answer(status: int, what: dict[str, Any], media_type: str) -> Response:
    return Response(orjson.dumps(what), status, {"Cache-Control": "no-store"}, media_type)
