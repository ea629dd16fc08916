"""The reference systems of a process's district: the plane it measures in, and the systems it serves beside degrees.

A process serves one district and sets its plane once, when it starts (`use_district_crs`); the default is the plane of
114° E. The choice is stored in the database, so that SQL (`onemap.measuring_srid()`) and every process measure alike.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import asyncpg

from layers.coordinates.crs import (
    CRS84,
    EPSG_3857,
    EPSG_4326,
    EPSG_4490,
    STORED_SRID,
    Crs,
    gauss_kruger,
    serve_crs,
    transform,
)
from layers.errors import BadInput
from layers.types import Points

_FIRST_SRID, _FIRST_MERIDIAN_DEG = 4534, 75  # CGCS2000 / 3-degree Gauss-Kruger CM 75E, and so on to 135E
_LAST_SRID = 4554
_PREFIXED_BEFORE = 21  # EPSG:4513 is the zone of 75° E with its number before the easting
_SETTING = "measuring_srid"


class _Chosen:
    """The measuring plane of this process."""

    srid = 4547


def zone_srid(lon_deg: float) -> int:
    """Return the EPSG code of the 3-degree zone of CGCS2000 whose central meridian is nearest.

    Examples
    --------
    >>> zone_srid(113.36), zone_srid(121.5), zone_srid(104.1)
    (4547, 4550, 4544)
    """
    nearest = _FIRST_SRID + round((lon_deg - _FIRST_MERIDIAN_DEG) / 3)
    return min(max(nearest, _FIRST_SRID), _LAST_SRID)


def measuring_srid() -> int:
    """Return the EPSG code of the plane in which lengths and areas are measured, in metres."""
    return _Chosen.srid


def to_metres(lonlat: Points) -> Points:
    """Return CGCS2000 degrees `[n, 2]` in the measuring plane: `[n, 2]` metres east and north."""
    return transform(lonlat, STORED_SRID, _Chosen.srid)


def to_degrees(xy_m: Points) -> Points:
    """Return metres of the measuring plane `[n, 2]` in CGCS2000 degrees."""
    return transform(xy_m, _Chosen.srid, STORED_SRID)


def use_district_crs(srid: int, more: Sequence[int] = ()) -> None:
    """Measure in a plane from now on, and serve it, its variant with the zone before the easting, and `more`.

    Raises
    ------
    BadInput
        When a code is no 3-degree zone of CGCS2000.
    """
    serve_crs(_systems(_check(srid), [_check(one) for one in more]))
    _Chosen.srid = srid


async def choose_measuring_srid(connection: asyncpg.Connection, srid: int | None = None) -> int:
    """Store the measuring plane of the district, and return its code.

    Parameters
    ----------
    connection
        In the owner's role.
    srid
        A code; None is the zone of the middle of the layer `districts`, or the stored one while that is empty.

    Raises
    ------
    BadInput
        When the code is no 3-degree zone of CGCS2000 without prefix.
    """
    if srid is None:
        middle = await connection.fetchval("SELECT ST_X(ST_Centroid(extent)) FROM onemap.layer WHERE id = 'districts'")
        srid = await read_measuring_srid(connection) if middle is None else zone_srid(middle)
    if not _FIRST_SRID <= srid <= _LAST_SRID:
        allowed = f"EPSG:{_FIRST_SRID} (75° E) to EPSG:{_LAST_SRID} (135° E)"
        raise BadInput(f"measuring_srid is {srid}; allowed are {allowed}", parameter="measuring_srid")
    await connection.execute(
        """INSERT INTO onemap.setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE
        SET value = excluded.value, changed_at = now() WHERE setting.value <> excluded.value""",
        _SETTING,
        json.dumps(srid),
    )
    return srid


async def read_measuring_srid(reader: asyncpg.Connection | asyncpg.Pool) -> int:
    """Return the plane that is stored in a database; that of 114° E when there is none."""
    srid: int = await reader.fetchval("SELECT onemap.measuring_srid()")
    return srid


def _check(srid: int) -> int:
    if not _FIRST_SRID - _PREFIXED_BEFORE <= srid <= _LAST_SRID:
        raise BadInput(f"EPSG:{srid} is no 3-degree zone of CGCS2000 (EPSG:4513 to 4554)", parameter="crs")
    return srid


def _systems(srid: int, more: Sequence[int]) -> tuple[Crs, ...]:
    planes = dict.fromkeys((srid, srid - _PREFIXED_BEFORE, *more))
    return (CRS84, EPSG_4490, EPSG_4326, EPSG_3857, *(gauss_kruger(plane) for plane in planes))
