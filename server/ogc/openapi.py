"""The OpenAPI description of the OGC API, for one audience: everything that answers, and nothing else.

pygeoapi's generator refers to schemas on other hosts, which a closed network cannot reach, lists fields that an
audience may not see, and lacks the parameters that our query builder adds; so the document is ours. Texts are in both
languages, since one document serves both.
"""

from __future__ import annotations

from layers.catalog import Layer
from layers.coordinates.crs import served_crs
from layers.coordinates.datum import DATUMS
from layers.cql2 import queryables_of
from layers.definition import FieldDefinition, FieldType
from layers.moment import BASES
from layers.types import Json
from server.build import build_id
from server.descriptions.examples import add_examples
from server.formats.media import Media
from server.formats.table import offered
from server.http.conditions import FILTER_LANGUAGES, PARAMETERS
from server.items.fast import FILTER_TYPES
from server.items.request import ITEM_PARAMETERS
from server.ogc.edr.metadata import OF_RASTERS, OF_STATIONS
from server.ogc.edr.openapi import edr_paths
from server.ogc.edr.stations import has_series
from server.ogc.moving.openapi import moving_paths
from server.ogc.openapi_parts import documents, operation, path_parameter, query_parameter
from server.ogc.openapi_tiles import dataset_paths, layer_paths, raster_paths, tile_parameters
from server.ogc.raster_collections import visible_rasters
from server.ogc.visit import LANGUAGES, Visit
from server.settings import LimitSettings
from tiles.grids import GRIDS

OPENAPI_TYPE = "application/vnd.oai.openapi+json;version=3.0"
_INTERFACE: Json = {OPENAPI_TYPE: {}, "text/html": {}}
_NULLS = query_parameter(
    "nulls",
    "是否允许空值 whether members may be null",
    {"type": "string", "enum": ["true", "false"], "default": "false"},
)
_TYPES: dict[FieldType, Json] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string"},
    "datetime": {"type": "string"},
}


def openapi(config: Json, visit: Visit) -> Json:
    """Return the description of the service as the visit's actor sees it."""
    limits = visit.state.settings.limits
    identification = config["metadata"]["identification"]
    layers = [visit.catalog[name] for name in config["resources"]]
    rasters = visible_rasters(visit)
    paths = _service_paths() | dataset_paths()
    for layer in layers:
        paths |= _layer_paths(layer, visit)
    for raster in rasters:
        paths |= raster_paths(raster) | edr_paths(raster.id, raster.title, OF_RASTERS)
    document = {
        "openapi": "3.0.3",
        "info": {
            "title": _both(identification["title"]),
            "description": _both(identification["description"]),
            "version": build_id(),
            "license": {"name": _both(config["metadata"]["license"]["name"])},
            "contact": {"name": config["metadata"]["contact"]["name"]},
        },
        "servers": [{"url": "/ogc"}],
        "tags": [
            {"name": "service"},
            *({"name": layer.id, "description": _title(layer)} for layer in layers),
            *({"name": raster.id, "description": raster.title} for raster in rasters),
        ],
        "paths": paths,
        "components": {
            "parameters": _parameters(limits) | tile_parameters(),
            "responses": _responses(),
            "securitySchemes": {"operator": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"operator": []}],
    }
    add_examples(document)
    return document


def _both(text: str | Json) -> str:
    return text if isinstance(text, str) else " · ".join(str(text[language]) for language in LANGUAGES)


def _title(layer: Layer) -> str:
    return f"{layer.definition.title_zh} {layer.definition.title_en}"


def _service_paths() -> Json:
    def get(name: str, summary: str, *, ld: bool = False) -> Json:
        return {"get": operation(name, summary, "service", documents(ld=ld), ("f", "lang"))}

    return {
        "/": get("getLandingPage", "服务首页 Landing page", ld=True),
        **{
            path: {"get": operation(name, "本文档 This document", "service", _INTERFACE, ("f", "lang"))}
            for path, name in (("/openapi", "getOpenapi"), ("/api", "getApi"))
        },
        "/conformance": get("getConformance", "符合性声明 Conformance"),
        "/collections": get("getCollections", "图层集合 Collections", ld=True),
        "/TileMatrixSets": get("service.getTileMatrixSetsList", "瓦片矩阵集 Tile matrix sets"),
    } | {
        f"/TileMatrixSets/{name}": get(f"{name}.getTileMatrixSet", f"瓦片矩阵集 Tile matrix set {name}")
        for name in GRIDS
    }


def _layer_paths(layer: Layer, visit: Visit) -> Json:
    path, tag, title = f"/collections/{layer.id}", layer.id, _title(layer)
    name = "".join(part.capitalize() for part in layer.id.split("_"))

    def get(kind: str, what: str, content: Json, names: tuple[str, ...] = ("f", "lang"), *own: Json) -> Json:
        return {"get": operation(f"get{name}{kind}", f"{title}: {what}", tag, content, names, *own)}

    schema = _of_schema()
    properties = _property_parameters(layer, visit)
    page = _features(offered(layer.definition))
    described = {
        path: get("", "说明 description", documents(ld=True)),
        f"{path}/schema": get("Schema", "结构 schema", schema),
        f"{path}/schema/feature": get(
            "FeatureSchema",
            "GeoJSON 要素的结构 schema of a GeoJSON feature",
            _of_schema(html=False),
            ("f", "lang"),
            _NULLS,
        ),
        f"{path}/queryables": get("Queryables", "可查询属性 queryables", schema),
        f"{path}/sortables": get("Sortables", "可排序属性 sortables", schema),
        f"{path}/items": get("Items", "要素 features", page, PARAMETERS, *properties),
        f"{path}/items/{{featureId}}": get(
            "Item", "单个要素 one feature", _features(offered(single=True)), ITEM_PARAMETERS, _FEATURE_ID
        ),
    }
    post = operation(
        f"search{name}Items", f"{title}: 按 CQL2 查询 features by CQL2", tag, page, PARAMETERS, *properties
    )
    body = {"required": True, "content": {kind: {"schema": _filter_schema(kind)} for kind in sorted(FILTER_TYPES)}}
    described[f"{path}/items"]["post"] = post | {"requestBody": body}
    if layer.definition.geometry_type == "None":
        return described
    if has_series(layer):
        described |= edr_paths(layer.id, title, OF_STATIONS)
    if layer.definition.motion is not None:
        described |= moving_paths(layer.id, title, _FEATURE_ID)
    return described | layer_paths(layer.id, title, properties)


def _of_schema(*, html: bool = True) -> Json:
    return {"application/schema+json": {"schema": {"type": "object"}}} | ({"text/html": {}} if html else {})


def _features(offered: tuple[Media, ...]) -> Json:
    return {m.type: {"schema": {"type": "object"}} if "json" in m.type else {} for m in offered}


def _filter_schema(kind: str) -> Json:
    return {"type": "object"} if kind.endswith("json") else {"type": "string"}


def _property_parameters(layer: Layer, visit: Visit) -> list[Json]:
    """Return the queryables that are parameters of their own; GDAL and QGIS push filters to these."""
    allowed = queryables_of(layer.definition, visit.actor)
    fields = (f for f in layer.definition.fields if f.name in allowed and f.name not in PARAMETERS)
    return [_property_parameter(f) for f in fields if f.type != "json"]


def _property_parameter(field: FieldDefinition) -> Json:
    described = f"{field.title_zh} {field.title_en}" + (f" ({field.unit})" if field.unit else "")
    return query_parameter(field.name, described, _TYPES.get(field.type, {"type": "string"}))


_FEATURE_ID = path_parameter("featureId", {"type": "string", "minLength": 1})


def _parameters(limits: LimitSettings) -> Json:
    systems = {"type": "string", "enum": [*(crs.uri for crs in served_crs()), *DATUMS]}
    number = {"type": "number"}
    described: dict[str, tuple[str, Json]] = {
        "lang": ("语言 language", {"type": "string", "enum": list(LANGUAGES)}),
        "limit": (
            (
                "每页最多要素数；all 为全部，边读边发；文件与表格（csv、parquet 等）缺省为全部 "
                "most features on a page; `all` is every one, sent as it is read; files and tables (csv, parquet and "
                "others) hold all of them by default, and more than the maximum when asked"
            ),
            {"type": "integer", "minimum": 1, "maximum": limits.page_max, "default": limits.page_default},
        ),
        "offset": ("跳过的要素数 features to skip", {"type": "integer", "minimum": 0, "default": 0}),
        "cursor": ("下一页的位置，取自 next 链接 where the page begins, as the next link has it", {"type": "string"}),
        "bbox": (
            "范围，可跨 180° 经线 box; west may be greater than east",
            {"type": "array", "items": number, "minItems": 4, "maxItems": 6},
        ),
        "bbox-crs": ("bbox 的坐标系 of bbox", systems),
        "crs": (
            "输出坐标系；gcj02、bd09 为手机地图的偏移坐标 of the geometries in the answer; gcj02, bd09: of phone maps",
            systems,
        ),
        "datetime": ("时间或时间段 RFC 3339 date, date-time or interval", {"type": "string"}),
        "filter": ("CQL2 表达式 expression", {"type": "string"}),
        "filter-lang": (
            "filter 的语言 of filter",
            {"type": "string", "enum": list(FILTER_LANGUAGES), "default": "cql2-text"},
        ),
        "filter-crs": ("filter 的坐标系 of filter", systems),
        "sortby": (
            "排序属性，负号为降序 properties, a minus before descending ones",
            {"type": "array", "items": {"type": "string"}},
        ),
        "properties": ("返回的属性 properties in the answer", {"type": "array", "items": {"type": "string"}}),
        "skipGeometry": ("不返回几何 without geometries", {"type": "boolean", "default": False}),
        "resulttype": (
            "只要数量 hits: the number alone",
            {"type": "string", "enum": ["results", "hits"], "default": "results"},
        ),
        "at": (
            "截至的时刻，须带时区；缺省为现在 as of this moment, with its offset; now by default",
            {"type": "string", "format": "date-time"},
        ),
        "basis": (
            "known：当时所知；phenomenon：当时实情 what was known then, or what was true then",
            {"type": "string", "enum": list(BASES), "default": "known"},
        ),
    }
    return {name: query_parameter(name, *of) for name, of in described.items()}


def _responses() -> Json:
    exception = {
        "type": "object",
        "required": ["code", "description"],
        "properties": {name: {"type": "string"} for name in ("code", "type", "description")},
    }
    meanings = {
        400: "参数有误 something in the request is wrong; the description says what is allowed",
        401: "令牌无效 the token is not one of ours",
        403: "无权查看历史 you may read it as it is now, and not its past",
        404: "不存在或无权查看 no such thing, or none that you may see",
        413: "超出限制 a limit was passed",
        429: "请求过多 too much at once; `Retry-After` says when to come again",
        500: "服务错误 something went wrong on our side",
        503: "数据库不可用 the database is away",
    }
    content = {"application/json": {"schema": exception}, "text/html": {}}
    return {str(status): {"description": meaning, "content": content} for status, meaning in meanings.items()}
