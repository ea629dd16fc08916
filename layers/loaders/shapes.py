"""Untrusted WKB and WKT: an unreadable geometry is None and spoils no other; open rings are closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from layers.types import Geometries, Mask

UNREADABLE = "the geometry cannot be read, or is of a kind with curves; convert it to straight lines first"


def from_wkb(wkb: npt.NDArray[np.object_]) -> tuple[Geometries, Mask]:
    """Read WKB `[n]`, None where there is none.

    Returns
    -------
    tuple
        The geometries, None for an unreadable one; and a mask of those whose rings were closed.
    """
    return _read(wkb, shapely.from_wkb)


def from_wkt(wkt: npt.NDArray[np.object_]) -> tuple[Geometries, Mask]:
    """Read WKT `[n]`, as `from_wkb`."""
    return _read(wkt, shapely.from_wkt)


def _read(raw: npt.NDArray[np.object_], read: Callable[..., Any]) -> tuple[Geometries, Mask]:
    try:
        geometry: Geometries = read(raw, on_invalid="ignore")
    except (NotImplementedError, shapely.errors.ShapelyError, ValueError, TypeError):  # curves raise for all of them
        geometry = np.array([_one(one, read, "ignore") for one in raw] + [None], dtype=object)[:-1]
    closed = shapely.is_missing(geometry) & np.array([one is not None for one in raw], dtype=np.bool_)
    for row in np.flatnonzero(closed).tolist():
        geometry[row] = _one(raw[row], read, "fix")
    return geometry, closed & ~shapely.is_missing(geometry)


def _one(raw: Any, read: Callable[..., Any], on_invalid: str) -> shapely.Geometry | None:
    try:
        return read(raw, on_invalid=on_invalid)
    except (NotImplementedError, shapely.errors.ShapelyError, ValueError, TypeError):
        return None
