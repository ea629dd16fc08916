"""GCJ-02 and BD-09: the two shifted datums that Chinese phone and web maps use, both ways, vectorised.

The formulas are the widely published ones (`domain.md` 3.3). The accuracies below are those of inverting the formula;
against a provider's own map expect decimetres to a few metres. A datum is declared per source, never guessed,
and a coordinate is never transformed twice: the stored row has its original system in `crs_source`.

All functions take and return arrays `[n, 2]` of longitude, latitude in degrees. Points outside China, where the
formula is undefined, are returned unchanged (`inside_china` marks the others); NaN stays NaN; an empty array stays
empty.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

type Coordinates = npt.NDArray[np.float64]
type Datum = Literal["gcj02", "bd09"]

A_M = 6378245.0  # semi-major axis of Krassovsky's ellipsoid, as the public formula has it
EE = 0.00669342162296594323  # its squared eccentricity
ITERATIONS = 3  # error of the inverse: 17 nm in the district, 1.3 µm anywhere in China
CHINA_BBOX = (72.004, 0.8293, 137.8347, 55.8271)  # the formula's own rectangle: west, south, east, north


def inside_china(lonlat: Coordinates) -> npt.NDArray[np.bool_]:
    """Mark the points that the formula applies to, as booleans `[n]`; False for NaN."""
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    west, south, east, north = CHINA_BBOX
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)


def wgs84_to_gcj02(lonlat: Coordinates) -> Coordinates:
    """Shift WGS 84 (or CGCS2000) degrees `[n, 2]` to GCJ-02; unchanged outside China.

    Examples
    --------
    >>> wgs84_to_gcj02(np.array([[113.3265, 23.1365]])).round(7)
    array([[113.3319274,  23.1339142]])
    """
    return _inside_only(lonlat, lambda p: p + _offset(p))


def gcj02_to_wgs84(lonlat: Coordinates) -> Coordinates:
    """Shift GCJ-02 degrees `[n, 2]` back to WGS 84; unchanged outside China."""
    return _inside_only(lonlat, lambda q: _invert(q, lambda p: p + _offset(p), q - _offset(q)))


def gcj02_to_bd09(lonlat: Coordinates) -> Coordinates:
    """Shift GCJ-02 degrees `[n, 2]` to Baidu's BD-09; unchanged outside China."""
    return _inside_only(lonlat, _bd_from_gcj)


def bd09_to_gcj02(lonlat: Coordinates) -> Coordinates:
    """Shift BD-09 degrees `[n, 2]` back to GCJ-02; unchanged outside China."""
    return _inside_only(lonlat, lambda q: _invert(q, _bd_from_gcj, _gcj_from_bd_closed(q)))


def wgs84_to_bd09(lonlat: Coordinates) -> Coordinates:
    """Shift WGS 84 degrees `[n, 2]` to BD-09; unchanged outside China."""
    return gcj02_to_bd09(wgs84_to_gcj02(lonlat))


def bd09_to_wgs84(lonlat: Coordinates) -> Coordinates:
    """Shift BD-09 degrees `[n, 2]` back to WGS 84; unchanged outside China."""
    return gcj02_to_wgs84(bd09_to_gcj02(lonlat))


def parse_datum(text: str) -> Datum | None:
    """Return the shifted datum of that name, in lower case; None for any other text."""
    return next((datum for datum in DATUMS if datum == text), None)


def from_datum(lonlat: Coordinates, datum: Datum) -> Coordinates:
    """Return coordinates `[n, 2]` of a declared datum in WGS 84, which is taken as CGCS2000 on the map."""
    return _FROM[datum](lonlat)


def to_datum(lonlat: Coordinates, datum: Datum) -> Coordinates:
    """Return coordinates `[n, 2]` of WGS 84 (or CGCS2000) in a shifted datum."""
    return _TO[datum](lonlat)


DATUMS: tuple[Datum, ...] = ("gcj02", "bd09")
_FROM: dict[Datum, Callable[[Coordinates], Coordinates]] = {"gcj02": gcj02_to_wgs84, "bd09": bd09_to_wgs84}
_TO: dict[Datum, Callable[[Coordinates], Coordinates]] = {"gcj02": wgs84_to_gcj02, "bd09": wgs84_to_bd09}


def _inside_only(lonlat: Coordinates, transform: Callable[[Coordinates], Coordinates]) -> Coordinates:
    inside = inside_china(lonlat)
    shifted = np.array(lonlat, dtype=np.float64)
    shifted[inside] = transform(shifted[inside])
    return shifted


def _invert(
    target: Coordinates, forward: Callable[[Coordinates], Coordinates], first_guess: Coordinates
) -> Coordinates:
    """Return the points that `forward` maps to `target`, by fixed-point iteration."""
    guess = first_guess
    for _ in range(ITERATIONS):
        guess = guess - (forward(guess) - target)
    return guess


def _offset(lonlat: Coordinates) -> Coordinates:
    """Return GCJ-02 minus WGS 84 in degrees, `[n, 2]`, for points inside China."""
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    x, y = lon - 105.0, lat - 35.0
    root, ripple = np.sqrt(np.abs(x)), 20 * np.sin(6 * np.pi * x) + 20 * np.sin(2 * np.pi * x)
    north_m = -100 + 2 * x + 3 * y + 0.2 * y**2 + 0.1 * x * y + 0.2 * root
    north_m += (ripple + 20 * np.sin(np.pi * y) + 40 * np.sin(np.pi * y / 3)) * 2 / 3
    north_m += (160 * np.sin(np.pi * y / 12) + 320 * np.sin(np.pi * y / 30)) * 2 / 3
    east_m = 300 + x + 2 * y + 0.1 * x**2 + 0.1 * x * y + 0.1 * root
    east_m += (ripple + 20 * np.sin(np.pi * x) + 40 * np.sin(np.pi * x / 3)) * 2 / 3
    east_m += (150 * np.sin(np.pi * x / 12) + 300 * np.sin(np.pi * x / 30)) * 2 / 3
    phi = np.radians(lat)
    w = 1 - EE * np.sin(phi) ** 2
    return np.column_stack(
        [
            np.degrees(east_m / (A_M / np.sqrt(w) * np.cos(phi))),
            np.degrees(north_m / (A_M * (1 - EE) / (w * np.sqrt(w)))),
        ]
    )


def _bd_from_gcj(lonlat: Coordinates) -> Coordinates:
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    z, theta = _baidu_polar(lon, lat, sign=1)
    return np.column_stack([z * np.cos(theta) + 0.0065, z * np.sin(theta) + 0.006])


def _gcj_from_bd_closed(lonlat: Coordinates) -> Coordinates:
    """Apply the published closed inverse, good to decimetres: a first guess."""
    z, theta = _baidu_polar(lonlat[:, 0] - 0.0065, lonlat[:, 1] - 0.006, sign=-1)
    return np.column_stack([z * np.cos(theta), z * np.sin(theta)])


def _baidu_polar(lon: Coordinates, lat: Coordinates, *, sign: int) -> tuple[Coordinates, Coordinates]:
    frequency = np.pi * 3000.0 / 180.0
    z = np.hypot(lon, lat) + sign * 2e-5 * np.sin(lat * frequency)
    theta = np.arctan2(lat, lon) + sign * 3e-6 * np.cos(lon * frequency)
    return z, theta
