"""Sending a tile: 304 to who has it, 204 where nothing is, compressed once for all."""

from __future__ import annotations

from starlette.types import Scope, Send

from tiles.cache import Tile

_GZIP = (b"content-encoding", b"gzip")
_VARY = (b"vary", b"Authorization, Accept-Encoding")
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_PUBLIC = (b"cache-control", b"public, no-cache")  # keep it, and ask: a 304 costs no query
_PRIVATE = (b"cache-control", b"private, no-cache")


async def send_tile(scope: Scope, send: Send, tile: Tile, media_type: str, *, public: bool) -> None:
    """Answer with a tile.

    Parameters
    ----------
    public
        Whether a cache that others share may keep the answer.
    """
    headers = [(b"etag", tile.etag.encode()), _PUBLIC if public else _PRIVATE, _VARY, _NOSNIFF]
    asked = {name: value for name, value in scope["headers"] if name in {b"if-none-match", b"accept-encoding"}}
    body = b""
    if tile.etag.encode() in asked.get(b"if-none-match", b""):
        status = 304
    elif not tile.content:
        status = 204
    else:
        status, body = 200, tile.content
        if tile.packed and b"gzip" in asked.get(b"accept-encoding", b""):
            headers.append(_GZIP)
        else:
            body = tile.plain()
        headers += [(b"content-type", media_type.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
