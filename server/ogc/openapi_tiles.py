"""Tiles and maps in the OpenAPI description; names of operations end as OGC API - Tiles and Maps require."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from layers.coordinates.crs import served_crs
from layers.types import Json
from server.ogc.openapi_parts import documents, operation, path_parameter, query_parameter
from server.tiles.form import PICTURES, SIDE_MAX, VALUES
from tiles.grids import GRIDS
from tiles.raster.members import Raster
from tiles.raster.style import COLORMAPS, FORMS
from tiles.styles.theme import read_themes
from tiles.vector import CONTENT_TYPE

_BINARY: Json = {"schema": {"type": "string", "format": "binary"}}
_NUMBER = {"type": "number"}
_TILE = tuple(path_parameter(name, {"type": "integer", "minimum": 0}) for name in ("tileMatrix", "tileRow", "tileCol"))
_SET = path_parameter("tileMatrixSetId", {"type": "string", "enum": list(GRIDS)})
_PLACE = "{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"
_FILTERS = ("datetime", "filter", "filter-lang", "filter-crs", "at", "basis")
_AREA = ("bbox", "map-bbox-crs", "subset", "subset-crs", "center", "center-crs", "map-crs", "width", "height",
         "scale-denominator", "transparent", "bgcolor")  # fmt: skip
_TILE_LOOK = ("width", "height", "transparent", "bgcolor")
_COLLECTIONS = query_parameter(
    "collections", "图层，逗号分隔 ids of layers, by comma", {"type": "array", "items": {"type": "string"}}
)


def layer_paths(layer_id: str, title: str, properties: Sequence[Json]) -> Json:
    """Return the paths of tiles and maps of a layer; `properties` are parameters that filter by a property."""
    path, tag = f"/collections/{layer_id}", layer_id
    vector = _vector_paths(path, f"{layer_id}.collection", title, tag, *properties)
    return vector | _map_paths(path, f"{layer_id}.collection", title, tag, *properties)


def dataset_paths() -> Json:
    """Return the paths of tiles and maps of the dataset."""
    title, tag = "全部图层 All layers", "service"
    vector = _vector_paths("", "dataset", title, tag, _COLLECTIONS, html=False)
    return vector | _map_paths("", "dataset", title, tag, _COLLECTIONS)


def raster_paths(raster: Raster) -> Json:
    """Return the paths of the collection, the maps and the map tiles of a raster."""
    path, tag, name = f"/collections/{raster.id}", raster.id, f"{raster.id}.collection"
    look = [query_parameter(one, *of) for one, of in _LOOK.items()]
    described = operation(f"{name}.getCollection", f"{raster.title}: 说明 description", tag, _json(), ("f", "lang"))
    images = _images(values=True)
    shared = ("datetime", "lang", *_AREA)
    shown = operation(f"{name}.getMap", f"{raster.title}: 地图 map", tag, images, shared, _form(values=True), *look)
    tile = operation(
        f"{name}.map.getTile", f"{raster.title}: 地图瓦片 map tile", tag, images, ("datetime", *_TILE_LOOK),
        _form(values=True), _SET, *_TILE, *look,
    )  # fmt: skip
    return {
        path: {"get": described},
        f"{path}/map": {"get": shown},
        **_tilesets(f"{path}/map/tiles", f"{name}.map", raster.title, tag),
        f"{path}/map/tiles/{_PLACE}": {"get": _or_empty(tile)},
    }


def _vector_paths(path: str, name: str, title: str, tag: str, *own: Json, html: bool = True) -> Json:
    tile = operation(
        f"{name}.vector.getTile", f"{title}: 矢量瓦片 vector tile", tag, {CONTENT_TYPE: _BINARY}, _FILTERS,
        query_parameter("f", "格式 format", {"type": "string", "enum": ["mvt"]}), _SET, *_TILE, *own,
    )  # fmt: skip
    listed = [one for one in own if one is _COLLECTIONS]
    return {
        **_tilesets(f"{path}/tiles", f"{name}.vector", title, tag, *listed, html=html),
        f"{path}/tiles/{_PLACE}": {"get": _or_empty(tile)},
    }


def _map_paths(path: str, name: str, title: str, tag: str, *own: Json) -> Json:
    style = path_parameter("styleId", {"type": "string", "enum": list(read_themes())})
    return _maps(path, name, title, tag, *own) | _maps(
        f"{path}/styles/{{styleId}}", f"{name}.style", title, tag, *own, style=(style,)
    )


def _maps(path: str, name: str, title: str, tag: str, *own: Json, style: tuple[Json, ...] = ()) -> Json:
    images, form = _images(), _form()
    shared = ("lang", *_FILTERS, *_AREA)
    shown = operation(f"{name}.getMap", f"{title}: 地图 map", tag, images, shared, form, *own, *style)
    tile = operation(
        f"{name}.map.getTile", f"{title}: 地图瓦片 map tile", tag, images, (*_FILTERS, *_TILE_LOOK), form, _SET, *_TILE,
        *own, *style,
    )  # fmt: skip
    return {
        f"{path}/map": {"get": shown},
        **_tilesets(f"{path}/map/tiles", f"{name}.map", title, tag, *style),
        f"{path}/map/tiles/{_PLACE}": {"get": tile},
    }


def _tilesets(path: str, name: str, title: str, tag: str, *own: Json, html: bool = False) -> Json:
    content = documents(html=html)
    listed = operation(f"{name}.getTileSetsList", f"{title}: 瓦片集列表 tilesets", tag, content, ("f", "lang"), *own)
    one = operation(f"{name}.getTileSet", f"{title}: 瓦片集 tileset", tag, content, ("f", "lang"), _SET, *own)
    return {path: {"get": listed}, f"{path}/{{tileMatrixSetId}}": {"get": one}}


def _or_empty(tile: Json) -> Json:
    tile["responses"]["204"] = {"description": "空 nothing lies in the tile"}
    return tile


def _json() -> Json:
    return documents(html=False)


def _images(*, values: bool = False) -> Json:
    return {form.type: _BINARY for form in (*PICTURES, *((VALUES,) if values else ()))}


def _form(*, values: bool = False) -> Json:
    names = [form.f for form in PICTURES] + ([VALUES.f] if values else [])
    title = "格式，优先于 Accept 头 format, before the Accept header"
    return query_parameter("f", title, {"type": "string", "enum": [*names, "jpeg", "tiff"]})


def tile_parameters() -> Json:
    """Return the parameters that maps and map tiles share, beside those of features."""
    pixels = {"type": "integer", "minimum": 1, "maximum": SIDE_MAX}
    system: Any = {"type": "string"}
    described: dict[str, tuple[str, Json]] = {
        "subset": ('范围与时刻 Lat(23.1:23.2),Lon(113.3:113.4),time("…")', {"type": "string"}),
        "subset-crs": ("subset 的坐标系 of subset", system),
        "center": ("中心 the middle of the map", {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}),
        "center-crs": ("center 的坐标系 of center", system),
        "width": ("宽，像素 pixels across", pixels),
        "height": ("高，像素 pixels down", pixels),
        "scale-denominator": ("比例尺分母 of the scale", {"type": "number", "minimum": 1}),
        "transparent": ("空处透明 transparent where nothing is", {"type": "boolean"}),
        "bgcolor": ("背景色 RRGGBB of the ground", {"type": "string", "pattern": "^(0x|#)?[0-9a-fA-F]{6}$"}),
    }
    served: Json = {"type": "string", "enum": [crs.uri for crs in served_crs()]}
    systems = {
        "map-crs": query_parameter("crs", "地图的坐标系 of the map", served),
        "map-bbox-crs": query_parameter("bbox-crs", "bbox 的坐标系 of bbox", served),
    }
    return systems | {name: query_parameter(name, *of) for name, of in described.items()}


_LOOK: dict[str, tuple[str, Json]] = {
    "bands": ("波段，一个或三个 one or three bands by comma", {"type": "string"}),
    "expression": ("波段算式 of bands: (b4-b3)/(b4+b3)", {"type": "string"}),
    "rescale": ("拉伸范围 lowest and highest value", {"type": "string"}),
    "colormap": ("配色 colours", {"type": "string", "enum": list(COLORMAPS)}),
    "form": ("表现 what is computed of heights", {"type": "string", "enum": list(FORMS)}),
    "azimuth": ("光源方位 of the light, degrees", {"type": "number", "minimum": 0, "maximum": 360}),
    "altitude": ("光源高度 of the light, degrees", {"type": "number", "minimum": 0, "maximum": 90}),
}
