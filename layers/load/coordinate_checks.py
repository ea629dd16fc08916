"""Checks of coordinates: those that contradict their declared CRS never reach a layer.

Faults are found per feature, and the feature is rejected with a reason that names the right declaration. Nothing is
corrected by guessing: a fault is only fixed where its name was declared as a fix, and only in the features that show
it. A feature outside the district is rejected too, unless the caller allows features anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import shapely

from layers.coordinates.crs import STORED_SRID, transform
from layers.coordinates.datum import from_datum
from layers.coordinates.degrees import METRES_PER_DEGREE, are_degrees, settled
from layers.coordinates.source_crs import SourceCrs
from layers.errors import BadInput
from layers.loaders.batch import Batch
from layers.types import BBox, Bounds, Geometries, Mask

type Fix = Literal["swapped", "scaled", "zone_prefixed"]

FIXES: tuple[str, ...] = get_args(Fix.__value__)
MARGIN_M = 2000.0
_WITHOUT_ZONE = {*range(4502, 4513), *range(4534, 4555)}  # CGCS2000 zones named by their meridian: six-digit eastings
_ZONE_PREFIXED = (13e6, 46e6)  # eastings of zones 13 to 45, the zone number in front of six digits


def parse_fixes(names: frozenset[str]) -> frozenset[str]:
    """Check the names of declared fixes.

    Raises
    ------
    BadInput
        When there is no such fix.
    """
    unknown = names - set(FIXES)
    if unknown:
        raise BadInput(f"fix is '{', '.join(sorted(unknown))}'; allowed are {', '.join(FIXES)}", parameter="fix")
    return names


@dataclass(frozen=True, slots=True)
class CoordinateChecks:
    """The checks that every geometry of a load must pass.

    Attributes
    ----------
    crs
        The declared CRS of the source.
    fixes
        Faults that are corrected instead of rejected, by their names in `FIXES`.
    district_crs84
        Extent of the district as west, south, east, north in degrees; None for no such check.
    """

    crs: SourceCrs
    fixes: frozenset[str] = frozenset()
    district_crs84: BBox | None = None

    def check(self, batch: Batch) -> None:
        """Reject impossible geometries, and bring the rest to stored coordinates (EPSG:4490, longitude first)."""
        if batch.geometry is None or not len(batch):
            return
        self._as_declared(batch)
        self._finite(batch)
        if self.crs.degrees:
            batch.geometry = _settled(batch)
        bounds = shapely.bounds(batch.geometry)
        faults = degree_faults(bounds) if self.crs.degrees else _metre_faults(bounds, self.crs.srid)
        settled = np.zeros(len(batch), dtype=np.bool_)
        for fault, shown in faults.items():
            rows = shown & batch.ok & ~settled
            if not rows.any():
                continue
            settled |= rows
            put_right = _REPAIRS.get(fault) if fault in self.fixes else None
            if put_right and not (fault == "zone_prefixed" and self.crs.degrees):
                batch.geometry = _change(batch.geometry, rows, put_right)
                batch.repaired(fault, int(rows.sum()))
            else:
                batch.reject(rows, fault, _detail_of(fault, bounds, batch.geometry))
        batch.geometry = self._stored(batch)
        batch.geometry = _settled(batch)
        self._inside(batch)

    def _as_declared(self, batch: Batch) -> None:
        """Reject geometries that name another CRS themselves, as EWKT and EWKB can."""
        srid = shapely.get_srid(batch.geometry)
        ours = {4326, STORED_SRID} if self.crs.srid in {4326, STORED_SRID} else {self.crs.srid}
        batch.reject(
            (srid > 0) & ~np.isin(srid, list(ours)),
            "other_crs",
            lambda row: (
                f"the geometry says SRID={srid[row]}, the source {self.crs.declaration}; load with --crs "
                f"EPSG:{srid[row]}"
            ),
        )

    def _finite(self, batch: Batch) -> None:
        assert batch.geometry is not None  # noqa: S101  # check has looked
        xy, owner = shapely.get_coordinates(batch.geometry, return_index=True)
        broken = np.zeros(len(batch), dtype=np.bool_)
        finite = np.isfinite(xy).all(axis=1)
        if not finite.all():
            broken[owner[~finite]] = True
            batch.reject(broken, "bad_coordinate", "a coordinate is infinite or not a number")

    def _stored(self, batch: Batch) -> Geometries:
        assert batch.geometry is not None  # noqa: S101  # check has looked
        if self.crs.datum is None and self.crs.srid in (4326, STORED_SRID):
            return batch.geometry

        def to_stored(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            return from_datum(xy, self.crs.datum) if self.crs.datum else transform(xy, self.crs.srid, STORED_SRID)

        return _change(batch.geometry, batch.ok, to_stored)

    def _inside(self, batch: Batch) -> None:
        bounds = shapely.bounds(batch.geometry)
        there = batch.ok & ~shapely.is_missing(batch.geometry) & ~shapely.is_empty(batch.geometry)
        sound = np.isfinite(bounds).all(axis=1) & are_degrees(bounds)
        batch.reject(there & ~sound, "not_transformable", f"the coordinates lie outside EPSG:{self.crs.srid}")
        if self.district_crs84 is None:
            return
        apart = outside(bounds, self.district_crs84)
        batch.reject(there & apart, "outside_district", _detail_of("outside_district", bounds, batch.geometry))


def outside(b: Bounds, district_crs84: BBox) -> Mask:
    """Mark the boxes of degrees that lie wholly beyond the district's extent and its margin."""
    west, south, east, north = with_margin(district_crs84)
    apart: Mask = (b[:, 0] > east) | (b[:, 2] < west) | (b[:, 1] > north) | (b[:, 3] < south)
    return apart


def with_margin(bbox_crs84: BBox, margin_m: float = MARGIN_M) -> BBox:
    """Widen a box of degrees by metres on every side."""
    west, south, east, north = bbox_crs84
    lat = margin_m / METRES_PER_DEGREE
    lon = lat / max(0.01, float(np.cos(np.radians((south + north) / 2))))
    return west - lon, south - lat, east + lon, north + lat


def degree_faults(b: Bounds) -> dict[str, Mask]:
    """Mark impossible boxes of degrees by the name of their fault; the first matching fault counts."""
    x0, y0, x1, y1 = b.T
    return {
        "zero": (np.abs(b) < 1e-6).all(axis=1),
        "swapped": (y0 >= 70) & (y1 <= 140) & (x0 >= 0) & (x1 <= 60),
        "zone_prefixed": (x0 >= _ZONE_PREFIXED[0]) & (x1 < _ZONE_PREFIXED[1]) & (y0 > 0) & (y1 < 1e7),
        "scaled": (x0 >= 70e6) & (x1 <= 140e6) & (y0 >= 1e6) & (y1 <= 60e6),
        "not_degrees": ~are_degrees(b) & np.isfinite(b).all(axis=1),
    }


def _metre_faults(b: Bounds, srid: int) -> dict[str, Mask]:
    x0, y0, x1, y1 = b.T
    return {
        "zero": (np.abs(b) < 1e-6).all(axis=1),
        "not_metres": (x0 >= -180) & (x1 <= 180) & (y0 >= -90) & (y1 <= 90),
        "swapped": (y0 >= 1e5) & (y1 < 1e6) & (x0 >= 1.5e6) & (x1 < 6e6),
        "zone_prefixed": (x0 >= _ZONE_PREFIXED[0]) & (x1 < _ZONE_PREFIXED[1]) & (srid in _WITHOUT_ZONE),
    }


def _swap(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return xy[:, ::-1]


def _unscale(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return xy / 1e6


def _without_zone(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.column_stack([xy[:, 0] % 1e6, xy[:, 1]])


type _Change = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
_REPAIRS: dict[str, _Change] = {"swapped": _swap, "scaled": _unscale, "zone_prefixed": _without_zone}
_SAID = {
    "zero": "the position is 0, 0: it was never measured",
    "swapped": "latitude and longitude, or northing and easting, are exchanged; load with --fix swapped",
    "scaled": "the degrees are integers times 1,000,000; load with --fix scaled",
    "not_degrees": "these are no degrees; declare the projection with --crs, for example EPSG:4547",
    "not_metres": "these are degrees, but a projection in metres is declared; load with --crs EPSG:4490",
    "outside_district": f"farther than {MARGIN_M:.0f} m outside the district; load with --anywhere if that is right",
}


def _detail_of(fault: str, bounds: Bounds, geometry: Geometries | None) -> Callable[[int], str]:
    def detail(row: int) -> str:
        x, y = bounds[row, 0], bounds[row, 1]
        if fault == "zone_prefixed":
            zone = int(x // 1e6)
            code = f"EPSG:{4488 + zone}" if zone >= 25 else f"EPSG:{4478 + zone}"  # 3-degree or 6-degree zones
            return f"the easting has the zone number {zone} in front; load with --crs {code}; given {x:.9g}, {y:.9g}"
        if fault == "not_degrees" and geometry is not None:
            xy = shapely.get_coordinates(geometry[row])
            x, y = xy[int(np.argmin(are_degrees(xy)))]  # its first corner that is not in degrees
            return f"{_SAID[fault]}; given {x:.15g}, {y:.15g}"
        return f"{_SAID[fault]}; given {x:.9g}, {y:.9g}"

    return detail


def _settled(batch: Batch) -> Geometries:
    """Remove the noise of arithmetic from coordinates at the limits of the earth."""
    bounds = shapely.bounds(batch.geometry)
    noisy = batch.ok & (settled(bounds) != bounds).any(axis=1) & np.isfinite(bounds).all(axis=1)
    assert batch.geometry is not None  # noqa: S101  # the caller has looked
    return _change(batch.geometry, noisy, settled) if noisy.any() else batch.geometry


def _change(geometry: Geometries, rows: Mask, change: _Change) -> Geometries:
    changed = geometry.copy()
    changed[rows] = shapely.transform(geometry[rows], change)
    return changed
