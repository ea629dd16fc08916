"""The polygon of an event that has one, such as a warning: GeoJSON in CRS84, limited and checked."""

from __future__ import annotations

from typing import Any

from twin.envelope_refused import Reason, Refused, shown

POLYGONS_MAX = 100
RINGS_MAX = 100
RING_POSITIONS_MAX = 10_000


def area(value: Any, name: str) -> dict[str, Any]:
    """Check a Polygon or a MultiPolygon: rings of 4 to 10,000 positions of longitude and latitude."""
    if type(value) is not dict or value.keys() != {"type", "coordinates"}:
        raise _wrong(value, name, "a GeoJSON Polygon or MultiPolygon with type and coordinates")
    coordinates = value["coordinates"]
    match value["type"]:
        case "Polygon":
            return {"type": "Polygon", "coordinates": _polygon(coordinates, name)}
        case "MultiPolygon":
            polygons = _few(coordinates, name, 1, POLYGONS_MAX)
            return {"type": "MultiPolygon", "coordinates": [_polygon(p, name) for p in polygons]}
    raise _wrong(value["type"], f"{name}.type", "Polygon or MultiPolygon")


def _polygon(value: Any, name: str) -> list[list[list[float]]]:
    return [
        [_position(p, name) for p in _few(ring, name, 4, RING_POSITIONS_MAX)]
        for ring in _few(value, name, 1, RINGS_MAX)
    ]


def _position(value: Any, name: str) -> list[float]:
    lon, lat = _few(value, name, 2, 2)
    for degrees, limit in ((lon, 180), (lat, 90)):
        if type(degrees) not in {int, float} or not -limit <= degrees <= limit:
            raise Refused(Reason.OUT_OF_RANGE, f"{name} has {shown(degrees)}, not ±{limit}°", parameter=name)
    return [float(lon), float(lat)]


def _few(value: Any, name: str, low: int, high: int) -> list[Any]:
    if type(value) is list and low <= len(value) <= high:
        return value
    raise _wrong(value, f"{name}.coordinates", f"a list of {low} to {high}")


def _wrong(value: Any, name: str, allowed: str) -> Refused:
    return Refused(Reason.WRONG_TYPE, f"{name} is {shown(value)}; needed is {allowed}", parameter=name)
