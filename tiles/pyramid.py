"""All tiles that meet a box, zoom by zoom."""

from __future__ import annotations

from collections.abc import Iterator

from layers.types import BBox
from tiles.address import TileAddress
from tiles.cells import cell_of


def tiles_over(box_crs84: BBox, zooms: range) -> Iterator[TileAddress]:
    """Yield the tiles of Web Mercator that meet a box (west, south, east, north), the lowest zoom first."""
    for zoom in zooms:
        columns, rows = _spans(box_crs84, zoom)
        for x in columns:
            for y in rows:
                yield TileAddress(zoom, x, y)


def count_over(box_crs84: BBox, zooms: range) -> int:
    """Return the number of tiles that meet a box."""
    return sum(len(columns) * len(rows) for columns, rows in (_spans(box_crs84, zoom) for zoom in zooms))


def _spans(box: BBox, zoom: int) -> tuple[range, range]:
    west, south, east, north = box
    (first_x, first_y), (last_x, last_y) = cell_of(west, north, zoom), cell_of(east, south, zoom)
    return range(first_x, last_x + 1), range(first_y, last_y + 1)
