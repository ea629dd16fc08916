"""Tiles of the tests' city, drawn from its database, and the places of their features."""

from __future__ import annotations

import mapbox_vector_tile
import numpy as np
from shapely import make_valid
from shapely.affinity import translate
from shapely.geometry import box, shape
from shapely.ops import unary_union

from layers.catalog import read_catalog
from layers.clause import Clause
from tests.readers import INSIDER
from tiles.address import EXTENT, TileAddress
from tiles.cells import cell_of
from tiles.draw import draw
from tiles.vector import Drawing

MIDDLE = (113.361, 23.135)
_INSIDE = box(0, 0, EXTENT, EXTENT)


def around(zoom, reach=1):
    """Return the tiles around the middle of the city."""
    x, y = cell_of(*MIDDLE, zoom)
    return [TileAddress(zoom, x + i, y + j) for i in range(-reach, reach + 1) for j in range(-reach, reach + 1)]


async def drawn(connection, layer_id, tile, actor=INSIDER, where=None):
    """Return the features of a tile by MVT layer."""
    layer = (await read_catalog(connection))[layer_id]
    found = await draw(connection, Drawing(layer, actor, tile, 50_000, where or Clause("")))
    return mapbox_vector_tile.decode(found.content, default_options={"y_coord_down": True}) if found.content else {}


async def outlines(connection, layer_id, tiles):
    """Return each area of a layer as tiles show it, merged over their edges, in units of their zoom."""
    parts = {}
    for tile in tiles:
        for feature in (await drawn(connection, layer_id, tile)).get(layer_id, {"features": []})["features"]:
            inside = make_valid(shape(feature["geometry"])).intersection(_INSIDE)
            placed = translate(inside, tile.x * EXTENT, tile.y * EXTENT)
            parts.setdefault(feature["properties"]["id"], []).append(placed)
    return {name: unary_union(some) for name, some in parts.items()}


def in_units(places, zoom):
    """Return places (longitude and latitude, one a row) in units of a zoom, down from the north."""
    world = EXTENT << zoom
    down = (1 - np.arcsinh(np.tan(np.radians(places[:, 1]))) / np.pi) / 2
    return np.column_stack(((places[:, 0] + 180) / 360, down)) * world
