"""The metric frame of a district, and the gentle warp that bends its roads."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from layers.types import Points

_DECIMALS = 7  # of a degree: one centimetre


class MetricFrame:
    """Metres east and north on the CGCS2000 three-degree zone that holds a longitude.

    Parameters
    ----------
    longitude_deg
        Any longitude of the district; 112.5 to 115.5 gives EPSG:4547.
    """

    def __init__(self, longitude_deg: float) -> None:
        self.epsg = 4534 + round((longitude_deg - 75) / 3)

    @cached_property
    def _projector(self) -> pyproj.Transformer:
        return pyproj.Transformer.from_crs(4490, self.epsg, always_xy=True)

    def metres(self, lonlat: Points) -> Points:
        """Return eastings and northings of longitudes and latitudes in CGCS2000."""
        return np.column_stack(self._projector.transform(*np.asarray(lonlat, dtype=float).reshape(-1, 2).T))

    def degrees(self, geometries: NDArray[np.object_]) -> NDArray[np.object_]:
        """Return geometries in metres as geometries in degrees, rounded so that shared vertices stay shared."""
        return shapely.transform(geometries, self._to_degrees)  # type: ignore[no-any-return]  # an array in, an array out

    def _to_degrees(self, points: Points) -> Points:
        return np.round(
            np.column_stack(self._projector.transform(points[:, 0], points[:, 1], direction="INVERSE")), _DECIMALS
        )


_WAVES = (  # amplitude and wavelength in metres: bends of a valley, of a main road, of a street
    (230, 7400, 0.3),
    (110, 3900, 1.9),
    (34, 1700, 4.2),
    (9, 640, 0.8),
)


class Warp:
    """A smooth one-to-one map between a straight plan (u, v) and the ground (x, y), both in metres.

    Cuts are straight in the plan and bent on the ground, neighbouring cuts alike.

    Parameters
    ----------
    origin
        A point in the middle of the district, easting and northing.
    """

    def __init__(self, origin: tuple[float, float]) -> None:
        self._origin: Points = np.array(origin, dtype=float)

    def to_ground(self, plan: Points) -> Points:
        """Return points of the plan on the ground."""
        return plan + self._origin + self._shift(plan)

    def to_plan(self, ground: Points) -> Points:
        """Return points of the ground in the plan, by fixed-point iteration, as the warp is a contraction."""
        target = ground - self._origin
        plan = target.copy()
        for _ in range(30):
            plan = target - self._shift(plan)
        return plan

    @staticmethod
    def _shift(plan: Points) -> Points:
        u, v = plan.T
        east, north = np.zeros_like(u), np.zeros_like(v)
        for amplitude, wavelength, phase in _WAVES:
            k = 2 * np.pi / wavelength
            east += amplitude * np.sin(k * (v + 0.35 * u) + phase)
            north += amplitude * 0.8 * np.sin(k * (u - 0.28 * v) + 2.1 * phase)
        return np.column_stack([east, north])
