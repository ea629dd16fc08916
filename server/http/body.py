"""Bodies of requests, read to a limit: the one place where a body is read whole."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from layers.errors import BadInput, TooMuch


async def read_body(receive: Receive, limit_bytes: int, headers: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """Read a body; of one that says it is too long nothing is read.

    Raises
    ------
    TooMuch
        When it is longer than the limit.
    ClientDisconnect
        When the client goes away meanwhile.
    """
    said = next((value for name, value in headers if name == b"content-length"), b"0")
    if said.isdigit() and int(said[:20]) > limit_bytes:
        raise _too_long(limit_bytes)
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        more = message.get("more_body", False)
        if size > limit_bytes:
            raise _too_long(limit_bytes)
    return b"".join(chunks)


async def read_text(receive: Receive, limit_bytes: int, headers: Iterable[tuple[bytes, bytes]] = ()) -> str:
    """Read a body of text; as `read_body`.

    Raises
    ------
    BadInput
        When it is not UTF-8.
    """
    try:
        return (await read_body(receive, limit_bytes, headers)).decode()
    except UnicodeDecodeError as error:
        raise BadInput("the body is not UTF-8 text") from error


def _too_long(limit_bytes: int) -> TooMuch:
    return TooMuch(f"the body has more than {limit_bytes} bytes, which is the most that is read")
