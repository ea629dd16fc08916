"""Vector tiles of the layers as MapLibre, QGIS and GDAL ask for them, and their TileJSON."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from layers.actor import Actor
from layers.catalog import Layer
from layers.definition import FieldType
from server.auth import actor_of
from server.base_url import base_url
from server.state import State
from tiles.vector import deepest_zoom, tile_fields

router = APIRouter(prefix="/tiles", tags=["tiles"])
ActorHere = Annotated[Actor, Depends(actor_of)]
_WORLD = (-180.0, -85.0511, 180.0, 85.0511)
_TILEJSON_TYPES: dict[FieldType, str] = {"integer": "Number", "number": "Number", "boolean": "Boolean"}


@router.get("/{layer}.json", summary="TileJSON 3.0 of a layer")
async def tilejson(layer: str, request: Request, actor: ActorHere) -> dict[str, Any]:
    """Describe a layer's tiles: their address, bounds, zooms and fields."""
    found = _state(request).catalog.current.visible(layer, actor)
    return tilejson_of(found, actor, base=base_url(request.scope, _state(request).settings.server.public_url))


def _state(request: Request) -> State:
    state: State = request.app.state.shared
    return state


def tilejson_of(layer: Layer, actor: Actor, *, base: str) -> dict[str, Any]:
    """Build the TileJSON of a layer for an actor; `base` is the service's address without a final slash."""
    definition = layer.definition
    fields = {f.definition.name: _TILEJSON_TYPES.get(f.definition.type, "String") for f in tile_fields(layer, actor)}
    return {
        "tilejson": "3.0.0",
        "name": definition.title_zh,
        "description": definition.title_en,
        "attribution": definition.attribution or "",
        "scheme": "xyz",
        "tiles": [f"{base}/tiles/{layer.id}/{{z}}/{{x}}/{{y}}.mvt"],
        "bounds": layer.extent_crs84 or _WORLD,
        "minzoom": definition.map.min_zoom,
        "maxzoom": deepest_zoom(definition),
        "vector_layers": [{"id": layer.id, "description": definition.title_zh, "fields": {"id": "String", **fields}}],
    }
