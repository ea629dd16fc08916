"""Pictures of layers: the style of the reader, the cache, and a bound on concurrent drawing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from layers.actor import Actor
from layers.catalog import Catalog
from layers.database.connection import in_our_words
from layers.types import BBox, Json
from server.audit.touched import touch
from server.page.assets import ICONS
from server.state import State
from server.tiles.form import MapForm
from tiles.address import TileAddress
from tiles.cache import Tile, TileRequest
from tiles.call import Part, TileCall
from tiles.maps.draw import MARGIN_PIXELS, MapRequest, draw_map, read_rows
from tiles.raster.reading import PixelArea
from tiles.raster.style import Rgb
from tiles.styles.style import Surroundings, build_style
from tiles.styles.theme import Theme

DISTRICTS = "districts"  # their outline frames the map


@dataclass(frozen=True, slots=True)
class MapCall:
    """A checked request for a picture of layers.

    Attributes
    ----------
    parts
        Layers as of the requested moment, with the conditions on their rows.
    named
        Whether the request names the layers; else the style chooses them by scale.
    grounded
        Whether the style's ground and frame are drawn below and around the layers.
    text
        All other parameters, as a part of the cache's key.
    durable
        Whether the picture is kept on disk: a tile of a pyramid is, any rectangle is not.
    """

    parts: tuple[Part, ...]
    actor: Actor
    area: PixelArea
    theme: Theme
    form: MapForm
    ground: Rgb | None
    named: bool
    grounded: bool
    text: str
    durable: bool

    @property
    def is_past(self) -> bool:
        """Whether the request names a moment."""
        return any(part.layer.moment is not None for part in self.parts)

    def cache_request(self, catalog: Catalog, build: str) -> TileRequest:
        """Return the request to the cache: that of a vector tile of the same layers, with the style in its key."""
        tile = TileCall(self.parts, self.actor, TileAddress(0, 0, 0), _reach(self.area), self.text).cache_request(build)
        frame = catalog.get(DISTRICTS) if self.grounded else None
        around = [frame] if frame and all(frame.id != layer.id for layer in tile.layers) else []
        area = self.area
        look = f"map|{self.theme.id}|{self.form.f}|{self.ground}|{self.named}{self.grounded}|{area.srid}|{area.bounds}"
        key = f"{look}|{area.width}x{area.height}|{tile.key}"
        durable = tile.durable and self.durable and not any(part.where for part in self.parts)
        return replace(tile, key=key, layers=(*tile.layers, *around), durable=durable, packed=False)


async def map_picture(call: MapCall, state: State) -> Tile:
    """Return a picture, drawn or from the cache.

    Raises
    ------
    TooMuch
        When drawing takes too long.
    """
    catalog = state.catalog.current
    for part in call.parts:
        touch(part.layer, call.actor)

    async def draw() -> bytes:
        style = await style_of(call.theme, catalog, call.actor, state)
        layers = tuple((part.layer, part.where) for part in call.parts)
        request = MapRequest(
            layers, call.actor, call.area, style, call.form.format, call.ground, call.named, call.grounded, ICONS
        )
        async with state.map_turns:
            with in_our_words():
                rows = await read_rows(state.pool, request)
            return await asyncio.to_thread(draw_map, request, rows)

    if not state.catalog.trusted or call.is_past:
        return await state.tiles.cache.draw_uncached(draw)
    return await state.tiles.cache.get(call.cache_request(catalog, state.build), draw)


async def style_of(theme: Theme, catalog: Catalog, actor: Actor, state: State) -> Json:
    """Return a style with the layers that the actor may see."""
    district = await state.outlines.of(state.pool, catalog, actor)
    style: dict[str, Any] = build_style(catalog, actor, theme, Surroundings("", district.outline))
    return style


def tile_area(address: TileAddress, width: int, height: int) -> PixelArea:
    """Return the square of a tile with its size in pixels."""
    return replace(PixelArea.of_tile(address, width), height=height)


def _reach(area: PixelArea) -> BBox:
    """Return the ground of a picture with its margin, in CRS84."""
    return area.wider(MARGIN_PIXELS).box
