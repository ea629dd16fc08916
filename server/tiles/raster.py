"""Tiles of rasters: the address, the look, the cache."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import lru_cache, partial
from urllib.parse import unquote

from layers.actor import Actor
from layers.errors import NotFound
from server.items.request import parameters_of
from server.state import State
from tiles.address import TileAddress
from tiles.cache import Tile, Wanted
from tiles.look import MEDIA, Format, read_look
from tiles.raster import Raster, draw_tile

_PREFIX = "/raster/"


@dataclass(frozen=True, slots=True)
class RasterPath:
    """What the address says."""

    name: str
    address: TileAddress
    format: Format

    @property
    def media_type(self) -> str:
        """Of the answer."""
        return MEDIA[self.format]


@lru_cache(maxsize=4096)
def raster_path(raw_path: str) -> RasterPath | None:
    """Read ``/raster/{id}/{z}/{x}/{y}.{format}``; None for any other address.

    Raises
    ------
    NotFound
        For a format or a tile that there is not.
    """
    parts = raw_path.removeprefix(_PREFIX).split("/")
    if not raw_path.startswith(_PREFIX) or len(parts) != 4:
        return None
    name, z, x, last = parts
    y, dot, suffix = last.partition(".")
    if not dot or not all(part.isascii() and part.isdigit() and len(part) < 40 for part in (z, x, y)):
        raise NotFound(f"'{raw_path[:100]}' is no tile; the address is /raster/{{id}}/{{z}}/{{x}}/{{y}}.png")
    found = next((known for known in MEDIA if known == suffix), None)
    if found is None:
        raise NotFound(f"there is no format '{suffix[:20]}'; there are {', '.join(MEDIA)}", parameter="format")
    return RasterPath(unquote(name), TileAddress(int(z), int(x), int(y)), found)


async def raster_tile(path: RasterPath, query_string: str, actor: Actor, state: State) -> tuple[Tile, Raster]:
    """Return a tile, drawn in a thread when nobody has drawn it before.

    Raises
    ------
    NotFound
        For a raster that is not there, or hidden from the actor.
    BadInput
        For parameters that are unknown or malformed.
    """
    raster = await state.rasters.get(path.name, actor)
    given = parameters_of(query_string, state.settings.limits) if query_string else {}
    look = read_look(given, raster.bands)
    place = f"{path.address.z}/{path.address.x}/{path.address.y}.{path.format}"
    key = f"{state.build}|raster|{raster.id}@{raster.stamp}|{place}|{look}"

    async def draw() -> bytes:
        async with state.rasters.turns:
            return await asyncio.to_thread(partial(draw_tile, raster, path.address, look, path.format))

    wanted = Wanted(key, (), path.address.box(), packed=path.format in {"npy", "tif"})
    return await state.tiles.cache.get(wanted, draw), raster
