"""`/sta/v1.1`: what stations and devices measure, as the OGC SensorThings API 1.1 has it, for reading."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from server.dependencies import ActorHere, BaseUrlHere, StateHere
from server.http.caching import PRIVATE_HEADERS
from server.http.compressed import Compressed
from server.http.parameters import parameters_of, refuse_unknown
from server.sensorthings.options import OPTIONS
from server.sensorthings.service import PATH, respond_to_sensor, root_document

router = APIRouter(prefix=PATH, tags=["sensorthings"])
_DESCRIBED = [
    {"name": name, "in": "query", "required": False, "description": text, "schema": {"type": "string"}}
    for name, text in zip(
        (*OPTIONS, "$resultFormat"),
        (
            "条件 a condition, as result gt 3 and phenomenonTime ge 2026-11-30T00:00:00Z",
            "展开的关联 linked entities, as Datastreams($top=5)",
            "返回的属性 properties in the answer",
            "排序 as phenomenonTime desc",
            "每页最多 entities of a page, at most 1000",
            "跳过 entities to skip",
            "true：同时给出总数 with the number of all",
            "dataArray：按数组返回观测 observations as arrays",
        ),
        strict=True,
    )
]


@router.get("", summary="实体集合列表 The sets of entities")
async def sensor_root(request: Request, state: StateHere, base: BaseUrlHere) -> dict[str, Any]:
    """List the sets of entities, and the requirements of the standard that are met."""
    refuse_unknown(parameters_of(request.url.query, state.settings.limits), ())
    return root_document(base)


@router.get(
    "/{path:path}",
    summary="实体、属性与关联 Entities, their properties and links",
    openapi_extra={"parameters": _DESCRIBED},
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "OK"},
        204: {"description": "没有值 the property has no value"},
    },
)
async def sensor_entities(
    path: str, request: Request, state: StateHere, actor: ActorHere, base: BaseUrlHere
) -> Response:
    """Return a set (`Things`), an entity (`Things('…')`), what it leads to, or one of its properties."""
    given = parameters_of(request.url.query, state.settings.limits)
    found = await respond_to_sensor(state, actor, base, path.strip("/"), given)
    if found.content is None:
        return Response(status_code=204, headers=PRIVATE_HEADERS)
    return Compressed(found.content, media_type=found.media_type, headers=PRIVATE_HEADERS)
