"""Relief computed of heights: hillshade, slope, and the terrain-RGB encoding of 3-D maps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

type Heights = npt.NDArray[np.float64]

_TERRAIN_STEP_M = 0.1
_TERRAIN_BASE_M = -10_000.0


def gradient(heights_m: Heights, pixel_m: float, pixel_north_m: float | None = None) -> tuple[Heights, Heights]:
    """Return the rise to the east and to the north in metres per metre, by Horn's method of eight neighbours.

    Parameters
    ----------
    heights_m
        Rows from north to south; the outermost pixels serve to compute the others and are not in the result.
    pixel_m, pixel_north_m
        Width and height of a pixel on the ground; a height of None is as the width.

    Notes
    -----
    B. K. P. Horn, Hill shading and the reflectance map, Proc. IEEE 69 (1981).
    """
    z = heights_m
    west, east = z[:-2, :-2] + 2 * z[1:-1, :-2] + z[2:, :-2], z[:-2, 2:] + 2 * z[1:-1, 2:] + z[2:, 2:]
    north, south = z[:-2, :-2] + 2 * z[:-2, 1:-1] + z[:-2, 2:], z[2:, :-2] + 2 * z[2:, 1:-1] + z[2:, 2:]
    return (east - west) / (8 * pixel_m), (north - south) / (8 * (pixel_north_m or pixel_m))


def hillshade(
    heights_m: Heights,
    pixel_m: float,
    azimuth_deg: float = 315.0,
    altitude_deg: float = 45.0,
    pixel_north_m: float | None = None,
) -> Heights:
    """Return the illumination of each pixel, 0 to 255; the light comes from `azimuth_deg` (clockwise from north).

    The result is one pixel smaller on each side, as in `gradient`.
    """
    to_east, to_north = gradient(heights_m, pixel_m, pixel_north_m)
    azimuth, altitude = np.radians(azimuth_deg), np.radians(altitude_deg)
    light = np.array([np.sin(azimuth) * np.cos(altitude), np.cos(azimuth) * np.cos(altitude), np.sin(altitude)])
    lit = (light[2] - to_east * light[0] - to_north * light[1]) / np.sqrt(1 + to_east**2 + to_north**2)
    return np.asarray(np.clip(lit, 0, 1) * 255)


def slope_deg(heights_m: Heights, pixel_m: float, pixel_north_m: float | None = None) -> Heights:
    """Return the slope of each pixel, 0 to 90 degrees; one pixel smaller on each side, as in `gradient`."""
    to_east, to_north = gradient(heights_m, pixel_m, pixel_north_m)
    return np.asarray(np.degrees(np.arctan(np.hypot(to_east, to_north))))


def terrain_rgb(heights_m: Heights) -> npt.NDArray[np.uint8]:
    """Encode heights as Mapbox terrain-RGB, in steps of 0.1 m from -10,000 m; NaN counts as 0 m.

    Returns
    -------
    array
        ``[3, rows, columns]``: ``height = -10000 + (R * 65536 + G * 256 + B) * 0.1``.

    Examples
    --------
    >>> terrain_rgb(np.array([[0.0]]))[:, 0, 0].tolist()
    [1, 134, 160]
    """
    filled = np.nan_to_num(heights_m, nan=0.0)
    steps = np.clip(np.round((filled - _TERRAIN_BASE_M) / _TERRAIN_STEP_M), 0, 2**24 - 1).astype(np.uint32)
    return np.stack([steps >> 16, (steps >> 8) & 255, steps & 255]).astype(np.uint8)
