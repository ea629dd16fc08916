"""Which tile: zoom, column and row in a tile matrix set, and the units it is drawn in."""

from __future__ import annotations

from dataclasses import dataclass

from layers.clause import Clause
from tiles.grids import WEB_MERCATOR, TileMatrixSet

EXTENT = 4096  # units along a tile's edge
BUFFER = 64  # units drawn beyond the edge, so that lines and outlines meet their neighbours
PIXELS = 512  # a tile's edge on the screen, as MapLibre draws it


@dataclass(frozen=True, slots=True)
class TileAddress:
    """Zoom, column and row of a tile; row 0 is in the north.

    Raises
    ------
    NotFound
        When there is no such tile; the message says which numbers there are.
    """

    z: int
    x: int
    y: int
    grid: TileMatrixSet = WEB_MERCATOR

    def __post_init__(self) -> None:
        self.grid.check(self.z, self.x, self.y)

    @property
    def mercator_zoom(self) -> int:
        """The zoom at which a tile of Web Mercator is about as wide: what layers and styles mean by zoom."""
        return self.z + 1 if self.grid.in_degrees else self.z

    @property
    def pixel_deg(self) -> float:
        """Width of one screen pixel in degrees of longitude."""
        return self.grid.tile_deg(self.z) / PIXELS

    def box(self, margin: float = 0.0) -> tuple[float, float, float, float]:
        """Return (west, south, east, north) of the tile in stored degrees, widened by `margin` of its width."""
        return self.grid.stored_box(self.z, self.x, self.y, margin)

    def envelope(self, margin: float = 0.0) -> Clause:
        """Write the tile's square in the grid's system, widened on each side by `margin` of its width."""
        return self.grid.envelope(self.z, self.x, self.y, margin)

    def stored_envelope(self, margin: float = 0.0) -> Clause:
        """Write the same square in stored coordinates."""
        return self.grid.stored_envelope(self.z, self.x, self.y, margin)
