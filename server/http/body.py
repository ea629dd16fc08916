"""Bodies of requests, bounded; only here a body is read whole."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from layers.errors import BadInput, TooMuch


async def read_body(receive: Receive, limit_bytes: int, headers: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """Return a body; nothing of it is read when its Content-Length is above the limit.

    Raises
    ------
    TooMuch
        When the body is longer than the limit.
    ClientDisconnect
        When the client disconnects first.
    """
    declared = next((value for name, value in headers if name == b"content-length"), b"0")
    if declared.isdigit() and int(declared[:20]) > limit_bytes:
        raise _too_long(limit_bytes)
    receiving = bounded(receive, limit_bytes)
    chunks: list[bytes] = []
    more = True
    while more:
        message = await receiving()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)


def bounded(receive: Receive, limit_bytes: int) -> Receive:
    """Return a `receive` that raises `TooMuch` once a body is longer than the limit."""
    size = 0

    async def receiving() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit_bytes:
            raise _too_long(limit_bytes)
        return message

    return receiving


async def read_text(receive: Receive, limit_bytes: int, headers: Iterable[tuple[bytes, bytes]] = ()) -> str:
    """Return a body of text; see `read_body`.

    Raises
    ------
    BadInput
        When the body is not UTF-8.
    TooMuch
        When the body is longer than the limit.
    ClientDisconnect
        When the client disconnects first.
    """
    try:
        return (await read_body(receive, limit_bytes, headers)).decode()
    except UnicodeDecodeError as error:
        raise BadInput("the body is not UTF-8 text") from error


def _too_long(limit_bytes: int) -> TooMuch:
    return TooMuch(f"the body has more than {limit_bytes} bytes, which is the most that is read")
