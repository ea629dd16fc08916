"""Tiles, answered in front of the application: from the cache, or drawn once for all readers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.types import Receive, Scope, Send

from server.audit.touched import current_note, touch
from server.http.caching import Keep, cache_control
from server.http.fast_path import FastPath
from server.http.scope import header, raw_path
from server.identity.identity import actor_of_request
from server.state import State
from server.tiles.map_tile import MapTilePath, map_tile, map_tile_path
from server.tiles.parameters import TilePath, read_tile_call, tile_path
from server.tiles.raster import RasterPath, raster_path, raster_tile
from server.tiles.send import send_tile
from tiles.vector import CONTENT_TYPE

_METHODS = {"GET", "HEAD"}
type _Answer = Callable[[Scope, Send], Awaitable[None]]


class FastTiles(FastPath[State]):
    """The fast path of tiles: vector tiles, map tiles and tiles of rasters."""

    async def _answers(self, scope: Scope, receive: Receive, send: Send) -> bool:  # noqa: ARG002  # a tile has no body
        path = scope["path"]
        if not ("/tiles/" in path or path.startswith("/raster/")) or scope["method"] not in _METHODS:
            return False
        answer = self._answer_to(scope)
        if answer is None:
            return False
        await answer(scope, send)
        return True

    def _answer_to(self, scope: Scope) -> _Answer | None:
        raw = raw_path(scope)
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
        actor = actor_of_request(scope)
        query_string = scope["query_string"].decode("latin-1")
        call = read_tile_call(path, query_string, actor, state.catalog.current, state.settings.limits)
        for part in call.parts:
            touch(part.layer, actor, tile=True)
        tile = await state.tiles.tile(call, trusted=state.catalog.trusted)
        keep = Keep.VERSIONED if state.catalog.trusted and call.is_newest(state.build) else Keep.LIVE
        await send_tile(scope, send, tile, CONTENT_TYPE, cache_control(keep, actor, state.settings, linked=False))

    async def _map(self, path: MapTilePath, scope: Scope, send: Send) -> None:
        state = self._state()
        actor = actor_of_request(scope)
        query_string = scope["query_string"].decode("latin-1")
        found = await map_tile(path, query_string, header(scope, b"accept"), actor, state)
        current_note().is_tile = True
        cached = cache_control(Keep.LIVE, actor, state.settings, linked=False)
        await send_tile(scope, send, found.tile, found.media_type, cached, negotiated=True)

    async def _raster(self, path: RasterPath, scope: Scope, send: Send) -> None:
        state = self._state()
        actor = actor_of_request(scope)
        found = await raster_tile(path, scope["query_string"].decode("latin-1"), actor, state)
        current_note().is_tile = True
        cached = cache_control(Keep.LIVE, actor, state.settings, linked=False)
        await send_tile(scope, send, found.tile, found.media_type, cached)
