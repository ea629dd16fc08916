"""A requested place in CGCS2000, converted from the system of the request."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from layers.clause import Clause
from layers.coordinates.crs import CRS84, ELLIPSOID, STORED_SRID, parse_crs, served_crs, transform
from layers.coordinates.datum import DATUMS, from_datum, parse_datum
from layers.coordinates.degrees import settled
from layers.errors import BadCrs, BadInput
from layers.types import Points


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in CGCS2000 degrees."""

    lon: float
    lat: float

    @property
    def geometry(self) -> Clause:
        """The point, as SQL with bound values."""
        return Clause(f"ST_SetSRID(ST_MakePoint(?0::float8, ?1::float8), {STORED_SRID})", (self.lon, self.lat))

    def distance_m(self, other: Spot) -> float:
        """Return the geodesic distance to another place, to the millimetre."""
        return round(float(ELLIPSOID.inv(self.lon, self.lat, other.lon, other.lat)[2]), 3)


def read_spot(lon: float, lat: float, crs: str = CRS84.short) -> Spot:
    """Parse a place.

    Parameters
    ----------
    lon, lat
        Longitude (east) and latitude (north) in degrees; metres east and north in a projected system.
    crs
        A served system by any of its names, or ``gcj02`` or ``bd09``: declared, never guessed.

    Raises
    ------
    BadCrs
        When it is no such system.
    BadInput
        When the numbers are not finite, or lie outside the system or the earth.
    """
    if not (math.isfinite(lon) and math.isfinite(lat)):
        raise BadInput(f"lon and lat are {lon}, {lat}; both must be finite numbers", parameter="lon")
    found = settled(to_stored(np.array([[lon, lat]], dtype=np.float64), crs))
    east, north = float(found[0, 0]), float(found[0, 1])
    if not (abs(east) <= 180 and abs(north) <= 90):  # also when they are not finite
        allowed = "longitude -180 to 180 and latitude -90 to 90, in this order, or metres of a projected crs"
        raise BadInput(f"lon={lon:g}, lat={lat:g} is no place in {crs[:80]}; allowed are {allowed}", parameter="lon")
    return Spot(east, north)


def to_stored(xy: Points, crs: str) -> Points:
    """Return coordinates `[n, 2]` of a question in CGCS2000 degrees.

    Raises
    ------
    BadCrs
        When the system is not served, and is no datum of a map.
    """
    if datum := parse_datum(crs.strip().lower()):
        return from_datum(xy, datum)
    try:
        return transform(xy, parse_crs(crs).srid, STORED_SRID)
    except BadCrs as error:
        allowed = ", ".join([*DATUMS, *(served.short for served in served_crs())])
        raise BadCrs(f"crs is '{crs[:80]}'; allowed are {allowed}", parameter="crs") from error
