"""Tiles, answered in front of the application: from the cache where it holds them, else drawn once for all.

A plain ASGI layer, as for items: a warm tile costs less than a framework's routing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from server.http.caching import Keep, cache_control
from server.state import State
from server.tiles.call import TilePath, read_tile_call, tile_path
from server.tiles.map_tile import MapTilePath, map_tile, map_tile_path
from server.tiles.raster import RasterPath, raster_path, raster_tile
from server.tiles.send import send_tile
from tiles.vector import CONTENT_TYPE

_METHODS = {"GET", "HEAD"}
type _Answer = Callable[[Scope, Send], Awaitable[None]]


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
        ours = scope["type"] == "http" and ("/tiles/" in scope["path"] or scope["path"].startswith("/raster/"))
        if not ours or scope["method"] not in _METHODS:
            await self._app(scope, receive, send)
            return
        answer = self._answer_to(scope)
        if answer is not None:
            await answer(scope, send)
        else:
            await self._app(scope, receive, send)

    def _answer_to(self, scope: Scope) -> _Answer | None:
        raw = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
        vector = tile_path(raw)
        if vector is not None:
            return partial(self._vector, vector)
        pictured = map_tile_path(raw)
        if pictured is not None:
            return partial(self._map, pictured)
        raster = raster_path(raw)
        return partial(self._raster, raster) if raster is not None else None

    async def _vector(self, path: TilePath, scope: Scope, send: Send) -> None:
        state = self._state()
        actor = state.authenticator.actor(scope["headers"])
        call = read_tile_call(path, scope["query_string"].decode("latin-1"), actor, state)
        tile = await state.tiles.tile(call, trusted=state.catalog.trusted)
        keep = call.keep(state.build) if state.catalog.trusted else Keep.LIVE
        await send_tile(scope, send, tile, CONTENT_TYPE, cache_control(keep, actor, state.settings, linked=False))

    async def _map(self, path: MapTilePath, scope: Scope, send: Send) -> None:
        state = self._state()
        actor = state.authenticator.actor(scope["headers"])
        accept = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept"), "")
        found = await map_tile(path, scope["query_string"].decode("latin-1"), accept, actor, state)
        cached = cache_control(Keep.LIVE, actor, state.settings, linked=False)
        await send_tile(scope, send, found.tile, found.media_type, cached, negotiated=True)

    async def _raster(self, path: RasterPath, scope: Scope, send: Send) -> None:
        state = self._state()
        actor = state.authenticator.actor(scope["headers"])
        found = await raster_tile(path, scope["query_string"].decode("latin-1"), actor, state)
        cached = cache_control(Keep.LIVE, actor, state.settings, linked=False)
        await send_tile(scope, send, found.tile, found.media_type, cached)
