"""A plane over one district: metres east and north of a point, lengths exact to a thousandth."""

from __future__ import annotations

from math import cos, radians

import numpy as np
import numpy.typing as npt

from layers.coordinates.degrees import METRES_PER_DEGREE

type Floats = npt.NDArray[np.float64]

_DEGREE_NORTH_M = 110_740.0  # of latitude, at 23° N
DECIMALS = 6  # of a degree: 0.1 m, as terminals send


class Plane:
    """Metres about a point.

    Parameters
    ----------
    lon, lat
        CRS84 degrees of the origin.
    """

    def __init__(self, lon: float, lat: float) -> None:
        self._origin = np.array([lon, lat])
        self._degree_m = np.array([METRES_PER_DEGREE * cos(radians(lat)), _DEGREE_NORTH_M])

    def metres(self, lonlat: npt.ArrayLike) -> Floats:
        """Return degrees, shape (n, 2), as metres of the same shape."""
        flat: Floats = (np.asarray(lonlat, dtype=float).reshape(-1, 2) - self._origin) * self._degree_m
        return flat

    def degrees(self, x_m: float, y_m: float) -> tuple[float, float]:
        """Return metres as longitude and latitude, rounded to 0.1 m."""
        lon = self._origin[0] + x_m / self._degree_m[0]
        lat = self._origin[1] + y_m / self._degree_m[1]
        return round(float(lon), DECIMALS), round(float(lat), DECIMALS)
