"""`/live`: the changes of the twin as server-sent events, resumable by number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from layers.cql2 import parse_bbox
from layers.crs import CRS84
from layers.errors import BadInput
from server.auth import actor_of
from server.state import State
from twin.changes import Forgotten
from twin.tail import Tail
from twin.watch import Audience, Interest, Watcher

router = APIRouter(tags=["live"])
FRAME_SECONDS = 0.15  # changes of one thing within this time are sent as one
HEARTBEAT_SECONDS = 15.0
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get("/live", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def live(
    request: Request,
    since: Annotated[int | None, Query(ge=0, le=2**62, description="从此序号之后 After this number")] = None,
    layers: Annotated[str, Query(max_length=1000, description="图层，逗号分隔 Collection ids, by comma")] = "",
    areas: Annotated[str, Query(max_length=4000, description="网格或区划代码前缀 Prefixes of area codes")] = "",
    bbox: Annotated[str, Query(max_length=200, description="west,south,east,north (CRS84)")] = "",
    last_event_id: Annotated[str | None, Header(max_length=40)] = None,
) -> StreamingResponse:
    """Stream changes from now on, or from a number on that was seen before."""
    state: State = request.app.state.shared
    tail: Tail = request.app.state.tail
    audience = Audience(actor_of(request), lambda: state.catalog.current)
    seq = _start(since, last_event_id, tail.seq)
    watcher = Watcher(_interest(request, layers, areas, bbox), audience, seq)
    return StreamingResponse(_stream(tail, watcher, state), media_type="text/event-stream", headers=_HEADERS)


def _start(since: int | None, last_event_id: str | None, newest: int) -> int:
    """Return the number to begin after: what the client last saw, what it asked for, else now."""
    if last_event_id is not None:
        if not (last_event_id.isascii() and last_event_id.isdigit()):
            raise BadInput("Last-Event-ID is not a number of this stream", parameter="Last-Event-ID")
        return int(last_event_id)
    return newest if since is None else since


def _interest(request: Request, layers: str, areas: str, bbox: str) -> Interest:
    state: State = request.app.state.shared
    ids = frozenset(name.strip() for name in layers.split(",") if name.strip())
    for name in sorted(ids):
        state.catalog.current.visible(name, actor_of(request))
    prefixes = tuple(code.strip() for code in areas.split(",") if code.strip())
    if not all(code.isascii() and code.isalnum() for code in prefixes):
        raise BadInput("areas holds codes of areas, by comma", parameter="areas")
    rectangles = parse_bbox(bbox, CRS84).rectangles if bbox else ()
    if len(rectangles) > 1:
        raise BadInput("bbox crosses the antimeridian, which no district does", parameter="bbox")
    return Interest(ids, prefixes, rectangles[0] if rectangles else None)


async def _stream(tail: Tail, watcher: Watcher, state: State) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    try:
        await tail.join(watcher, state.pool)
    except Forgotten as error:
        yield _event("resync", tail.seq, {"detail": error.message, "seq": tail.seq})
        return
    try:
        yield _event("ready", watcher.seq, {"seq": watcher.seq})
        while not watcher.overrun:
            changes = watcher.take()
            if changes:
                yield _event("changes", watcher.seq, changes)
                await asyncio.sleep(FRAME_SECONDS)
                continue
            yield await _next(tail)
        yield _event("resync", tail.seq, {"detail": "too many events at once", "seq": tail.seq})
    finally:
        tail.leave(watcher)


async def _next(tail: Tail) -> bytes:
    """Wait for the log to grow; nothing to send then, or a sign of life when it does not."""
    try:
        await asyncio.wait_for(tail.grown(), HEARTBEAT_SECONDS)
    except TimeoutError:
        return b": still here\n\n"
    return b""


def _event(name: str, seq: int, content: object) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, name.encode(), orjson.dumps(content))
