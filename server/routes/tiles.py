"""Vector tiles of the layers as MapLibre, QGIS and GDAL ask for them, and their TileJSON."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from layers.actor import Actor
from layers.catalog import Layer
from layers.database import in_our_words
from layers.definition import FieldType
from server.answers import Compressed
from server.auth import actor_of
from server.base_url import base_url
from server.state import State
from tiles.vector import CONTENT_TYPE, TileAddress, deepest_zoom, tile_clause, tile_fields

router = APIRouter(prefix="/tiles", tags=["tiles"])
ActorHere = Annotated[Actor, Depends(actor_of)]
_WORLD = (-180.0, -85.0511, 180.0, 85.0511)
_TILEJSON_TYPES: dict[FieldType, str] = {"integer": "Number", "number": "Number", "boolean": "Boolean"}


@router.get("/{layer}/{z}/{x}/{y}.mvt", response_class=Response, summary="One vector tile of a layer")
async def tile(layer: str, z: int, x: int, y: int, request: Request, actor: ActorHere) -> Response:
    """Return a Mapbox vector tile of WebMercatorQuad (row 0 in the north); 204 when nothing lies in it."""
    return await answer(request, actor, layer, TileAddress(z, x, y))


async def answer(request: Request, actor: Actor, layer: str, address: TileAddress) -> Response:
    """Answer a tile of any tile matrix set: 304 when the client has it, 204 when nothing lies in it.

    Raises
    ------
    NotFound
        For a layer that is not there, or hidden from the actor.
    """
    found = _state(request).catalog.current.visible(layer, actor)
    headers = _freshness(found, actor, address)
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    body = await _draw(request, found, actor, address)
    return Compressed(body, media_type=CONTENT_TYPE, headers=headers) if body else Response(None, 204, headers)


@router.get("/{layer}.json", summary="TileJSON 3.0 of a layer")
async def tilejson(layer: str, request: Request, actor: ActorHere) -> dict[str, Any]:
    """Describe a layer's tiles: their address, bounds, zooms and fields."""
    found = _state(request).catalog.current.visible(layer, actor)
    return tilejson_of(found, actor, base=base_url(request.scope, _state(request).settings.server.public_url))


def _state(request: Request) -> State:
    state: State = request.app.state.shared
    return state


async def _draw(request: Request, layer: Layer, actor: Actor, address: TileAddress) -> bytes:
    state = _state(request)
    limit = state.settings.limits.tile_features
    text, values = tile_clause(layer, actor, address, feature_limit=limit).render()
    with in_our_words():
        body: bytes | None = await state.pool.fetchval(text, *values)
    return body or b""


def _freshness(layer: Layer, actor: Actor, address: TileAddress) -> dict[str, str]:
    """Headers known before anything is drawn, so that a tile the client has costs no query."""
    place = f"{address.grid.id}/{address.z}/{address.x}/{address.y}"
    what = f"{layer.id} {layer.version} {layer.definition.map} {actor.audience} {place}"
    shared = "public" if actor.subject == "anonymous" else "private"
    return {
        "ETag": f'"{hashlib.sha256(what.encode()).hexdigest()[:16]}"',
        "Cache-Control": f"{shared}, max-age=60, stale-while-revalidate=600",
        "Vary": "Authorization, Accept-Encoding",
    }


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
        "tiles": [f"{base}/tiles/{layer.id}/{{z}}/{{x}}/{{y}}.mvt?v={layer.version}"],
        "bounds": layer.extent_crs84 or _WORLD,
        "minzoom": definition.map.min_zoom,
        "maxzoom": deepest_zoom(definition),
        "vector_layers": [{"id": layer.id, "description": definition.title_zh, "fields": {"id": "String", **fields}}],
    }
