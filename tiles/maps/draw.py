"""Maps of layers as images, in the styles of the map, for clients that cannot draw vector tiles.

The features are read by the statements of the vector tiles, so that no pixel shows a row or field hidden from the
reader. An image is bounded in features, bytes, pixels and time.
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
from tiles.maps.encode import bands_of, encode_image
from tiles.maps.rasterize import rasterize
from tiles.maps.shapes import Shape, StyleSource, read_shapes, shapes_of
from tiles.maps.svg import SvgMap, svg
from tiles.raster.reading import PixelArea
from tiles.raster.style import Format, Rgb
from tiles.sheet import MapSheet
from tiles.vector import Drawing

MARGIN_PIXELS = 48  # drawn beyond the edge, for discs and lines that reach over it
FEATURES_MAX = 10_000  # of one layer on one map; the largest, or an even sample of points

type MapRows = Mapping[StyleSource, Sequence[asyncpg.Record]]


@dataclass(frozen=True, slots=True)
class MapRequest:
    """A request for a map.

    Attributes
    ----------
    layers
        Layers with the condition on their rows, in any order: the style decides which lies above.
    style
        The document of the theme for this reader (MapLibre style specification 8).
    named
        Whether the request names the layers; named layers are drawn at every zoom.
    grounded
        Whether the style's own ground and frame are drawn; otherwise the map is transparent between features.
    """

    layers: tuple[tuple[Layer, Clause], ...]
    actor: Actor
    area: PixelArea
    style: Json
    form: Format
    ground: Rgb | None = None
    named: bool = True
    grounded: bool = False
    icons: tuple[Path, ...] = field(default=())

    @property
    def sheet(self) -> MapSheet:
        """The area with its margin."""
        return MapSheet(self.area.wider(MARGIN_PIXELS))


async def read_rows(pool: asyncpg.Pool, request: MapRequest) -> MapRows:
    """Read the features of a map."""
    rows: dict[StyleSource, list[asyncpg.Record]] = {}
    for layer, where in request.layers:
        drawing = Drawing(layer, request.actor, request.sheet, FEATURES_MAX, where or EMPTY)
        rows |= await read_shapes(pool, drawing)
    return rows


def draw_map(request: MapRequest, rows: MapRows) -> bytes:
    """Draw a map; blocks for tenths of a second, so call it in a thread.

    Raises
    ------
    TooMuch
        When it takes too long.
    Unavailable
        When the renderer fails.
    """
    sheet = request.sheet
    shapes = {source: shapes_of(records, sheet) for source, records in rows.items()}
    own = {layer.id for layer, _ in request.layers}
    shown = [one for one in request.style["layers"] if one.get("source") in own or request.grounded]
    document = SvgMap(
        layers=[one for one in shown if one["type"] != "raster"],
        shapes=shapes | (_frame_shapes(request.style, sheet) if request.grounded else {}),
        width=request.area.width,
        height=request.area.height,
        margin=MARGIN_PIXELS,
        zoom=MapSheet(request.area).zoom,
        named=request.named,
        icons=request.icons,
    )
    png = rasterize(svg(document))
    if request.form == "png" and request.ground is None:
        return png
    return encode_image(bands_of(png), request.form, request.area, request.ground)


def _frame_shapes(style: Json, sheet: MapSheet) -> dict[StyleSource, list[Shape]]:
    """Return the district and the area outside it; the style holds them as GeoJSON in degrees."""
    data: Any = style["sources"]["district"]["data"]
    if "coordinates" not in data:
        return {}
    projection = transformer(STORED_SRID, sheet.area.srid)
    west, south, east, north = sheet.area.bounds
    scale = np.array([sheet.area.width / (east - west), sheet.area.height / (south - north)])

    def to_pixels(degrees: Any) -> Any:
        return (np.column_stack(projection.transform(*degrees.T)) - [west, north]) * scale

    district = shapely.make_valid(shapely.transform(shape(data), to_pixels))
    outside = box(0, 0, sheet.area.width, sheet.area.height).difference(district)
    areas = {("district", ""): district, ("outside", ""): outside}
    return {source: [Shape("Polygon", geometry, {})] for source, geometry in areas.items()}
