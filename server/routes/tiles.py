"""TileJSON of vector tiles, and since when they are as they are; `server.tiles.fast` serves the tiles."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from layers.moment import read_moment
from server.dependencies import ActorHere, BaseUrlHere, StateHere
from server.http.caching import PRIVATE_HEADERS, VARIES, Keep, cache_control
from server.tiles.parameters import names_of
from server.tiles.since import LAYERS_MAX, shown_since
from server.tiles.tilejson import tilejson_of
from tiles.cache_key import tiles_version

router = APIRouter(prefix="/tiles", tags=["tiles"])


class TilesSince(BaseModel):
    """Since when the tiles of layers show what they show at a moment."""

    at: datetime | None = Field(description="时刻 the moment; null is now")
    since: dict[str, datetime] = Field(
        description="各图层自何时起即如该时刻；未列出者随时可变 by layer: a tile as of this time is that of the moment,"
        " and of every moment up to the next change; layers that follow feeds are not listed"
    )


@router.get("/since", summary="Since when tiles are as they were at a moment")
async def tiles_since(
    state: StateHere,
    actor: ActorHere,
    response: Response,
    layers: Annotated[str, Query(max_length=4000, description=f"图层，逗号分隔 layer ids, at most {LAYERS_MAX}")],
    at: Annotated[str | None, Query(max_length=60, description="时刻，须带时区 the moment; now by default")] = None,
) -> TilesSince:
    """Name, of each layer, the time since which its tiles show what they show at the moment.

    A client that steps through time asks for the tiles of those layers alone whose time differs from the one before.
    """
    response.headers.update(PRIVATE_HEADERS)
    moment = read_moment(at, None)
    found = await shown_since(state, actor, layers.split(","), moment)
    return TilesSince(at=moment.at if moment else None, since=found)


@router.get("/{layers}.json", summary="图层的 TileJSON TileJSON 3.0 of a layer, or of several in one tile")
async def tilejson(
    layers: str, state: StateHere, base: BaseUrlHere, response: Response, actor: ActorHere
) -> dict[str, Any]:
    """Describe the tiles of a layer, or of several by comma: their address, bounds, zooms and fields."""
    found = [state.catalog.current.visible(name, actor) for name in names_of(layers)]
    response.headers["Cache-Control"] = cache_control(Keep.STEADY, actor, state.settings)
    response.headers["Vary"] = VARIES
    return tilejson_of(found, actor, base=base, version=tiles_version(found, state.build))
