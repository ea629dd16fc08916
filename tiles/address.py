"""The address of a tile: zoom, column and row in a tile matrix set, and the units it is drawn in."""

from __future__ import annotations

import math
from dataclasses import dataclass

from layers.clause import Clause, bind, compose
from layers.schema.tables import SRID
from tiles.grids import WEB_MERCATOR, TileMatrixSet

EXTENT = 4096  # units along a tile's edge
BUFFER = 64  # units drawn beyond the edge, so that lines and outlines meet in neighbouring tiles
PIXELS = 512  # a tile's edge on the screen in MapLibre
_BENT_MAX = 0.25  # units: the error allowed in a tile that is drawn straight from degrees


@dataclass(frozen=True, slots=True)
class TileAddress:
    """Zoom, column and row of a tile; row 0 is in the north.

    Raises
    ------
    NotFound
        When there is no such tile; the message gives the valid numbers.
    """

    z: int
    x: int
    y: int
    grid: TileMatrixSet = WEB_MERCATOR

    def __post_init__(self) -> None:
        self.grid.check(self.z, self.x, self.y)

    @property
    def mercator_zoom(self) -> int:
        """The zoom at which a Web Mercator tile is about as wide, which is the zoom of layers and styles."""
        return self.z + 1 if self.grid.in_degrees else self.z

    @property
    def pixel_deg(self) -> float:
        """Width of one screen pixel in degrees of longitude."""
        return self.grid.tile_deg(self.z) / PIXELS

    def box(self, margin: float = 0.0) -> tuple[float, float, float, float]:
        """Return (west, south, east, north) of the tile in stored degrees, widened by `margin` of its width."""
        return self.grid.stored_box(self.z, self.x, self.y, margin)

    @property
    def is_straight(self) -> bool:
        """Whether degrees can replace the grid's own units: no place is off by a quarter of a drawn unit.

        Such a tile of Web Mercator is drawn from stored geometries without projection; neighbouring tiles share the
        numbers of their corners.
        """
        if self.grid.in_degrees:
            return True
        if self.z == 0:  # from pole to pole it bends both ways, so that its middle is exact
            return False
        _, south, _, north = self.box()
        bottom, middle, top = map(_mercator, (south, (south + north) / 2, north))
        return abs((middle - bottom) / (top - bottom) - 0.5) * EXTENT < _BENT_MAX

    def square(self) -> Clause:
        """Write the tile's square in the system it is drawn in, which is also that of `drawn`."""
        if not self.is_straight:
            return self.envelope()
        sides = (bind(side, "float8") for side in self.box())
        return compose(f"ST_MakeEnvelope({{}}, {{}}, {{}}, {{}}, {SRID})", *sides)

    def drawn(self, geometry: str) -> str:
        """Write an expression of stored geometries in the system the tile is drawn in."""
        return geometry if self.is_straight else self.grid.projected(geometry)

    def projected(self, geometry: str) -> str:
        """Write an expression of stored geometries in the grid's system."""
        return self.grid.projected(geometry)

    def envelope(self, margin: float = 0.0) -> Clause:
        """Write the tile's square in the grid's system, widened on each side by `margin` of its width."""
        return self.grid.envelope(self.z, self.x, self.y, margin)

    def stored_envelope(self, margin: float = 0.0) -> Clause:
        """Write the same square in stored coordinates."""
        return self.grid.stored_envelope(self.z, self.x, self.y, margin)


def _mercator(latitude: float) -> float:
    return math.asinh(math.tan(math.radians(latitude)))
