"""The extent of several layers together."""

from __future__ import annotations

from collections.abc import Iterable

from layers.catalog import Layer
from layers.types import BBox

MERCATOR_WORLD: BBox = (-180.0, -85.0511, 180.0, 85.0511)
"""The square of Web Mercator in degrees: the extent of tilesets whose layers are empty."""


def extent_of(layers: Iterable[Layer]) -> BBox | None:
    """Return the extent of layers in CRS84; None when all are empty."""
    extents = [layer.extent_crs84 for layer in layers if layer.extent_crs84]
    if not extents:
        return None
    west, south, east, north = zip(*extents, strict=True)
    return min(west), min(south), max(east), max(north)
