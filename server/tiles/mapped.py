"""Maps of layers as pictures: the style for who asks, the cache, few drawn at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from layers.actor import Actor
from layers.catalog import Catalog
from layers.database.connection import in_our_words
from layers.types import BBox, Json
from server.page.assets import MODULES
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

ICONS = (MODULES / "@mapbox" / "maki" / "icons", MODULES / "@rapideditor" / "temaki" / "icons")
DISTRICTS = "districts"  # whose outline frames the map


@dataclass(frozen=True, slots=True)
class MapCall:
    """A checked request for a picture of layers.

    Attributes
    ----------
    parts
        Layers as of the moment asked for, with what is wanted of their rows.
    asked
        Whether they were named; else they are what the style shows at this scale.
    grounded
        Whether the style's ground and frame lie below and around them.
    text
        All other parameters, as a part of the cache's key.
    durable
        Whether it is worth keeping on disk: a tile of a pyramid is, one of many rectangles is not.
    """

    parts: tuple[Part, ...]
    actor: Actor
    area: PixelArea
    theme: Theme
    form: MapForm
    ground: Rgb | None
    asked: bool
    grounded: bool
    text: str
    durable: bool

    @property
    def is_past(self) -> bool:
        """Whether it is asked for as of a moment."""
        return any(part.layer.moment is not None for part in self.parts)

    def wanted(self, catalog: Catalog, build: str) -> TileRequest:
        """Return what the cache is asked for: as of a vector tile of the same layers, with the look in its key."""
        tile = TileCall(self.parts, self.actor, TileAddress(0, 0, 0), _reach(self.area), self.text).wanted(build)
        frame = catalog.get(DISTRICTS) if self.grounded else None
        around = [frame] if frame and all(frame.id != layer.id for layer in tile.layers) else []
        area = self.area
        look = f"map|{self.theme.id}|{self.form.f}|{self.ground}|{self.asked}{self.grounded}|{area.srid}|{area.bounds}"
        key = f"{look}|{area.width}x{area.height}|{tile.key}"
        durable = tile.durable and self.durable and not any(part.where for part in self.parts)
        return replace(tile, key=key, layers=(*tile.layers, *around), durable=durable, packed=False)


async def map_picture(call: MapCall, state: State) -> Tile:
    """Return a picture, drawn when nobody has drawn it before.

    Raises
    ------
    TooMuch
        When it takes too long to draw.
    """
    catalog = state.catalog.current

    async def draw() -> bytes:
        style = await style_of(call.theme, catalog, call.actor, state)
        layers = tuple((part.layer, part.where) for part in call.parts)
        wish = MapRequest(
            layers, call.actor, call.area, style, call.form.format, call.ground, call.asked, call.grounded, ICONS
        )
        async with state.map_turns:
            with in_our_words():
                rows = await read_rows(state.pool, wish)
            return await asyncio.to_thread(draw_map, wish, rows)

    if not state.catalog.trusted or call.is_past:
        return await state.tiles.cache.draw_uncached(draw)
    return await state.tiles.cache.get(call.wanted(catalog, state.build), draw)


async def style_of(theme: Theme, catalog: Catalog, actor: Actor, state: State) -> Json:
    """Return a style with what this reader may see."""
    district = await state.outlines.of(state.pool, catalog, actor)
    style: dict[str, Any] = build_style(catalog, actor, theme, Surroundings("", district.outline))
    return style


def tile_area(address: TileAddress, width: int, height: int) -> PixelArea:
    """Return the square of a tile as so many pixels."""
    return replace(PixelArea.of_tile(address, width), height=height)


def _reach(area: PixelArea) -> BBox:
    """Return what is seen of the ground in a picture, with its margin."""
    return area.wider(MARGIN_PIXELS).box
