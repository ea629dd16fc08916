"""The parameters of a query for environmental data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry
from shapely.validation import explain_validity

from layers.coordinates.crs import CRS84, STORED_SRID, Crs, parse_crs_or_datum, transform
from layers.coordinates.datum import from_datum, to_datum
from layers.coordinates.degrees import are_degrees
from layers.coordinates.shifted_json import DIGITS
from layers.errors import BadInput
from layers.moment import read_time
from layers.types import Json
from server.http.parameters import read_choice, refuse_unknown

EdrQuery = Literal["position", "area", "cube", "locations", "trajectory"]
FORMS = ("CoverageJSON", "GeoJSON", "CSV")
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "position": ("coords",),
    "area": ("coords",),
    "trajectory": ("coords",),
    "cube": ("bbox",),
    "locations": ("bbox",),
}
COMMON = ("f", "lang", "datetime", "parameter-name", "z", "crs")
_SHAPES = {"position": ("Point",), "area": ("Polygon", "MultiPolygon"), "trajectory": ("LineString",)}
_COORDS_MAX, _VERTICES_MAX = 65_536, 2_000


@dataclass(frozen=True, slots=True)
class EdrRequest:
    """A query for environmental data.

    Attributes
    ----------
    shape
        The place, area or line in degrees of CGCS2000; None for everything.
    names
        Names of parameters; empty for all.
    first, last
        The span of time, in UTC, both included; None is open.
    newest
        Whether no time is given: the newest values.
    crs
        Of the answer, as of the question; the URI of a shifted datum is an address of this service.
    form
        One of `FORMS`.
    """

    query: EdrQuery
    shape: BaseGeometry | None
    names: tuple[str, ...]
    first: datetime | None
    last: datetime | None
    newest: bool
    crs: Crs
    form: str

    def moved(self, xy: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Return places in degrees in the system of the answer, east before north."""
        if xy and self.crs.datum is not None:
            shifted = np.round(to_datum(np.array(xy, dtype=np.float64), self.crs.datum), DIGITS)
            return [(float(x), float(y)) for x, y in shifted]
        if not xy or self.crs.srid in {STORED_SRID, 4326}:
            return list(xy)
        found = transform(np.array(xy, dtype=np.float64), STORED_SRID, self.crs.srid)
        return [(round(float(x), 3), round(float(y), 3)) for x, y in found]

    def moved_geojson(self, geometry: str) -> Json:
        """Return a geometry, as GeoJSON in degrees, in the system of the answer."""
        shape = shapely.from_geojson(geometry)
        moved = shapely.transform(shape, lambda xy: np.array(self.moved([(float(x), float(y)) for x, y in xy])))
        return dict(mapping(moved))


def read_edr(query: EdrQuery, given: Mapping[str, str], known: Sequence[str], base: str) -> EdrRequest:
    """Read the parameters of a query.

    Parameters
    ----------
    known
        Names of the parameters that the collection has.
    base
        Address of this service.

    Raises
    ------
    BadInput
        For anything unknown or malformed; the message says what is allowed.
    """
    refuse_unknown(given, (*COMMON, *PARAMETERS[query]))
    if "z" in given:
        raise BadInput("z is given, and the values here have no vertical dimension; leave it out", parameter="z")
    crs = parse_crs_or_datum(given["crs"]) if "crs" in given else CRS84
    crs = crs if crs.datum is None else replace(crs, uri=crs.named(base))
    names = tuple(dict.fromkeys(part.strip() for part in given.get("parameter-name", "").split(",") if part.strip()))
    for name in names:
        if name not in known:
            raise BadInput(
                f"parameter-name has '{name[:63]}'; there are {', '.join(known)}", parameter="parameter-name"
            )
    first, last = _span(given.get("datetime"))
    shape = _box(given, crs) if PARAMETERS[query] == ("bbox",) else _coords(query, given.get("coords"), crs)
    if query == "cube" and shape is None:
        raise BadInput("a cube needs bbox: west,south,east,north", parameter="bbox")
    form = read_choice({"f": _form(given.get("f"))}, "f", FORMS, FORMS[0])
    return EdrRequest(query, shape, names, first, last, "datetime" not in given, crs, form)


def _form(text: str | None) -> str:
    """Return the name of a form in its own letters; others are returned as they are."""
    by_name = {name.lower(): name for name in FORMS} | {"json": FORMS[0], "covjson": FORMS[0]}
    return FORMS[0] if text is None else by_name.get(text.lower(), text)


def _span(text: str | None) -> tuple[datetime | None, datetime | None]:
    if text is None:
        return None, None
    first, slash, last = text.partition("/")
    begin, end = (
        None if one in {"", ".."} else read_time(one, "datetime") for one in (first, last if slash else first)
    )
    if not slash and begin is None:
        raise BadInput("datetime is empty; write a time, or first/last, where .. is open", parameter="datetime")
    if begin and end and begin > end:
        raise BadInput(f"datetime is '{text[:80]}', which ends before it begins", parameter="datetime")
    return begin, end


def _coords(query: str, text: str | None, crs: Crs) -> BaseGeometry:
    allowed = " or ".join(kind.upper() for kind in _SHAPES[query])
    if not text or len(text) > _COORDS_MAX:
        raise BadInput(f"coords is a {allowed} in WKT of at most {_COORDS_MAX:,} characters", parameter="coords")
    try:
        shape = shapely.from_wkt(text)
    except shapely.errors.ShapelyError as error:
        raise BadInput(f"coords is '{text[:60]}', no WKT; write a {allowed}", parameter="coords") from error
    if shape.geom_type not in _SHAPES[query] or shape.is_empty or shape.has_z or shapely.has_m(shape):
        raise BadInput(f"coords is a {shape.geom_type}; write a {allowed} of two dimensions", parameter="coords")
    if shapely.get_num_coordinates(shape) > _VERTICES_MAX:
        raise BadInput(f"coords has more than {_VERTICES_MAX:,} positions", parameter="coords")
    return _stored(shape, crs, "coords")


def _box(given: Mapping[str, str], crs: Crs) -> BaseGeometry | None:
    if "bbox" not in given:
        return None
    try:
        sides = [float(part) for part in given["bbox"].split(",", 6)]
    except ValueError:
        sides = []
    if len(sides) != 4 or not np.isfinite(sides).all() or sides[0] >= sides[2] or sides[1] >= sides[3]:
        raise BadInput(
            f"bbox is '{given['bbox'][:80]}'; write west,south,east,north in the system of crs", parameter="bbox"
        )
    box = shapely.segmentize(shapely.box(*sides), max(sides[2] - sides[0], sides[3] - sides[1]) / 16)
    return _stored(box, crs, "bbox")


def _stored(given: BaseGeometry, crs: Crs, parameter: str) -> BaseGeometry:
    """Return a shape of a question in degrees of CGCS2000."""
    datum = crs.datum
    if datum is not None:
        shape = shapely.transform(given, lambda xy: from_datum(xy, datum))
    else:
        shape = shapely.transform(given, lambda xy: transform(xy, crs.srid, STORED_SRID))
    if not are_degrees(shapely.get_coordinates(shape)).all():
        raise BadInput(f"{parameter} lies outside of its system; longitude, or east, comes first", parameter=parameter)
    if not shape.is_valid:
        raise BadInput(f"{parameter} is not valid: {explain_validity(shape)[:80]}", parameter=parameter)
    return shape
