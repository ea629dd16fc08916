"""Tiles from the cache, or drawn; a tile of several layers joins the tiles of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import asyncpg

from tiles.cache import Tile, TileCache
from tiles.call import TileCall
from tiles.composite import composite
from tiles.draw import draw
from tiles.vector import Drawing


@dataclass(frozen=True, slots=True)
class TileMaker:
    """Makes tiles of layers.

    Attributes
    ----------
    pool, lookups
        Connections: one pool that plans each statement, one that keeps its plans.
    feature_limit
        Most features of a layer in a tile.
    build
        Digest of the code; tiles that other code drew are never served.
    database
        Returns the identity of the database; a version means nothing in another one.
    """

    cache: TileCache
    pool: asyncpg.Pool
    lookups: asyncpg.Pool
    feature_limit: int
    build: str
    database: Callable[[], str]

    async def tile(self, call: TileCall, *, trusted: bool = True) -> Tile:
        """Return the tile as it is now.

        Parameters
        ----------
        trusted
            Whether the catalogue receives changes; while it does not, no cached tile is served.
        """
        make = partial(self._draw, call) if len(call.parts) == 1 else partial(self._join, call, trusted=trusted)
        if not trusted or call.is_past:
            return await self.cache.draw_uncached(make)
        return await self.cache.get(call.cache_request(f"{self.build}|{self.database()}"), make)

    async def _join(self, call: TileCall, *, trusted: bool) -> bytes:
        each = {part.layer.id: await self.tile(replace(call, parts=(part,)), trusted=trusted) for part in call.parts}
        return composite({layer_id: tile.plain() for layer_id, tile in each.items()})

    async def _draw(self, call: TileCall) -> bytes:
        (part,) = call.parts
        drawing = Drawing(part.layer, call.actor, call.address, self.feature_limit, part.where)
        drawn = await draw(self.lookups if _is_plain(drawing) else self.pool, drawing)
        self.cache.served.thinned += drawn.thinned
        self.cache.served.queries += drawn.queries
        return drawn.content


def _is_plain(drawing: Drawing) -> bool:
    """Whether one cached plan suits every such drawing: few rows, found by the index."""
    return drawing.layer.is_table and not drawing.where and drawing.tile.is_straight
