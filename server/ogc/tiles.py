"""OGC API - Tiles over the vector tiles: tile matrix sets, tilesets of a collection, and the tiles themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool

from layers.errors import NotFound
from server.media import HTML
from server.ogc.answer import Answer, Endpoint, written
from server.ogc.html import Page
from server.ogc.visit import Visit
from tiles.grids import GRIDS, TileMatrixSet, grid_of
from tiles.vector import CONTENT_TYPE, deepest_zoom, tile_fields

REL = "http://www.opengis.net/def/rel/ogc/1.0"
_JSON_TYPES = {"integer": "integer", "number": "number", "boolean": "boolean"}


async def _matrix_sets(visit: Visit, _names: Mapping[str, str]) -> Answer:
    listed = [{**_named(grid, visit), "links": [matrix_set_link(visit, grid)]} for grid in GRIDS.values()]
    return await _written(visit, "tilematrixsets/index.html", {"tileMatrixSets": listed})


async def _matrix_set(visit: Visit, names: Mapping[str, str]) -> Answer:
    grid = grid_of(names["set"])
    return await _written(visit, "tilematrixsets/tilematrixset.html", grid.document() | _named(grid, visit))


def _named(grid: TileMatrixSet, visit: Visit) -> dict[str, Any]:
    named = {"id": grid.id, "title": visit.title(grid.title_zh, grid.title_en), "uri": grid.uri, "crs": grid.crs}
    return {name: value for name, value in named.items() if value is not None}


async def _tilesets(visit: Visit, _names: Mapping[str, str]) -> Answer:
    links = [_link(visit, "self", "", visit.title("矢量瓦片集", "Vector tilesets"))]
    title = visit.title(visit.layer.definition.title_zh, visit.layer.definition.title_en)
    listed = [_tileset(visit, grid) for grid in GRIDS.values()]
    document = {"id": visit.layer.id, "title": title, "tilesets": listed, "links": links}
    return await _of_layer(visit, "collections/tiles/index.html", document)


async def _one_tileset(visit: Visit, names: Mapping[str, str]) -> Answer:
    return await _of_layer(visit, "collections/tiles/metadata.html", _tileset(visit, grid_of(names["set"])))


async def _of_layer(visit: Visit, template: str, document: dict[str, Any]) -> Answer:
    if visit.layer.definition.geometry_type == "None":
        raise NotFound(f"layer '{visit.layer.id}' has no geometries, and so no tiles", parameter="collectionId")
    return await _written(visit, template, document)


async def _written(visit: Visit, template: str, document: dict[str, Any]) -> Answer:
    made = Page(template, document) if visit.media is HTML else document
    return await run_in_threadpool(written, visit, made, "application/json")


def _tileset(visit: Visit, grid: TileMatrixSet) -> dict[str, Any]:
    layer = visit.layer
    definition = layer.definition
    fields = {
        f.definition.name: {"type": _JSON_TYPES.get(f.definition.type, "string")}
        for f in tile_fields(layer, visit.actor)
    }
    west, south, east, north = layer.extent_crs84 or (-180.0, -85.0511, 180.0, 85.0511)
    href = f"{visit.ogc}/collections/{layer.id}/tiles/{grid.id}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"
    item = {"rel": "item", "type": CONTENT_TYPE, "title": "Mapbox vector tile", "href": href, "templated": True}
    return {
        "title": visit.title(definition.title_zh, definition.title_en),
        "dataType": "vector",
        "crs": grid.crs,
        "tileMatrixSetId": grid.id,
        "tileMatrixSetURI": grid.uri or f"{visit.ogc}/TileMatrixSets/{grid.id}",
        "boundingBox": {"lowerLeft": [west, south], "upperRight": [east, north]},
        "layers": [
            {
                "id": layer.id,
                "dataType": "vector",
                "minTileMatrix": str(min(definition.map.min_zoom, grid.deepest)),
                "maxTileMatrix": str(min(deepest_zoom(definition), grid.deepest)),
                "propertiesSchema": {"type": "object", "properties": {"id": {"type": "string"}, **fields}},
            }
        ],
        "links": [
            _link(visit, "self", f"/{grid.id}", visit.title("瓦片集", "Tileset")),
            matrix_set_link(visit, grid),
            item,
        ],
    }


def matrix_set_link(visit: Visit, grid: TileMatrixSet) -> dict[str, str]:
    """Return the link from a tileset to how its tiles lie."""
    href = f"{visit.ogc}/TileMatrixSets/{grid.id}"
    return {"rel": f"{REL}/tiling-scheme", "type": "application/json", "title": grid.id, "href": href}


def _link(visit: Visit, rel: str, path: str, title: str) -> dict[str, str]:
    href = f"{visit.ogc}/collections/{visit.layer.id}/tiles{path}"
    return {"rel": rel, "type": "application/json", "title": title, "href": href}


ENDPOINTS = (
    Endpoint("/TileMatrixSets", _matrix_sets),
    Endpoint("/TileMatrixSets/{set}", _matrix_set),
    Endpoint("/collections/{collection}/tiles", _tilesets),
    Endpoint("/collections/{collection}/tiles/{set}", _one_tileset),
)
