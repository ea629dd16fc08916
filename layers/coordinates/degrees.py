"""The limits of longitude and latitude, the rounding noise at them, and the length of a degree."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

LON_MAX, LAT_MAX = 180.0, 90.0
METRES_PER_DEGREE = 111_320.0  # of longitude at the equator; of latitude anywhere within one per cent
NOISE_DEG = 1e-9  # a tenth of a millimetre: more than the error of float sums, less than any measurement
_MAX = np.array([LON_MAX, LAT_MAX])


def settled(lonlat: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return coordinates with those beyond a limit by noise alone, such as 180.00000000000006, moved onto the limit.

    Parameters
    ----------
    lonlat
        Coordinates `[n, 2]` or `[n, 4]` (two corners) in degrees, longitude first.
    """
    limits = np.tile(_MAX, lonlat.shape[-1] // 2)
    noisy = (np.abs(lonlat) > limits) & (np.abs(lonlat) <= limits + NOISE_DEG)
    return np.where(noisy, np.copysign(limits, lonlat), lonlat) if noisy.any() else lonlat


def settled_one(degrees: float, limit: float) -> float:
    """Return one longitude or latitude, moved onto its limit when it exceeds it by noise alone, as `settled`."""
    return math.copysign(limit, degrees) if limit < abs(degrees) <= limit + NOISE_DEG else degrees


def are_degrees(lonlat: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Mark the rows of `settled` coordinates that are places on the earth."""
    limits = np.tile(_MAX, lonlat.shape[-1] // 2)
    inside: npt.NDArray[np.bool_] = (np.abs(lonlat) <= limits).all(axis=-1)
    return inside
