"""Sending a tile: 304 for a current copy, 204 for an empty tile, compressed once for all readers."""

from __future__ import annotations

from starlette.types import Scope, Send

from tiles.cache import Tile

_GZIP = (b"content-encoding", b"gzip")
_VARY = (b"vary", b"Authorization, Accept-Encoding")
_VARY_BY_FORMAT = (b"vary", b"Accept, Authorization, Accept-Encoding")
_NOSNIFF = (b"x-content-type-options", b"nosniff")


async def send_tile(
    scope: Scope, send: Send, tile: Tile, media_type: str, cached: str, *, negotiated: bool = False
) -> None:
    """Send a tile.

    Parameters
    ----------
    cached
        The value of Cache-Control.
    negotiated
        Whether the Accept header chose the format.
    """
    vary = _VARY_BY_FORMAT if negotiated else _VARY
    headers = [(b"etag", tile.etag.encode()), (b"cache-control", cached.encode()), vary, _NOSNIFF]
    received = {name: value for name, value in scope["headers"] if name in {b"if-none-match", b"accept-encoding"}}
    body = b""
    if tile.etag.encode() in received.get(b"if-none-match", b""):
        status = 304
    elif not tile.content:
        status = 204
    else:
        status, body = 200, tile.content
        if tile.packed and b"gzip" in received.get(b"accept-encoding", b""):
            headers.append(_GZIP)
        else:
            body = tile.plain()
        headers += [(b"content-type", media_type.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
