"""The grid, community, street and district of each of many points: `onemap.place_at` in memory and in bulk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import shapely

from layers.areas import Areas, missing
from layers.coordinates.district_crs import to_metres
from layers.tiers import AREA_DIGITS, COARSE_TIERS, GRID, is_grid_code, pad_area_code
from layers.types import Geometries, Mask, Points, Positions, Texts
from twin.join.metres import Lengths, MetrePoints, candidate_of, ranked

NEAREST_M = 30.0
_NONE = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class PointAreas:
    """The areas of `n` points.

    Attributes
    ----------
    grid
        Positions in the grids: of several that cover a point the smallest code, outside of all of them the nearest
        within 30 m, else -1.
    match
        ``inside``, ``nearest`` or ``none``.
    grid_distance_m
        0 inside, NaN where there is no grid.
    area_code
        12 digits, padded with zeros: of the community, else the street, else the district; None outside.
    """

    grid: Positions
    match: Texts
    grid_distance_m: Lengths
    area_code: Texts


@dataclass(frozen=True, slots=True)
class AreaTiers:
    """Grids, communities, streets and districts at one moment."""

    grids: Areas
    coarser: tuple[Areas, ...]
    _plane_grids: Geometries
    _plane_tree: shapely.STRtree
    _code_of_grid: Texts  # with None at the end, for the position -1 of points in no grid; so the next two
    _area_of_grid: Texts  # the first 12 digits of a grid's code; None where it is a code of another kind
    _without_area: Mask

    @classmethod
    def of(cls, areas: Mapping[str, Areas]) -> AreaTiers:
        """Return the tiers of areas by layer id."""
        grids = areas[GRID.layer_id]
        plane = shapely.transform(grids.polygons, to_metres)
        own = np.array(
            [*(code[:AREA_DIGITS] if is_grid_code(code) else None for code in grids.codes), None], dtype=object
        )
        codes = np.array([*grids.codes, None], dtype=object)
        coarser = tuple(areas[tier.layer_id] for tier in COARSE_TIERS)
        return cls(grids, coarser, plane, shapely.STRtree(plane), codes, own, missing(own))

    def place(self, lonlat: Points, metres: MetrePoints) -> PointAreas:
        """Return the areas of points `[n, 2]`, given in CGCS2000 degrees and in metres."""
        grid, area_code, outside, distance_m = self._find(lonlat, metres.take)
        distances_m = np.zeros(len(lonlat))
        distances_m[outside] = distance_m
        match = np.full(len(lonlat), "inside", dtype=object)
        match[outside] = np.where(grid[outside] >= 0, "nearest", "none")
        return PointAreas(grid, match, distances_m, area_code)

    def codes(self, lonlat: Points) -> tuple[Texts, Texts]:
        """Return the grid codes and area codes of points `[n, 2]` alone; None where there is none."""
        grid, area_code, _, _ = self._find(lonlat, lambda rows: MetrePoints.of(lonlat[rows]))
        return self._code_of_grid[grid], area_code

    def _find(
        self, lonlat: Points, metres: Callable[[Positions], MetrePoints]
    ) -> tuple[Positions, Texts, Positions, Lengths]:
        """Return grid and area code of each point, the points in no grid, and their distances to the nearest grid."""
        grid = self.grids.first(lonlat)
        area_code = self._area_of_grid[grid]
        unknown = np.flatnonzero(self._without_area[grid])
        area_code[unknown] = self._area_around(lonlat[unknown])
        outside = np.flatnonzero(grid < 0)
        grid[outside], distance_m = self._nearest(metres(outside))
        lost = outside[grid[outside] >= 0]
        lost = lost[missing(area_code[lost])]
        area_code[lost] = [code[:AREA_DIGITS] for code in self.grids.codes[grid[lost]]]
        return grid, area_code, outside, distance_m

    def _area_around(self, lonlat: Points) -> Texts:
        found = np.full(len(lonlat), None, dtype=object)
        for areas in self.coarser:
            rest = np.flatnonzero(missing(found))
            area = areas.first(lonlat[rest])
            hit = area >= 0
            found[rest[hit]] = [pad_area_code(code[:AREA_DIGITS]) for code in areas.codes[area[hit]]]
        return found

    def _nearest(self, points: MetrePoints) -> tuple[Positions, Lengths]:
        """Return the nearest grid within 30 m, by millimetres and then by the smallest code, and its distance."""
        places = shapely.points(points.xy_m)
        point, grid = self._plane_tree.query(places, predicate="dwithin", distance=points.reach_m(NEAREST_M))
        distance_m = shapely.distance(places[point], self._plane_grids[grid]) / points.scale[point]
        near = distance_m <= NEAREST_M
        best = np.full(len(points), _NONE)
        np.minimum.at(best, point[near], ranked(distance_m[near], grid[near]))
        none = best == _NONE
        return np.where(none, -1, candidate_of(best)), np.where(none, np.nan, (best >> 32) / 1000)
