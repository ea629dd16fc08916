"""A rectangle of a map in the role of a tile: features are selected, clipped and measured for it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from layers.clause import Clause, bind, compose
from layers.schema.tables import SRID
from tiles.address import EXTENT, PIXELS
from tiles.raster.reading import PixelArea

_DEGREES = (4326, 4490)  # CRS84 is taken as the stored system
_ZOOM_MAX = 22


@dataclass(frozen=True, slots=True)
class MapSheet:
    """An area in the role of a tile (`tiles.address.TileAddress`).

    It has `EXTENT` units along each side, whatever its proportions; `tiles.geometry` clips at its edge.
    """

    area: PixelArea

    is_straight = False  # places are projected before they are clipped

    @property
    def zoom(self) -> float:
        """The zoom of MapLibre with pixels of this width; its world is 512 pixels wide at zoom 0."""
        return math.log2(360 / (PIXELS * self.pixel_deg))

    @property
    def mercator_zoom(self) -> int:
        """The zoom in the sense of layers: that of the tile that would be drawn here."""
        return max(0, min(_ZOOM_MAX, math.floor(self.zoom + 1e-6)))

    @property
    def pixel_deg(self) -> float:
        """Width of a pixel in degrees of longitude."""
        west, _, east, _ = self.area.box
        return (east - west) / self.area.width

    def box(self, margin: float = 0.0) -> tuple[float, float, float, float]:
        """Return west, south, east, north in stored degrees, widened by `margin` of the width."""
        west, south, east, north = self.area.box
        wider = margin * (east - west)
        return west - wider, south - wider, east + wider, north + wider

    def square(self) -> Clause:
        """Write the rectangle in the system it is drawn in."""
        sides = (bind(float(side), "float8") for side in self.area.bounds)
        return compose(f"ST_MakeEnvelope({{}}, {{}}, {{}}, {{}}, {self._srid})", *sides)

    def envelope(self, _margin: float = 0.0) -> Clause:
        """Write the same rectangle."""
        return self.square()

    def drawn(self, geometry: str) -> str:
        """Write an expression of stored geometries in the system of the map."""
        return geometry if self._srid == SRID else f"ST_Transform({geometry}, {self._srid})"

    projected = drawn

    def stored_envelope(self, margin: float = 0.0) -> Clause:
        """Write the box in stored coordinates, for the index."""
        sides = (bind(float(side), "float8") for side in self.box(margin))
        return compose(f"ST_MakeEnvelope({{}}, {{}}, {{}}, {{}}, {SRID})", *sides)

    def pixels(self, units: float, *, across: bool = True) -> float:
        """Return a length in units as pixels."""
        return units * (self.area.width if across else self.area.height) / EXTENT

    @property
    def _srid(self) -> int:
        return SRID if self.area.srid in _DEGREES else self.area.srid
