"""The part of all changes that a subscriber asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import shapely
from shapely import Polygon

from layers.read.rights import lies_in_areas
from layers.tiers import AREA_DIGITS
from layers.types import BBox
from twin.live.budget import area_units
from twin.live.condition import ChangeFilter
from twin.log.change import Change


def area_codes(change: Mapping[str, Any]) -> tuple[str, str]:
    """Return the area code and the grid code of a change; empty where it has none."""
    grid = change.get("grid_code") or ""
    return change.get("area_code") or grid[:AREA_DIGITS], grid


def lies_in(change: Mapping[str, Any], prefixes: Iterable[str]) -> bool:
    """Return whether a change is in an area; long prefixes are compared with its grid, short ones with its area."""
    return lies_in_areas(prefixes, *area_codes(change))


@dataclass(frozen=True, slots=True)
class Interest:
    """What a subscriber asks for; empty means no restriction. Equal interests receive the same bytes.

    Attributes
    ----------
    layers
        Collection ids.
    areas
        Prefixes of grid or area codes.
    bbox_crs84
        West, south, east, north in degrees, edges included; a change without a place does not match.
    outline
        The true shape of a box in a projected or shifted system, within `bbox_crs84`; None for a box in degrees.
    condition
        A CQL2 filter, compiled for these layers.
    """

    layers: frozenset[str] = frozenset()
    areas: tuple[str, ...] = ()
    bbox_crs84: BBox | None = None
    condition: ChangeFilter | None = None
    outline: Polygon | None = None

    @property
    def units(self) -> int:
        """The cost for one change (`twin.live.budget`)."""
        return area_units(self.areas) + (self.outline is not None) + (self.condition.units if self.condition else 0)

    def has_layer(self, layer_id: str) -> bool:
        """Return whether changes of a layer are asked for."""
        return not self.layers or layer_id in self.layers

    def wants(self, change: Change, row_of: Callable[[Change], Mapping[str, Any]]) -> bool:
        """Return whether a change is asked for; `row_of` returns the properties that a filter may read."""
        if not self.has_layer(change["layer"]):
            return False
        if self.areas and not lies_in(change, self.areas):
            return False
        if self.bbox_crs84 is None and self.condition is None:
            return True
        row = row_of(change)
        if self.bbox_crs84 is not None and not _within(row, self.bbox_crs84, self.outline):
            return False
        return self.condition is None or self.condition.holds(change["layer"], row)


def _within(row: Mapping[str, Any], bbox: BBox, outline: Polygon | None) -> bool:
    lon, lat = row.get("lon"), row.get("lat")
    west, south, east, north = bbox
    if lon is None or lat is None or not (west <= lon <= east and south <= lat <= north):
        return False
    return outline is None or bool(shapely.intersects_xy(outline, lon, lat))
