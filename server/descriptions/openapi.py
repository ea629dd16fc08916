"""`/openapi.json`: FastAPI's description of our routes, corrected and completed.

FastAPI documents a wrong parameter as 422 with its own JSON, and neither tokens nor the fast paths in front of it.
The OGC API has its own document, `/ogc/openapi`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse

from layers.types import Json
from server.descriptions.examples import add_examples
from server.descriptions.introduction import DESCRIPTION, name_groups
from server.formats.geojsonseq import GEOJSONSEQ
from server.http.history import COLUMN_FORMS
from server.http.planes import hides_operators, is_operators
from server.live.stream import EventStream
from tiles.raster.style import MEDIA
from tiles.vector import CONTENT_TYPE

PROBLEM = "application/problem+json"
_JSON = "application/json"
_REFERENCE = re.compile(r"#/components/schemas/([\w.-]+)")
_MEANINGS = {
    400: "参数有误 something in the request is wrong; `detail` says what is allowed",
    401: "令牌无效 the token is not one of ours",
    403: "无权 who asks may not do this",
    404: "不存在或无权查看 no such thing, or none that you may see",
    409: "与现状冲突 it contradicts what is there",
    413: "超出限制 a limit was passed",
    429: "请求过多 too much at once; `Retry-After` says when to come again",
    500: "服务错误 something went wrong on our side; the log has it by the number in `detail`",
    503: "暂不可用 the database or the ingest process is away; `Retry-After` says when to come again",
}
_EVERYWHERE = (400, 401, 403, 404, 429, 500, 503)
_OF_WRITING = (409, 413)
_TAKES_MORE = ("/twin/", "/live", "/raster/", "/sta/", "/ogc/")  # their responses have limits
_SIGNED = "/feeds/{name}"
_TEXTS = ("application/geo+json", GEOJSONSEQ.type, "text/csv; charset=utf-8")
_FILES = tuple(media.type for media in COLUMN_FORMS.values())
_OF_HISTORY = (
    *("/twin/positions", "/twin/observations", "/twin/events/versions"),
    *("/twin/features/{layer}/{feature_id}/observations", "/twin/features/{layer}/{feature_id}/track"),
)
"""Routes whose model is one of several forms."""
_CONTENT: dict[str, tuple[str, ...]] = {
    "/guide/images/{name}": ("image/png", "image/webp"),
    "/catalog/qgis.xml": ("application/xml",),
    "/asyncapi.json": ("application/asyncapi+json;version=3.0.0",),
    "/schemas/{name}.json": ("application/schema+json",),
    "/styles/{name}.json": (_JSON,),
    "/styles/{name}/legend": (_JSON, "image/svg+xml"),
    "/styles/sprites/{file}": (_JSON, "image/png"),
    "/basemaps/{name}/{z}/{x}/{y}": (CONTENT_TYPE, "image/png", "image/jpeg", "image/webp", "image/avif"),
    "/basemaps/tianditu/{layer}/{z}/{x}/{y}": ("image/png", "image/jpeg"),
    "/twin/aggregate": ("application/geo+json", _JSON, "text/csv; charset=utf-8"),
    "/twin/warnings": ("application/geo+json",),
    "/twin/replay": ("application/x-ndjson",),
    "/live": (EventStream.media_type,),
}
"""Media types of routes that choose the form of their response themselves."""


def install(app: FastAPI, admin_port: int | None) -> None:
    """Make an application serve our document as its description.

    Parameters
    ----------
    admin_port
        The operators' own port: where there is one, the document of the public port leaves their addresses out.
    """
    made: dict[bool, Json] = {}

    def document(*, is_public: bool = False) -> Json:
        if is_public not in made:
            made[is_public] = _document(app, is_public=is_public)
        return made[is_public]

    app.openapi = document  # type: ignore[method-assign]  # the way that FastAPI documents

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> JSONResponse:
        return JSONResponse(document(is_public=hides_operators(request.scope, admin_port)))


def _document(app: FastAPI, *, is_public: bool) -> Json:
    made = get_openapi(title=app.title, version=app.version, routes=app.routes, description=DESCRIPTION)
    if is_public:
        made["paths"] = {path: said for path, said in made["paths"].items() if not is_operators(path)}
    made["paths"] |= _fast_paths()
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            _correct(path, method, operation)
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM_SCHEMA
    schemas["Exception"] = _EXCEPTION_SCHEMA
    made["components"]["responses"] = {
        f"{prefix}{status}": error(text)
        for prefix, error in (("", _problem), (_OGC, _exception))
        for status, text in _MEANINGS.items()
    }
    made["components"]["securitySchemes"] = _SCHEMES
    name_groups(made)
    add_examples(made)
    if is_public:
        errors = {"Problem": _PROBLEM_SCHEMA, "Exception": _EXCEPTION_SCHEMA}
        made["components"]["schemas"] = _referred(made["paths"], schemas) | errors
    made["security"] = [{}, {"operator": []}]
    return made


def _referred(part: Any, schemas: Json) -> Json:
    """Return the schemas that a part of the document refers to, and those that these refer to."""
    found: Json = {}
    waiting = [part]
    while waiting:
        for name in _REFERENCE.findall(str(waiting.pop())):
            if name not in found:
                found[name] = schemas[name]
                waiting.append(found[name])
    return {name: found[name] for name in sorted(found)}


_PROBLEM_SCHEMA = {
    "title": "Problem",
    "description": "RFC 9457",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        **{name: {"type": "string"} for name in ("type", "title", "detail", "parameter")},
        "status": {"type": "integer"},
    },
}
_EXCEPTION_SCHEMA = {
    "title": "Exception",
    "description": "OGC API - Common",
    "type": "object",
    "required": ["code", "description"],
    "properties": {"code": {"type": "string"}, "description": {"type": "string"}},
}
_OGC = "ogc-"
_SCHEMES = {
    "operator": {"type": "http", "scheme": "bearer", "description": "操作员令牌 the operator's token"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-OneMap-Signature",
        "description": "sha256= 与 HMAC-SHA256，见数据源指南 and the HMAC-SHA256 that the guide to feeds describes",
    },
}


def _problem(meaning: str) -> Json:
    return {"description": meaning, "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _exception(meaning: str) -> Json:
    schema = {"$ref": "#/components/schemas/Exception"}
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}


def _correct(path: str, method: str, operation: Json) -> None:
    """Correct the responses and the security of an operation."""
    responses = operation["responses"]
    responses.pop("422", None)
    if path in _CONTENT:
        responses["200"]["content"] = {kind: {} for kind in _CONTENT[path]}
    if path in _OF_HISTORY:
        responses["200"]["content"] |= {kind: {} for kind in (*_TEXTS, *_FILES)}
    limited = method in {"post", "patch", "put", "delete"} or path.startswith(_TAKES_MORE)
    for status in (*_EVERYWHERE, *(_OF_WRITING if limited else ())):
        name = f"{_OGC if path.startswith('/ogc/') else ''}{status}"
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{name}"})
    if path == _SIGNED:
        operation["security"] = [{}, {"signature": []}]


def _fast_paths() -> Json:
    """Return the paths that are answered in front of the application, and the pages."""
    layers = _name("layers", "图层，逗号分隔 collection ids, by comma")
    name = _name("name", "栅格 a raster")
    moment = _query("datetime", "时刻 the newest at or before it")
    of_features = (_query("filter", "CQL2"), _query("datetime", "时间或时段 date, date-time or interval"))
    as_of = (_query("at", "截至的时刻 as of this moment"), _query("v", "版本，供缓存 the version, for caches"))
    vector, place = (CONTENT_TYPE,), _place()
    tiles = {
        "/tiles/{layers}/{z}/{x}/{y}.mvt": _tile("getTile", "矢量瓦片", [layers, *place, *of_features, *as_of], vector),
        "/raster/{name}/contours/{z}/{x}/{y}.mvt": _tile(
            "getContourTile", "等值线瓦片", [name, *place, moment, _query("interval_m", "等高距 metres")], vector
        ),
    }
    for suffix, media in MEDIA.items():
        path = f"/raster/{{name}}/{{z}}/{{x}}/{{y}}.{suffix}"
        tiles[path] = _tile(f"getRasterTile{suffix.capitalize()}", "栅格瓦片", [name, *place, moment], (media,))
    pages = {"/": "一张图 The map", "/docs": "接口说明 These addresses on a page"}
    itself = {"description": "OK", "content": {_JSON: {"schema": {"type": "object"}}}}
    this = {
        "operationId": "getOpenapi",
        "summary": "本文档 This document",
        "tags": ["map"],
        "responses": {"200": itself},
    }
    return tiles | {path: _page(path, title) for path, title in pages.items()} | {"/openapi.json": {"get": this}}


def _tile(operation: str, title: str, parameters: list[Json], kinds: Iterable[str]) -> Json:
    drawn = {"description": "OK", "content": {k: {"schema": {"type": "string", "format": "binary"}} for k in kinds}}
    responses = {"200": drawn, "204": {"description": "空 nothing lies in the tile"}}
    summary = f"{title} A tile, {', '.join(kinds)}"
    described = {"operationId": operation, "summary": summary, "tags": ["tiles"]}
    return {"get": described | {"parameters": parameters, "responses": responses}}


def _page(path: str, title: str) -> Json:
    responses = {"200": {"description": "OK", "content": {"text/html; charset=utf-8": {}}}}
    operation = f"getPage{path.strip('/').capitalize()}"
    return {"get": {"operationId": operation, "summary": title, "tags": ["map"], "responses": responses}}


def _place() -> list[Json]:
    return [
        {"name": axis, "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}} for axis in "zxy"
    ]


def _name(name: str, description: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "minLength": 1},
    }


def _query(name: str, description: str) -> Json:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": {"type": "string"}}
