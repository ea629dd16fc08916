"""Geometries of messages, limited and checked: the area of an event such as a warning, the shape of a feature."""

from __future__ import annotations

from typing import Any

from layers.coordinates.degrees import LAT_MAX, LON_MAX, settled_one
from twin.envelope.refused import Reason, Refused, shown

POLYGONS_MAX = 100
RINGS_MAX = 100
RING_POSITIONS_MAX = 10_000


def area(value: Any, name: str) -> dict[str, Any]:
    """Return a checked Polygon or MultiPolygon, CRS84; rings have 4 to 10,000 positions, and open ones are closed.

    Raises
    ------
    Refused
        When it is another object, too large, or not on earth.
    """
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


def geometry(value: Any, name: str) -> dict[str, Any]:
    """Return a checked point, line, polygon, lines or polygons, CRS84; lines have 2 to 10,000 positions.

    Raises
    ------
    Refused
        When it is another object, too large, or not on earth.
    """
    if type(value) is not dict or value.keys() != {"type", "coordinates"}:
        raise _wrong(value, name, "a GeoJSON geometry with type and coordinates")
    coordinates = value["coordinates"]
    match value["type"]:
        case "Point":
            return {"type": "Point", "coordinates": _position(coordinates, name)}
        case "LineString":
            return {"type": "LineString", "coordinates": _line(coordinates, name)}
        case "MultiLineString":
            lines = _few(coordinates, name, 1, POLYGONS_MAX)
            return {"type": "MultiLineString", "coordinates": [_line(line, name) for line in lines]}
        case "Polygon" | "MultiPolygon":
            return area(value, name)
    raise _wrong(value["type"], f"{name}.type", "Point, LineString, MultiLineString, Polygon or MultiPolygon")


def _line(value: Any, name: str) -> list[list[float]]:
    return [_position(p, name) for p in _few(value, name, 2, RING_POSITIONS_MAX)]


def _polygon(value: Any, name: str) -> list[list[list[float]]]:
    return [_ring(ring, name) for ring in _few(value, name, 1, RINGS_MAX)]


def _ring(value: Any, name: str) -> list[list[float]]:
    """Return a checked ring, closed."""
    ring = [_position(p, name) for p in _few(value, name, 4, RING_POSITIONS_MAX)]
    return ring if ring[0] == ring[-1] else [*ring, list(ring[0])]


def _position(value: Any, name: str) -> list[float]:
    lon, lat = _few(value, name, 2, 2)
    return [_degrees(lon, LON_MAX, name), _degrees(lat, LAT_MAX, name)]


def _degrees(value: Any, limit: float, name: str) -> float:
    if type(value) in {int, float} and abs(settled := settled_one(value, limit)) <= limit:
        return float(settled)
    raise Refused(Reason.OUT_OF_RANGE, f"{name} has {shown(value)}, not ±{limit:g}°", parameter=name)


def _few(value: Any, name: str, low: int, high: int) -> list[Any]:
    if type(value) is list and low <= len(value) <= high:
        return value
    raise _wrong(value, f"{name}.coordinates", f"a list of {low} to {high}")


def _wrong(value: Any, name: str, allowed: str) -> Refused:
    return Refused(Reason.WRONG_TYPE, f"{name} is {shown(value)}; needed is {allowed}", parameter=name)
