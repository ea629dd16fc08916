"""The terrain as smooth fields: density of people, heights of houses and of the ground, hills and river."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.district.frame import MetricFrame, Warp
from layers.demo.district.outline import DistrictOutline
from layers.demo.district.plan import DistrictPlan
from layers.types import Points

type _Field = NDArray[np.float64]  # shape (n,), a value at each point

_STREET_SPREAD_M = 950


class Terrain:
    """The ground of one district, in metres.

    Parameters
    ----------
    outline
        The border in CRS84, which differs from CGCS2000 by centimetres.
    plan
        Names and anchors.
    """

    def __init__(self, outline: DistrictOutline, plan: DistrictPlan) -> None:
        self.plan = plan
        self.frame = MetricFrame(outline.polygon.centroid.x)
        ring = shapely.segmentize(shapely.LineString(outline.polygon.exterior.coords), 0.0006)
        self.polygon = shapely.Polygon(self.frame.metres(shapely.get_coordinates(ring)))
        self.warp = Warp(self.polygon.centroid.coords[0])
        self.size_m = float(np.sqrt(self.polygon.area))

    @cached_property
    def river_axis(self) -> shapely.LineString:
        """The lower border from its south-west to its south-east corner, which is the middle of the river."""
        ring = np.array(self.polygon.exterior.coords)[:-1]
        west, east = int(np.argmin(ring.sum(axis=1))), int(np.argmax(ring[:, 0] - ring[:, 1]))
        ring = np.roll(ring, -west, axis=0)
        there = (east - west) % len(ring)
        ways = [ring[: there + 1], np.vstack([ring[there:], ring[:1]])[::-1]]
        return shapely.LineString(min(ways, key=lambda way: way[:, 1].mean()))

    @cached_property
    def river(self) -> shapely.Polygon:
        """The half of the river that belongs to the district."""
        band = shapely.simplify(self.river_axis, 40).buffer(self.plan.river.width_m, quad_segs=4)
        return max(shapely.get_parts(band.intersection(self.polygon)), key=lambda part: part.area)

    def at(self, lonlat: tuple[float, float]) -> Points:
        """Return easting and northing of a point of the plan."""
        return self.frame.metres(np.array([lonlat])).reshape(2)

    def hill(self, points: Points) -> _Field:
        """Return how hilly each place is, from 0 in the plain to 1 in the forest."""
        total = np.zeros(len(points))
        for hill in self.plan.hills:
            total += 1.35 * self._bump(points, hill.at, hill.radius_m * 0.75)
        return np.clip(total, 0, 1)

    def density(self, points: Points) -> _Field:
        """Return the relative density of people at each place; 1 is an ordinary quarter."""
        mean = np.mean([s.residents for s in self.plan.streets])
        total = np.full(len(points), 0.16)
        for street in self.plan.streets:
            total += 0.55 * street.residents / mean * self._bump(points, street.at, _STREET_SPREAD_M)
        for centre in self.plan.centres:
            total += centre.height_m / 260 * self._bump(points, centre.at, centre.radius_m)
        wet = shapely.contains_xy(self.river, points)
        return np.where(wet, 0.03, total * (1 - 0.94 * self.hill(points)))

    def height_m(self, points: Points) -> _Field:
        """Return the typical height of new houses at each place."""
        total = np.full(len(points), 19.0)
        for centre in self.plan.centres:
            total += centre.height_m * self._bump(points, centre.at, centre.radius_m)
        return total * (1 - 0.55 * self.hill(points))

    def elevation_m(self, points: Points) -> _Field:
        """Return the ground level above the 1985 datum: 7 m in the river's plain, rising smoothly to the hills."""
        away = shapely.distance(shapely.points(points), self.river_axis)
        return 6.8 + away / 900 + 120 * self.hill(points) ** 2  # type: ignore[no-any-return]

    def _bump(self, points: Points, at: tuple[float, float], radius_m: float) -> _Field:
        away = points - self.at(at)
        return np.exp(-(away**2).sum(axis=1) / (2 * radius_m**2))
