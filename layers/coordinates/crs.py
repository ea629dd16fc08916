"""The coordinate reference systems that are stored, served and read, and the transformations between them.

Geometries are stored in CGCS2000 (EPSG:4490) as x, y = longitude, latitude, whatever the authority's axis order.
Transformers always have x, y order; the official order matters only in requests and responses, where `Crs.flips`
says that PostGIS's x, y must be exchanged.

WGS 84 is taken as CGCS2000 (PROJ has only a null shift between them; today the true difference is under a metre,
`domain.md` 3.1): precise enough for a map, never for survey.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError, ProjError

from layers.coordinates.datum import DATUMS, Datum
from layers.errors import BadCrs

STORED_SRID = 4490
ELLIPSOID = Geod(a=6_378_137.0, rf=298.257222101)
"""Of CGCS2000, on which distances are measured."""
_GOOD_M = 2.0  # a transformation of this accuracy needs no note


@dataclass(frozen=True, slots=True)
class Crs:
    """A served coordinate reference system.

    Attributes
    ----------
    uri
        Its OGC name, as in `crs`, `bbox-crs` and `Content-Crs`.
    srid
        Its SRID in PostGIS; CRS84 is stored and transformed as 4326.
    axis_order
        Order of the official axes: ``lonlat`` (east first) or ``latlon`` (north first).
    unit
        Unit of both axes.
    datum
        The shifted datum of a Chinese map, which neither PostGIS nor PROJ knows; None for every other system.
    """

    uri: str
    srid: int
    axis_order: Literal["lonlat", "latlon"]
    unit: Literal["degree", "metre"]
    name: str
    datum: Datum | None = None

    @property
    def flips(self) -> bool:
        """Whether the official order is the reverse of PostGIS's x, y."""
        return self.axis_order == "latlon"

    @property
    def short(self) -> str:
        """The short form, for example ``EPSG:4490``, ``OGC:CRS84`` or ``gcj02``."""
        if self.datum is not None:
            return self.datum
        return "OGC:CRS84" if self is CRS84 else f"EPSG:{self.srid}"

    def named(self, base: str) -> str:
        """Return its URI; nobody has registered one for a shifted datum, so that it is an address below `base`."""
        return self.uri if self.datum is None else f"{base}{self.uri}"


def _epsg(srid: int, axis_order: Literal["lonlat", "latlon"], unit: Literal["degree", "metre"], name: str) -> Crs:
    return Crs(f"http://www.opengis.net/def/crs/EPSG/0/{srid}", srid, axis_order, unit, name)


CRS84 = Crs("http://www.opengis.net/def/crs/OGC/1.3/CRS84", 4326, "lonlat", "degree", "WGS 84 longitude-latitude")
EPSG_4490 = _epsg(4490, "latlon", "degree", "CGCS2000")
EPSG_4326 = _epsg(4326, "latlon", "degree", "WGS 84")
EPSG_3857 = _epsg(3857, "lonlat", "metre", "WGS 84 / Pseudo-Mercator")


@lru_cache(maxsize=64)
def gauss_kruger(srid: int) -> Crs:
    """Return a 3-degree zone of CGCS2000: EPSG:4534 to 4554 by central meridian, 4513 to 4533 with its number."""
    zone = f"CM {75 + 3 * (srid - 4534)}E" if srid >= 4534 else f"zone {25 + srid - 4513}"
    return _epsg(srid, "latlon", "metre", f"CGCS2000 / 3-degree Gauss-Kruger {zone}")


SHIFTED: tuple[Crs, ...] = tuple(
    Crs(f"/crs/{datum}", CRS84.srid, "lonlat", "degree", name, datum)
    for datum, name in zip(DATUMS, ("GCJ-02", "BD-09"), strict=True)
)
"""The shifted datums that questions and answers may come in; their URI is a path of the service."""

EPSG_4547 = gauss_kruger(4547)
EPSG_4526 = gauss_kruger(4526)

STORED = EPSG_4490
SERVED: tuple[Crs, ...] = (CRS84, EPSG_4490, EPSG_4326, EPSG_3857, EPSG_4547, EPSG_4526)
"""The systems that are served by default: those of 114° E."""

_SHIFTED = re.compile(r"gcj|bd[-_ ]?09|火星|百度", re.IGNORECASE)
_FORMS = (
    re.compile(r"https?://(?:www\.)?opengis\.net/def/crs/(EPSG|OGC)/[^/]*/(\w+)", re.IGNORECASE),
    re.compile(r"urn:ogc:def:crs:(EPSG|OGC):[^:]*:(\w+)", re.IGNORECASE),
    re.compile(r"\[?(EPSG|OGC):(\w+)\]?", re.IGNORECASE),
)


class _Served:
    """The systems that this process serves."""

    systems = SERVED


def served_crs() -> tuple[Crs, ...]:
    """Return the served systems, CRS84 first."""
    return _Served.systems


def serve_crs(systems: tuple[Crs, ...]) -> None:
    """Serve these systems from now on; a process serves one district and sets them once, when it starts."""
    _Served.systems = systems


def parse_crs(text: str, parameter: str = "crs") -> Crs:
    """Parse the name of a served coordinate reference system.

    Parameters
    ----------
    text
        A URI, a URN, a short form such as ``EPSG:4490`` or a safe CURIE such as ``[EPSG:4490]``.
    parameter
        Name of the parameter, for the message.

    Raises
    ------
    BadCrs
        When it is none of `served_crs`; the message lists them.
    """
    for form in _FORMS:
        match = form.fullmatch(text.strip()[:200])
        if match:
            name = f"{match[1].upper()}:{match[2].upper()}"
            crs = next((one for one in served_crs() if one.short == name), None)
            if crs:
                return crs
    allowed = ", ".join(c.short for c in served_crs())
    raise BadCrs(f"{parameter} is '{text[:80]}'; allowed are {allowed}, also as URI", parameter=parameter)


_OWN = re.compile(rf"(?:https?://[^/?#\s]+(?:/[^?#\s]*)?)?/crs/({'|'.join(DATUMS)})", re.IGNORECASE)


def parse_crs_or_datum(text: str, parameter: str = "crs") -> Crs:
    """Parse the name of a system that features are asked for in: a served one, or a shifted datum.

    Parameters
    ----------
    text
        As `parse_crs`; or ``gcj02`` or ``bd09``, also as the URI by which an answer names it.

    Raises
    ------
    BadCrs
        When it is none; the message lists them.
    """
    own = _OWN.fullmatch(text.strip()[:200])
    name = (own[1] if own else text.strip()).lower()
    shifted = next((crs for crs in SHIFTED if crs.datum == name), None)
    if shifted is not None:
        return shifted
    try:
        return parse_crs(text, parameter)
    except BadCrs as error:
        raise BadCrs(f"{error.message}; or {', '.join(DATUMS)}", parameter=parameter) from error


def read_question_crs(name: str | None, parameter: str) -> Crs:
    """Parse the system of a box or a filter; CRS84 where none is named.

    Raises
    ------
    BadCrs
        As `parse_crs_or_datum`.
    """
    return parse_crs_or_datum(name, parameter) if name else CRS84


def read_answer_crs(name: str, parameter: str = "answer_crs") -> Crs:
    """Parse the system of an answer of an operation, or of a stream.

    Raises
    ------
    BadCrs
        When it is neither CRS84 nor a shifted datum.
    """
    try:
        crs = parse_crs_or_datum(name, parameter)
    except BadCrs:
        crs = None
    if crs is None or (crs.datum is None and crs != CRS84):
        allowed = ", ".join((CRS84.short, *DATUMS))
        raise BadCrs(f"{parameter} is '{name[:80]}'; allowed are {allowed}", parameter=parameter)
    return crs


_AROUND_DEG = 8.0  # a map in a city's system also shows its surroundings


@lru_cache(maxsize=64)
def reach(srid: int) -> tuple[float, float, float, float]:
    """Return the area of use of a system with its surroundings: west, south, east, north in degrees."""
    area = CRS.from_epsg(srid).area_of_use
    if area is None:
        return -180.0, -90.0, 180.0, 90.0
    return area.west - _AROUND_DEG, area.south - _AROUND_DEG, area.east + _AROUND_DEG, area.north + _AROUND_DEG


@lru_cache(maxsize=64)
def transformer(source_srid: int, target_srid: int) -> Transformer:
    """Return the transformer between two EPSG codes, both in x, y order; each is made once.

    Raises
    ------
    BadCrs
        When PROJ does not know one of the codes.
    """
    try:
        by_way_of = {source_srid, target_srid} - {STORED_SRID}
        if len(by_way_of) == 1 and not _is_global(*by_way_of):  # the EPSG has hardly any to 4490
            source_srid, target_srid = (4326 if srid == STORED_SRID else srid for srid in (source_srid, target_srid))
        return Transformer.from_crs(source_srid, target_srid, always_xy=True)
    except CRSError as error:
        raise BadCrs(f"no way from EPSG:{source_srid} to EPSG:{target_srid}: {error}", parameter="crs") from error


def transform(xy: npt.NDArray[np.float64], source_srid: int, target_srid: int) -> npt.NDArray[np.float64]:
    """Transform coordinates `[n, 2]` (x, y order) between two EPSG codes.

    4326 and 4490 are taken as equal. Coordinates outside the projection become infinity; NaN stays NaN.
    """
    if source_srid == target_srid or {source_srid, target_srid} == {4326, STORED_SRID}:
        return xy
    x, y = transformer(source_srid, target_srid).transform(xy[:, 0], xy[:, 1])
    return np.column_stack([x, y])


def _is_global(srid: int) -> bool:
    """Whether a system has the datum of WGS 84 or CGCS2000, which are taken as one."""
    geodetic = CRS.from_epsg(srid).geodetic_crs
    return geodetic is not None and geodetic.to_epsg() in {4326, STORED_SRID}


def shift_note(srid: int, xy: npt.NDArray[np.float64]) -> str | None:
    """Return a note when PROJ has no accurate transformation from a source's datum.

    Parameters
    ----------
    srid
        EPSG code of the source.
    xy
        Some of its coordinates `[n, 2]`; the transformation depends on the region.

    Returns
    -------
    str or None
        None where the transformation is accurate to `_GOOD_M`, or none is needed.
    """
    there = xy[np.isfinite(xy).all(axis=1)][:1]
    if _is_global(srid) or not len(there):
        return None
    way = transformer(srid, STORED_SRID)
    way.transform(there[:, 0], there[:, 1])
    try:
        used = way.get_last_used_operation()
    except ProjError:  # there is only one transformation, and it changes no coordinate
        used = way
    name = CRS.from_epsg(srid).geodetic_crs.name  # type: ignore[union-attr]  # _is_global has checked it
    if used.accuracy < 0 or "Ballpark" in used.description:
        return (
            f"{name} (EPSG:{srid}) 到 CGCS2000 没有已知的转换参数，位置可能偏差数十米至数百米。 "
            "PROJ knows no way from it to CGCS2000 here, only a ballpark: places may be off by tens or hundreds of "
            "metres; convert them beforehand"
        )
    if used.accuracy > _GOOD_M:
        known = f"转换精度约 {used.accuracy:g} 米。 The way to CGCS2000 is known to {used.accuracy:g} m"
        return f"{name} (EPSG:{srid}) {known}"
    return None


@lru_cache(maxsize=64)
def srid_of(definition: str) -> int:
    """Return the EPSG code of a source's declaration: ``EPSG:4547``, a WKT from a .prj file, a URN, ``OGC:CRS84``.

    Raises
    ------
    BadCrs
        When PROJ cannot read it or has no EPSG code for it (a local system, for example): the coordinates must then
        be converted before loading, or the right code declared.
    """
    try:
        crs = CRS.from_user_input(definition)
    except CRSError as error:
        raise BadCrs(f"'{definition[:80]}' is no coordinate reference system PROJ knows", parameter="crs") from error
    if crs.name.startswith("WGS 84 (CRS84)"):
        return 4326
    if crs.is_compound:  # heights are fields, or a raster's values
        crs = crs.sub_crs_list[0]
    if _SHIFTED.search(crs.name):
        raise BadCrs(f"'{crs.name}' is a shifted system; declare gcj02 or bd09 with --crs", parameter="crs")
    code = crs.to_epsg(min_confidence=60)
    if code is None:
        raise BadCrs(f"the source's reference system '{crs.name}' has no EPSG code; declare one", parameter="crs")
    return int(code)
