"""The description of data queries in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence

from layers.coordinates.crs import served_crs
from layers.coordinates.datum import DATUMS
from layers.types import Json
from server.ogc.edr.request import FORMS, PARAMETERS
from server.ogc.openapi_parts import operation, path_parameter, query_parameter

_TITLES = {
    "position": "某处的值 values at a place",
    "area": "面内的值 values in an area",
    "cube": "范围内的值 values in a box",
    "locations": "站点 stations",
    "trajectory": "沿线的值 values along a line",
}
_CONTENT: Json = {
    "application/prs.coverage+json": {"schema": {"type": "object"}},
    "application/geo+json": {"schema": {"type": "object"}},
    "text/csv; charset=utf-8": {"schema": {"type": "string"}},
}
_F = query_parameter("f", "格式 format", {"type": "string", "enum": list(FORMS), "default": FORMS[0]})
_COORDS = query_parameter("coords", "WKT，经度在前 in WKT, east first", {"type": "string"}) | {"required": True}
_NAMES = query_parameter(
    "parameter-name", "参数，逗号分隔 parameters, by comma", {"type": "array", "items": {"type": "string"}}
)
_LOCATION = path_parameter("locationId", {"type": "string", "minLength": 1})


def edr_paths(collection: str, title: str, queries: Sequence[str]) -> Json:
    """Return the paths of a collection's data queries."""
    path, name = f"/collections/{collection}", f"{collection}.data"
    found: Json = {}
    for query in queries:
        own = _COORDS if PARAMETERS[query] == ("coords",) else _box(required=query == "cube")
        shared = ("datetime", "lang")
        described = f"{title}: {_TITLES[query]}"
        found[f"{path}/{query}"] = {
            "get": operation(f"{name}.{query}", described, collection, _CONTENT, shared, own, _crs(), _NAMES, _F)
        }
        if query == "locations":
            found[f"{path}/{query}/{{locationId}}"] = {
                "get": operation(
                    f"{name}.location", described, collection, _CONTENT, shared, _LOCATION, _crs(), _NAMES, _F
                )
            }
    return found


def _crs() -> Json:
    systems = [*(crs.uri for crs in served_crs()), *DATUMS]
    title = "问与答的坐标系；gcj02、bd09 为手机地图的偏移坐标 of question and answer; gcj02, bd09: of phone maps"
    return query_parameter("crs", title, {"type": "string", "enum": systems})


def _box(*, required: bool) -> Json:
    schema = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
    return query_parameter("bbox", "west,south,east,north", schema) | {"required": required}
