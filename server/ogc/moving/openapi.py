"""The description of moving features in the OpenAPI document."""

from __future__ import annotations

from layers.moment import BASES
from layers.types import Json
from server.ogc.moving.request import LEAVES_MAX, LIMIT_MAX, LIMIT_USUAL, PARAMETERS, MovingResource
from server.ogc.openapi_parts import operation, path_parameter, query_parameter

_TITLES: dict[MovingResource, tuple[str, str]] = {
    "tgsequence": ("/tgsequence", "轨迹 where it was, as MF-JSON"),
    "tproperties": ("/tproperties", "随时间变化的属性 its properties over time"),
    "tproperty": ("/tproperties/{propertyName}", "一个属性的各时刻值 one property over time"),
}
_CONTENT: Json = {"application/json": {"schema": {"type": "object"}}}
_TIME: Json = {"type": "string", "format": "date-time"}
_FLAG: Json = {"type": "string", "enum": ["true", "false"], "default": "false"}
_NAME = path_parameter("propertyName", {"type": "string", "minLength": 1})
_OWN: dict[str, Json] = {
    "bbox": query_parameter(
        "bbox",
        "范围 what a movement must meet: west,south,east,north",
        {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6},
    ),
    "limit": query_parameter(
        "limit",
        "每页最多 most movements or properties on a page",
        {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_USUAL},
    ),
    "offset": query_parameter("offset", "跳过 to skip", {"type": "integer", "minimum": 0, "default": 0}),
    "leaf": query_parameter(
        "leaf",
        "仅这些时刻的值，递增 values at these growing times alone, between two of them on the line",
        {"type": "array", "items": _TIME, "minItems": 1, "maxItems": LEAVES_MAX},
    ),
    "subTrajectory": query_parameter(
        "subTrajectory", "按 datetime 截取 cut to the interval of datetime, which is first/last", _FLAG
    ),
    "subTemporalValue": query_parameter(
        "subTemporalValue", "取 datetime 区间内的值 values in the interval of datetime, which is first/last", _FLAG
    ),
}
_SHARED = ("datetime", "at", "lang")
_BASIS = query_parameter("basis", "依据 with at alone", {"type": "string", "enum": list(BASES)})
_F = query_parameter("f", "格式 format", {"type": "string", "enum": ["json"], "default": "json"})


def moving_paths(layer_id: str, title: str, feature: Json) -> Json:
    """Return the paths of the movements of a layer; `feature` is the parameter of a feature's id."""
    found: Json = {}
    for resource, (ending, what) in _TITLES.items():
        own = [feature, *([_NAME] if resource == "tproperty" else []), *(_OWN[name] for name in PARAMETERS[resource])]
        described = operation(
            f"{layer_id}.{resource}", f"{title}: {what}", layer_id, _CONTENT, _SHARED, *own, _BASIS, _F
        )
        described["responses"]["403"] = {"$ref": "#/components/responses/403"}
        found[f"/collections/{layer_id}/items/{{featureId}}{ending}"] = {"get": described}
    return found
