"""Maps of layers as pictures, for clients that draw no vector tiles: the styles of the map, drawn here.

What is drawn is read by the statements of the vector tiles, so that rows and fields that are hidden from the reader
are in no pixel; a picture is bounded in features, bytes, pixels and time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
import shapely
from shapely.geometry import box, shape

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause
from layers.coordinates.crs import STORED_SRID, transformer
from layers.types import Json
from tiles.maps.encode import Colour, bands_of, encoded
from tiles.maps.rasterize import rendered
from tiles.maps.shapes import Key, Shape, read_shapes, shapes_of
from tiles.maps.svg import SvgMap, svg
from tiles.raster.reading import PixelArea
from tiles.raster.style import Format
from tiles.sheet import MapSheet
from tiles.vector import Drawing

MARGIN_PIXELS = 48  # seen by discs and lines that reach over the edge
FEATURES_MAX = 10_000  # of one layer on one map; the largest, or an even sample of points

type Rows = Mapping[Key, Sequence[asyncpg.Record]]


@dataclass(frozen=True, slots=True)
class MapRequest:
    """A map that is asked for.

    Attributes
    ----------
    layers
        With what is wanted of their rows, in any order: the style says which lies above.
    style
        The document of the theme for this reader (MapLibre style specification 8).
    asked
        Whether the layers were named, and so are seen from any height.
    grounded
        Whether the style's own ground and frame are drawn; else there is nothing where no feature is.
    """

    layers: tuple[tuple[Layer, Clause], ...]
    actor: Actor
    area: PixelArea
    style: Json
    form: Format
    ground: Colour | None = None
    asked: bool = True
    grounded: bool = False
    icons: tuple[Path, ...] = field(default=())

    @property
    def sheet(self) -> MapSheet:
        """The area with its margin."""
        return MapSheet(self.area.wider(MARGIN_PIXELS))


async def read_rows(pool: asyncpg.Pool, wish: MapRequest) -> Rows:
    """Read the features of a map."""
    found: dict[Key, list[asyncpg.Record]] = {}
    for layer, where in wish.layers:
        drawing = Drawing(layer, wish.actor, wish.sheet, FEATURES_MAX, where or EMPTY)
        found |= await read_shapes(pool, drawing)
    return found


def drawn_map(wish: MapRequest, rows: Rows) -> bytes:
    """Draw a map; for a thread.

    Raises
    ------
    TooMuch
        When it takes too long.
    """
    sheet = wish.sheet
    shapes = {key: shapes_of(found, sheet) for key, found in rows.items()}
    own = {layer.id for layer, _ in wish.layers}
    shown = [one for one in wish.style["layers"] if one.get("source") in own or wish.grounded]
    picture = SvgMap(
        layers=[one for one in shown if one["type"] != "raster"],
        shapes=shapes | (_around(wish.style, sheet) if wish.grounded else {}),
        width=wish.area.width,
        height=wish.area.height,
        margin=MARGIN_PIXELS,
        zoom=MapSheet(wish.area).zoom,
        asked=wish.asked,
        icons=wish.icons,
    )
    png = rendered(svg(picture))
    if wish.form == "png" and wish.ground is None:
        return png
    return encoded(bands_of(png), wish.form, wish.area, wish.ground)


def _around(style: Json, sheet: MapSheet) -> dict[Key, list[Shape]]:
    """Return the district and what is outside of it; the style holds them as GeoJSON in degrees."""
    data: Any = style["sources"]["district"]["data"]
    if "coordinates" not in data:
        return {}
    way = transformer(STORED_SRID, sheet.area.srid)
    west, south, east, north = sheet.area.bounds
    scale = np.array([sheet.area.width / (east - west), sheet.area.height / (south - north)])

    def placed(degrees: Any) -> Any:
        return (np.column_stack(way.transform(*degrees.T)) - [west, north]) * scale

    district = shapely.make_valid(shapely.transform(shape(data), placed))
    outside = box(0, 0, sheet.area.width, sheet.area.height).difference(district)
    found = {("district", ""): district, ("outside", ""): outside}
    return {key: [Shape("Polygon", geometry, {})] for key, geometry in found.items()}
