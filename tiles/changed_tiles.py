"""The tiles that a change touches, as ranges at one zoom, which determine the tiles at every other zoom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from layers.types import BBox
from tiles.address import TileAddress
from tiles.cells import cell_of
from tiles.grids import TileMatrixSet

RANGES_MAX = 32
MARGIN = 1 / 8  # of a tile's side: a feature so near beyond its edge may show in it
_DEEPEST = 15

type TileRange = tuple[int, int, int, int]  # first column, first row, last column, last row


@dataclass(frozen=True, slots=True)
class ChangedTiles:
    """Tiles of one zoom of a tile matrix set, as ranges of columns and rows that may overlap."""

    zoom: int
    ranges: tuple[TileRange, ...]

    def holds(self, tile: TileAddress) -> bool:
        """Whether a tile of any zoom shows the change: its square, widened by `MARGIN` of its side, meets a range."""
        scale = 2.0 ** (self.zoom - tile.z)
        west, north = (tile.x - MARGIN) * scale, (tile.y - MARGIN) * scale
        side = (1 + 2 * MARGIN) * scale
        return any(
            west <= last_x + 1 and first_x <= west + side and north <= last_y + 1 and first_y <= north + side
            for first_x, first_y, last_x, last_y in self.ranges
        )


def changed_tiles(boxes: Sequence[BBox], grid: TileMatrixSet) -> ChangedTiles:
    """Return the tiles of boxes in stored degrees, at the deepest zoom with at most `RANGES_MAX` ranges."""
    for zoom in range(_DEEPEST, 0, -1):
        ranges = {_range(box, grid, zoom) for box in boxes}
        if len(ranges) <= RANGES_MAX:
            return ChangedTiles(zoom, tuple(sorted(ranges)))
    return ChangedTiles(0, tuple(sorted({_range(box, grid, 0) for box in boxes})))


def _range(box: BBox, grid: TileMatrixSet, zoom: int) -> TileRange:
    west, south, east, north = box
    return *_column_and_row(west, north, grid, zoom), *_column_and_row(east, south, grid, zoom)


def _column_and_row(lon: float, lat: float, grid: TileMatrixSet, zoom: int) -> tuple[int, int]:
    if not grid.in_degrees:
        return cell_of(lon, lat, zoom)
    side = grid.tile_deg(zoom)
    column, row = math.floor((lon - grid.west) / side), math.floor((grid.north - lat) / side)
    return min(max(column, 0), (grid.columns << zoom) - 1), min(max(row, 0), (grid.rows << zoom) - 1)
