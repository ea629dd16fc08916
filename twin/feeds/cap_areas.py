"""The areas of a warning: polygons, circles and codes, each read by itself.

A shape that cannot be read is left out alone, and the warning has its fault. A circle of radius 0 is a point.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from layers.coordinates.degrees import LAT_MAX, LON_MAX, settled_one
from twin.envelope.area import POLYGONS_MAX, RING_POSITIONS_MAX
from twin.envelope.refused import Reason, Refused, shown
from twin.feeds.xml import Element

FAULTS_KEPT_MAX = 20
_CIRCLE_CORNERS, _CIRCLE_KM_MAX, _KM_A_DEGREE, _CIRCLE_LAT_MAX = 64, 1000, 111.195, 85
_CIRCLE_ALLOWED = f"0 to {_CIRCLE_KM_MAX} km, latitudes to {_CIRCLE_LAT_MAX}°"
_POINT_KM = 0.1  # radius of the circle that a second point becomes
_AREA_CODE = re.compile(r"[0-9]{6}(?:[0-9]{3}){0,2}")

type Ring = list[list[float]]
type Circle = tuple[float, float, float]  # longitude, latitude, kilometres


@dataclass(frozen=True, slots=True)
class WarningAreas:
    """The areas that a warning holds for.

    Attributes
    ----------
    text
        The sender's name of the areas, in the language that is shown.
    codes
        Of streets, districts and the like.
    polygons
        Rings of longitude and latitude, closed.
    point
        The first circle without a radius.
    faults
        Faults of the shapes that are left out; the first 20.
    """

    text: str
    codes: tuple[str, ...]
    polygons: tuple[Ring, ...]
    point: tuple[float, float] | None
    faults: tuple[str, ...]

    def place(self) -> dict[str, Any]:
        """Return the place fields of an event, with a flag when a shape could not be read."""
        made: dict[str, Any] = {"area": _geojson(self.polygons)} if self.polygons else {}
        if self.point is not None:
            made["lon"], made["lat"] = self.point
        if self.codes:
            made["area_codes"] = list(self.codes)
        if self.faults:
            made["place_fault"] = "bad_shape"
        return made


def read_areas(shown_areas: Sequence[Element], areas: Sequence[Element]) -> WarningAreas:
    """Read the areas: their names from the infos in the language that is shown, their shapes from all infos."""
    polygons, points, faults = list[Ring](), list[tuple[float, float]](), list[str]()
    shapes = _shapes(areas)
    if len(shapes) > POLYGONS_MAX:
        faults.append(f"{len(shapes)} polygons and circles; the first {POLYGONS_MAX} are taken")
    for kind, text in shapes[:POLYGONS_MAX]:
        try:
            ring = _ring(text) if kind == "polygon" else _circle(text)
        except Refused as error:
            faults.append(error.message)
            continue
        if isinstance(ring, tuple):
            points.append(ring)
        else:
            polygons.append(ring)
    polygons += [_round((*point, _POINT_KM)) for point in points[1:]]
    kept = tuple(dict.fromkeys(faults))[:FAULTS_KEPT_MAX]
    return WarningAreas(
        _text(shown_areas) or _text(areas), _codes(areas), tuple(polygons), next(iter(points), None), kept
    )


def _shapes(areas: Sequence[Element]) -> list[tuple[str, str]]:
    """Return the shapes with their kinds, each once: other languages repeat them."""
    kinds = ("polygon", "circle")
    found = [(kind, " ".join(shape.text.split())) for area in areas for kind in kinds for shape in area.all(kind)]
    return [shape for shape in dict.fromkeys(found) if shape[1]]


def _text(areas: Sequence[Element]) -> str:
    return "；".join(dict.fromkeys(text for area in areas if (text := area.first("areaDesc"))))


def _codes(areas: Sequence[Element]) -> tuple[str, ...]:
    """Return the geocodes that are area codes of this country, under any name."""
    found = []
    for area in areas:
        for geocode in area.all("geocode"):
            value = geocode.first("value") or ""
            found += [code for code in re.split(r"[,，;；\s]+", value) if _AREA_CODE.fullmatch(code)]
    return tuple(dict.fromkeys(found))[:1000]


def _circle(text: str) -> Ring | tuple[float, float]:
    """Read ``lat,lon radius``, the radius in kilometres; a point when it has none."""
    try:
        centre, radius = text.split()
        lat, lon = _lat_lon(centre)
        radius_km = float(radius)
    except ValueError as error:
        raise Refused(Reason.BAD_TEXT, f"circle {shown(text)}; needed is lat,lon and a radius in km") from error
    if not (0 <= radius_km <= _CIRCLE_KM_MAX and abs(lat) <= _CIRCLE_LAT_MAX and abs(lon) <= LON_MAX):
        raise Refused(Reason.OUT_OF_RANGE, f"circle {shown(text)}; {_CIRCLE_ALLOWED}")
    return _round((lon, lat, radius_km)) if radius_km > 0 else (lon, lat)


def _round(circle: Circle) -> Ring:
    """Draw a circle as a polygon of 64 corners; nothing of it lies beyond the edge of the map."""
    lon, lat, radius_km = circle
    north, east = radius_km / _KM_A_DEGREE, radius_km / (_KM_A_DEGREE * math.cos(math.radians(lat)))
    turns = [2 * math.pi * corner / _CIRCLE_CORNERS for corner in range(_CIRCLE_CORNERS)]
    ring = [[_clamp(lon + east * math.cos(t), LON_MAX), _clamp(lat + north * math.sin(t), LAT_MAX)] for t in turns]
    return [*ring, list(ring[0])]


def _clamp(degrees: float, limit: float) -> float:
    return round(max(-limit, min(limit, degrees)), 7)


def _ring(text: str) -> Ring:
    """Read ``lat,lon lat,lon …``: CAP has the latitude first; a ring that is open is closed."""
    pairs = text.split()
    if len(pairs) > RING_POSITIONS_MAX - 1:
        raise Refused(Reason.TOO_MANY, f"a polygon of {len(pairs)} points; at most {RING_POSITIONS_MAX - 1}")
    ring = [_position(pair) for pair in pairs]
    if ring and ring[0] != ring[-1]:
        ring.append(list(ring[0]))
    if len(ring) < 4:
        raise Refused(Reason.BAD_TEXT, f"a polygon of {len(ring)} points; at least 4, the last as the first")
    return ring


def _position(pair: str) -> list[float]:
    try:
        lat, lon = _lat_lon(pair)
    except ValueError as error:
        raise Refused(Reason.BAD_TEXT, f"{shown(pair)} in a polygon is no lat,lon") from error
    if not (abs(lat) <= LAT_MAX and abs(lon) <= LON_MAX):
        raise Refused(Reason.OUT_OF_RANGE, f"{shown(pair)} in a polygon is no lat,lon on earth")
    return [lon, lat]


def _lat_lon(pair: str) -> tuple[float, float]:
    lat, lon = (float(number) for number in pair.split(","))
    return settled_one(lat, LAT_MAX), settled_one(lon, LON_MAX)


def _geojson(polygons: tuple[Ring, ...]) -> dict[str, Any]:
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": [polygons[0]]}
    return {"type": "MultiPolygon", "coordinates": [[ring] for ring in polygons]}
