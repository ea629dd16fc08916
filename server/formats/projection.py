"""A served coordinate system as other formats name it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pyproj import CRS

from layers.coordinates.crs import CRS84, Crs


@lru_cache(maxsize=64)
def projjson(crs: Crs) -> dict[str, Any] | None:
    """Return a system as PROJJSON. GeoParquet and GeoArrow have x, y order whatever it says of the axes.

    None, their word for an unknown system, for a shifted datum: nothing that is registered would be true of it.
    """
    if crs.datum is not None:
        return None
    known = CRS.from_user_input("OGC:CRS84") if crs == CRS84 else CRS.from_epsg(crs.srid)
    document: dict[str, Any] = known.to_json_dict()
    return document
