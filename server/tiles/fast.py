"""Vector tiles, answered in front of the application: from the cache where it holds them, else drawn once for all.

A plain ASGI layer, as for items: a warm tile costs less than a framework's routing.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from layers.database import in_our_words
from server.errors import respond_to
from server.state import State
from server.tiles.call import TileCall, TilePath, read_tile_call, tile_path
from tiles.cache import Tile
from tiles.vector import CONTENT_TYPE

_TYPE = (b"content-type", CONTENT_TYPE.encode())
_GZIP = (b"content-encoding", b"gzip")
_VARY = (b"vary", b"Authorization, Accept-Encoding")
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_PUBLIC = (b"cache-control", b"public, no-cache")  # keep it, and ask: a 304 costs no query
_PRIVATE = (b"cache-control", b"private, no-cache")


class FastTiles:
    """ASGI layer in front of the application.

    Parameters
    ----------
    app
        What answers everything else.
    state
        Finds the shared parts of the running process; they exist once the application has started.
    """

    def __init__(self, app: ASGIApp, state: Callable[[], State]) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is ours, pass on the rest."""
        if scope["type"] != "http" or "/tiles/" not in scope["path"] or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        try:
            path = tile_path((scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0])
            if path is not None:
                await self._answer(path, scope, send)
        except Exception as error:  # noqa: BLE001  # the outermost place: the client gets an answer, the log the rest
            await respond_to(scope["path"], error)(scope, receive, send)
            return
        if path is None:
            await self._app(scope, receive, send)

    async def _answer(self, path: TilePath, scope: Scope, send: Send) -> None:
        state = self._state()
        actor = state.authenticator.actor(scope["headers"])
        with in_our_words():
            call = read_tile_call(path, scope["query_string"].decode("latin-1"), actor, state)
            tile = await state.tiles.tile(call)
        await _send(call, tile, scope, send)


async def _send(call: TileCall, tile: Tile, scope: Scope, send: Send) -> None:
    headers = [(b"etag", tile.etag.encode()), _PUBLIC if call.is_public else _PRIVATE, _VARY, _NOSNIFF]
    asked = {name: value for name, value in scope["headers"] if name in {b"if-none-match", b"accept-encoding"}}
    body = b""
    if tile.etag.encode() in asked.get(b"if-none-match", b""):
        status = 304
    elif not tile.gzipped:
        status = 204
    else:
        status, body = 200, tile.gzipped
        if b"gzip" in asked.get(b"accept-encoding", b""):
            headers.append(_GZIP)
        else:
            body = tile.plain()
        headers += [_TYPE, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
