"""Metres for the join: the projected plane of the district, and its scale.

Distances in the plane (`layers/coordinates/district_crs.py`) are divided by its scale, which makes them geodesic to a
millionth: 300 m are the 300 m of `geography`, and of every other response of this server.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layers.coordinates.district_crs import to_metres
from layers.types import Points, Positions

type Lengths = npt.NDArray[np.float64]

_FAR_M = 1e8
_CENTRAL_M = 500_000  # easting of the central meridian
_EARTH_RADIUS_M = 6_367_000  # mean radius of curvature at 23° N; a hundred kilometres more change nothing


@dataclass(frozen=True, slots=True)
class MetrePoints:
    """Points in the projected plane.

    Attributes
    ----------
    xy_m
        `[n, 2]` metres east and north; points outside of the plane are put far from all others.
    scale
        `[n]` length in the plane over length on the ground.
    """

    xy_m: Points
    scale: Lengths

    @classmethod
    def of(cls, lonlat: Points) -> MetrePoints:
        """Return points `[n, 2]` in CGCS2000 degrees, projected."""
        xy_m = to_metres(lonlat)
        xy_m[~(np.abs(xy_m) < _FAR_M).all(axis=1)] = _FAR_M
        return cls(xy_m, cls.scale_at(xy_m))

    @staticmethod
    def scale_at(xy_m: Points) -> Lengths:
        """Return length in the plane over length on the ground, `[n]`, at places of the plane `[n, 2]`."""
        offset = np.clip((xy_m[:, 0] - _CENTRAL_M) / _EARTH_RADIUS_M, -1, 1)
        return np.asarray(1 + offset**2 / 2 + offset**4 / 24, dtype=np.float64)

    def __len__(self) -> int:
        return len(self.xy_m)

    def take(self, rows: Positions) -> MetrePoints:
        """Return the points of these rows."""
        return MetrePoints(self.xy_m[rows], self.scale[rows])

    def reach_m(self, distance_m: float) -> float:
        """Return the length in the plane that covers a distance on the ground at every point."""
        here = self.xy_m[:, 0] < _FAR_M
        return float(distance_m * self.scale.max(initial=1.0, where=here) * (1 + 1e-6))


def ranked(distance_m: Lengths, candidate: Positions) -> Positions:
    """Return numbers that sort by millimetres of distance, then by the candidate's position."""
    return (np.rint(distance_m * 1000).astype(np.int64) << 32) | candidate


def candidate_of(rank: Positions) -> Positions:
    """Return the candidate of a `ranked` number."""
    return rank & 0xFFFF_FFFF
