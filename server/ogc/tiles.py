"""OGC API - Tiles over the vector tiles: tile matrix sets, tilesets of a collection and of the dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool

from layers.errors import NotFound
from server.formats.geojson import GEOJSON
from server.formats.pages import HTML
from server.ogc.answer import Endpoint, OgcResponse, document_response
from server.ogc.html import Page
from server.ogc.tilesets import matrix_set_link, vector_tileset
from server.ogc.visit import Visit
from server.tiles.parameters import layers_of
from tiles.grids import GRIDS, TileMatrixSet, grid_of

_CHOSEN = ("f", "lang", "collections")


async def _matrix_sets(visit: Visit, _names: Mapping[str, str]) -> OgcResponse:
    listed = [{**_summary(grid, visit), "links": [matrix_set_link(visit, grid)]} for grid in GRIDS.values()]
    return await _response(visit, "tilematrixsets/index.html", {"tileMatrixSets": listed})


async def _matrix_set(visit: Visit, names: Mapping[str, str]) -> OgcResponse:
    grid = grid_of(names["set"])
    return await _response(visit, "tilematrixsets/tilematrixset.html", grid.document() | _summary(grid, visit))


def _summary(grid: TileMatrixSet, visit: Visit) -> dict[str, Any]:
    named = {"id": grid.id, "title": visit.title(grid.title_zh, grid.title_en), "uri": grid.uri, "crs": grid.crs}
    return {name: value for name, value in named.items() if value is not None}


async def _tilesets(visit: Visit, _names: Mapping[str, str]) -> OgcResponse:
    url, layer = f"{visit.ogc}/collections/{visit.layer.id}/tiles", visit.layer
    links = [_self(url, visit.title("矢量瓦片集", "Vector tilesets"))]
    listed = [vector_tileset(visit, grid, [layer], url, _title(visit)) for grid in GRIDS.values()]
    document = {"id": layer.id, "title": _title(visit), "tilesets": listed, "links": links}
    return await _of_layer(visit, "collections/tiles/index.html", document)


async def _one_tileset(visit: Visit, names: Mapping[str, str]) -> OgcResponse:
    url = f"{visit.ogc}/collections/{visit.layer.id}/tiles"
    document = vector_tileset(visit, grid_of(names["set"]), [visit.layer], url, _title(visit))
    return await _of_layer(visit, "collections/tiles/metadata.html", document)


async def _dataset_tilesets(visit: Visit, _names: Mapping[str, str]) -> OgcResponse:
    url = f"{visit.ogc}/tiles"
    links = [_self(url, visit.title("矢量瓦片集", "Vector tilesets"))]
    listed = [_dataset_tileset(visit, grid) for grid in GRIDS.values()]
    return document_response(visit, {"tilesets": listed, "links": links}, "application/json")


async def _one_dataset_tileset(visit: Visit, names: Mapping[str, str]) -> OgcResponse:
    return document_response(visit, _dataset_tileset(visit, grid_of(names["set"])), "application/json")


def _dataset_tileset(visit: Visit, grid: TileMatrixSet) -> dict[str, Any]:
    layers = layers_of(visit.catalog, visit.actor, visit.given.get("collections"), None)
    title = visit.title("全部图层", "All layers")
    described = vector_tileset(visit, grid, layers, f"{visit.ogc}/tiles", title)
    if "collections" in visit.given:
        chosen = urlencode({"collections": ",".join(layer.id for layer in layers)}, safe=",")
        for link in described["links"]:
            if link["rel"] in {"item", "self"}:
                link["href"] += f"?{chosen}"
    return described


def _title(visit: Visit) -> str:
    definition = visit.layer.definition
    return visit.title(definition.title_zh, definition.title_en)


async def _of_layer(visit: Visit, template: str, document: dict[str, Any]) -> OgcResponse:
    if visit.layer.definition.geometry_type == "None":
        raise NotFound(f"layer '{visit.layer.id}' has no geometries, and so no tiles", parameter="collectionId")
    return await _response(visit, template, document)


async def _response(visit: Visit, template: str, document: dict[str, Any]) -> OgcResponse:
    made = Page(template, document) if visit.media is HTML else document
    return await run_in_threadpool(document_response, visit, made, "application/json")


def _self(url: str, title: str) -> dict[str, str]:
    return {"rel": "self", "type": "application/json", "title": title, "href": url}


ENDPOINTS = (
    Endpoint("/TileMatrixSets", _matrix_sets),
    Endpoint("/TileMatrixSets/{set}", _matrix_set),
    Endpoint("/collections/{collection}/tiles", _tilesets),
    Endpoint("/collections/{collection}/tiles/{set}", _one_tileset),
    Endpoint("/tiles", _dataset_tilesets, _CHOSEN, (GEOJSON,)),
    Endpoint("/tiles/{set}", _one_dataset_tileset, _CHOSEN, (GEOJSON,)),
)
