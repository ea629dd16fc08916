"""TileJSON of vector tiles; `server.tiles.fast` serves the tiles."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from server.dependencies import ActorHere, BaseUrlHere, StateHere
from server.http.caching import VARIES, Keep, cache_control
from server.tiles.parameters import names_of
from server.tiles.tilejson import tilejson_of
from tiles.cache_key import tiles_version

router = APIRouter(prefix="/tiles", tags=["tiles"])


@router.get("/{layers}.json", summary="TileJSON 3.0 of a layer, or of several in one tile")
async def tilejson(
    layers: str, state: StateHere, base: BaseUrlHere, response: Response, actor: ActorHere
) -> dict[str, Any]:
    """Describe the tiles of a layer, or of several by comma: their address, bounds, zooms and fields."""
    found = [state.catalog.current.visible(name, actor) for name in names_of(layers)]
    response.headers["Cache-Control"] = cache_control(Keep.STEADY, actor, state.settings)
    response.headers["Vary"] = VARIES
    return tilejson_of(found, actor, base=base, version=tiles_version(found, state.build))
