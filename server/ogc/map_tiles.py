"""Tilesets of maps: of a raster, a layer or the dataset, in every style; `server/tiles` sends the tiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layers.catalog import Layer
from server.formats.geojson import GEOJSON
from server.ogc.answer import Endpoint, OgcResponse, document_response
from server.ogc.maps import shown_as
from server.ogc.tilesets import map_tileset
from server.ogc.visit import Visit
from server.tiles.extent import extent_of
from server.tiles.parameters import layers_of
from tiles.grids import GRIDS, TileMatrixSet, grid_of
from tiles.styles.theme import theme_of

_DEEPEST = 18  # deepest zoom that tilesets list: 0.6 m a pixel


async def _tilesets(visit: Visit, names: Mapping[str, str]) -> OgcResponse:
    listed = [await _tileset(visit, names, grid) for grid in GRIDS.values()]
    own = {"rel": "self", "type": "application/json", "title": visit.title("地图瓦片", "Map tiles")}
    document: dict[str, object] = {"tilesets": listed, "links": [{**own, "href": _url(visit, names)}]}
    return document_response(visit, document, "application/json")


async def _one_tileset(visit: Visit, names: Mapping[str, str]) -> OgcResponse:
    return document_response(visit, await _tileset(visit, names, grid_of(names["set"])), "application/json")


async def _tileset(visit: Visit, names: Mapping[str, str], grid: TileMatrixSet) -> dict[str, Any]:
    if "style" in names:
        theme_of(names["style"])
    url, name = _url(visit, names), names.get("shown")
    if name is None:
        layers = layers_of(visit.catalog, visit.actor, None, None)
        return map_tileset(visit, grid, extent_of(layers), range(_DEEPEST + 1), url, visit.title("全图", "The map"))
    shown = await shown_as(visit, name)
    if isinstance(shown, Layer):
        title = visit.title(shown.definition.title_zh, shown.definition.title_en)
        return map_tileset(visit, grid, shown.extent_crs84, range(_DEEPEST + 1), url, title)
    return map_tileset(visit, grid, shown.extent_crs84, range(shown.max_zoom + 1), url, shown.title)


def _url(visit: Visit, names: Mapping[str, str]) -> str:
    of = f"/collections/{names['shown']}" if "shown" in names else ""
    style = f"/styles/{names['style']}" if "style" in names else ""
    return f"{visit.ogc}{of}{style}/map/tiles"


_PLACES = ("", "/styles/{style}", "/collections/{shown}", "/collections/{shown}/styles/{style}")
ENDPOINTS = (
    *(Endpoint(f"{place}/map/tiles", _tilesets, formats=(GEOJSON,)) for place in _PLACES),
    *(Endpoint(f"{place}/map/tiles/{{set}}", _one_tileset, formats=(GEOJSON,)) for place in _PLACES),
)
