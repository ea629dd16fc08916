"""OGC API - Tiles over the vector tiles: tilesets of a collection, and the tiles at their OGC addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from layers.actor import Actor
from layers.errors import NotFound
from server.auth import actor_of
from server.media import HTML
from server.ogc.answer import Answer, Endpoint, written
from server.ogc.html import Page
from server.ogc.visit import Visit
from server.routes import tiles
from tiles.vector import CONTENT_TYPE, DEEPEST_ZOOM, tile_fields

SCHEME = "WebMercatorQuad"
_SCHEME_URI = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{SCHEME}"
_WEB_MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
_JSON_TYPES = {"integer": "integer", "number": "number", "boolean": "boolean"}

router = APIRouter(include_in_schema=False)


@router.get(f"/ogc/collections/{{collection}}/tiles/{SCHEME}/{{z}}/{{row}}/{{col}}")
async def tile(
    collection: str, z: int, row: int, col: int, request: Request, actor: Annotated[Actor, Depends(actor_of)]
) -> Response:
    """Answer the same bytes as the XYZ address; OGC puts the row before the column."""
    return await tiles.tile(collection, z, col, row, request, actor)


async def _tilesets(visit: Visit, _names: Mapping[str, str]) -> Answer:
    links = [_link(visit, "self", "", visit.title("矢量瓦片集", "Vector tilesets"))]
    title = visit.title(visit.layer.definition.title_zh, visit.layer.definition.title_en)
    document = {"id": visit.layer.id, "title": title, "tilesets": [_tileset(visit)], "links": links}
    return await _written(visit, "collections/tiles/index.html", document)


async def _one_tileset(visit: Visit, _names: Mapping[str, str]) -> Answer:
    return await _written(visit, "collections/tiles/metadata.html", _tileset(visit))


async def _written(visit: Visit, template: str, document: dict[str, Any]) -> Answer:
    if visit.layer.definition.geometry_type == "None":
        raise NotFound(f"layer '{visit.layer.id}' has no geometries, and so no tiles", parameter="collectionId")
    made = Page(template, document) if visit.media is HTML else document
    return await run_in_threadpool(written, visit, made, "application/json")


def _tileset(visit: Visit) -> dict[str, Any]:
    layer = visit.layer
    definition = layer.definition
    fields = {
        f.definition.name: {"type": _JSON_TYPES.get(f.definition.type, "string")}
        for f in tile_fields(layer, visit.actor)
    }
    west, south, east, north = layer.extent_crs84 or (-180.0, -85.0511, 180.0, 85.0511)
    tile_url = f"{visit.ogc}/collections/{layer.id}/tiles/{SCHEME}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"
    item = {"rel": "item", "type": CONTENT_TYPE, "title": "Mapbox vector tile", "href": tile_url, "templated": True}
    return {
        "title": visit.title(definition.title_zh, definition.title_en),
        "dataType": "vector",
        "crs": _WEB_MERCATOR,
        "tileMatrixSetURI": _SCHEME_URI,
        "boundingBox": {"lowerLeft": [west, south], "upperRight": [east, north]},
        "layers": [
            {
                "id": layer.id,
                "dataType": "vector",
                "minTileMatrix": str(definition.map.min_zoom),
                "maxTileMatrix": str(max(DEEPEST_ZOOM, definition.map.min_zoom)),
                "propertiesSchema": {"type": "object", "properties": {"id": {"type": "string"}, **fields}},
            }
        ],
        "links": [
            _link(visit, "self", f"/{SCHEME}", visit.title("瓦片集", "Tileset")),
            {
                "rel": "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme",
                "type": "application/json",
                "title": SCHEME,
                "href": f"{visit.ogc}/TileMatrixSets/{SCHEME}",
            },
            item,
        ],
    }


def _link(visit: Visit, rel: str, path: str, title: str) -> dict[str, str]:
    href = f"{visit.ogc}/collections/{visit.layer.id}/tiles{path}"
    return {"rel": rel, "type": "application/json", "title": title, "href": href}


ENDPOINTS = (
    Endpoint("/collections/{collection}/tiles", _tilesets),
    Endpoint(f"/collections/{{collection}}/tiles/{SCHEME}", _one_tileset),
)
