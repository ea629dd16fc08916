"""A rectangle inside an area: a feature whose box lies in it lies in the area, and needs no exact test."""

from __future__ import annotations

from collections.abc import Callable

import shapely
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from layers.types import BBox

_HALVINGS = 5  # to a thirtieth of its size: more precision would cost more than it saves


def inscribed(area: BaseGeometry) -> BBox | None:
    """Return a large rectangle ``(west, south, east, north)`` inside an area, in its units.

    It is not the largest: it begins about the middle of the largest part, with its proportions, and each side is then
    moved outwards. `None` for a geometry without an area, and where none was found.
    """
    if not isinstance(area, Polygon | MultiPolygon) or area.is_empty:
        return None
    part = max(area.geoms, key=lambda each: each.area) if isinstance(area, MultiPolygon) else area
    shapely.prepare(part)
    centre = part.centroid
    middle = centre if shapely.contains(part, centre) else part.representative_point()
    found = _grown(part, (middle.x, middle.y, middle.x, middle.y), (0, 1, 2, 3))
    for side in range(4):
        found = _grown(part, found, (side,))
    return found if found[0] < found[2] and found[1] < found[3] else None


def _grown(part: Polygon, box: BBox, sides: tuple[int, ...]) -> BBox:
    """Move some sides of a box towards those of the part's own box, as far as it stays inside the part."""
    limits = part.bounds

    def moved(share: float) -> BBox:
        west, south, east, north = (
            edge + share * (limit - edge) if side in sides else edge
            for side, (edge, limit) in enumerate(zip(box, limits, strict=True))
        )
        return west, south, east, north

    return moved(_largest(lambda share: bool(shapely.contains(part, shapely.box(*moved(share))))))


def _largest(holds: Callable[[float], bool]) -> float:
    """Return about the largest share, from 0 to 1, for which a condition holds that holds for all smaller ones."""
    share, step = 0.0, 0.5
    for _ in range(_HALVINGS):
        if holds(share + step):
            share += step
        step /= 2
    return share
