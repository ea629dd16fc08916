"""Examples of parameters in OpenAPI documents: values with which an operation answers in the demo district."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from layers.types import Json

_TILE = {"z": 12, "x": 3337, "y": 1776}
_ENDS = {"from": "113.33,23.13", "to": "113.36,23.15"}
_BY_NAME: dict[str, Any] = {
    "lon": 113.36,
    "lat": 23.14,
    "radius_m": 300,
    "bbox": "113.32,23.12,113.36,23.16",
    "code": "440106011",
    "q": "五山路",
    "layer": "grids",
    "layers": "grids",
    "collection": "grids",
    "feature_id": "440106011001001",
    **_TILE,
    "tileMatrix": _TILE["z"],
    "tileRow": _TILE["y"],
    "tileCol": _TILE["x"],
    "from": "2026-06-08T00:00:00+08:00",
    "to": "2026-06-09T00:00:00+08:00",
    "line": "113.33,23.13 113.36,23.15",
    "job_id": "0190a3c2-7b1e-7c55-9d1e-5f2b8a6c4d10",
    "event_id": "hotline-20260608-0001",
    "refused_id": 1,
}
_BY_PATH: dict[str, dict[str, Any]] = {
    "/styles/{name}": {"name": "dark"},
    "/styles/sprites": {"file": "onemap.json"},
    "/raster/": {"name": "dem"},
    "/schemas/": {"name": "event"},
    "/basemaps/{name}": {"name": "city"},
    "/basemaps/tianditu": {"layer": "vec"},
    "/guide/images": {"name": "map.webp"},
    "/guide/{name}": {"name": "map-user"},
    "/sta/": {"path": "Things"},
    "/twin/features/{layer}/{feature_id}/observations": {"layer": "water_level_stations", "feature_id": "SZ001"},
    "/twin/features/{layer}/{feature_id}/track": {"layer": "vehicles", "feature_id": "V0001"},
    "/twin/route": _ENDS,
    "/twin/cameras-along-route": _ENDS,
    "/twin/population": {"area": "440106011"},
    "/twin/broadcast-terminals": {"area": "440106011"},
    "/collections/grids/items": {"featureId": "440106011001001"},
}
"""By the beginning of an address, the last one that fits counts."""
_COORDS = {
    "/position": "POINT(113.36 23.14)",
    "/area": "POLYGON((113.3 23.1,113.42 23.1,113.42 23.22,113.3 23.22,113.3 23.1))",
    "/trajectory": "LINESTRING(113.33 23.13,113.36 23.15)",
}


def add_examples(document: Json) -> None:
    """Give parameters without an example one that answers in the demo district."""
    for path, parameter in _parameters(document):
        if {"example", "examples"} & parameter.keys() or "$ref" in parameter:
            continue
        value = _example(path, parameter["name"])
        if value is not None:
            parameter["example"] = value


def _parameters(document: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            copies = [dict(parameter) for parameter in operation.get("parameters", ())]  # several operations share one
            if copies:
                operation["parameters"] = copies
            yield from ((path, parameter) for parameter in copies)


def _example(path: str, name: str) -> Any:
    if name == "coords":
        return next((shape for ending, shape in _COORDS.items() if path.endswith(ending)), None)
    own = [values[name] for beginning, values in _BY_PATH.items() if path.startswith(beginning) and name in values]
    return own[-1] if own else _BY_NAME.get(name)
