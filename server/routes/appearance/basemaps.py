"""Base maps: PMTiles archives of the home folder as z/x/y tiles with TileJSON, and tiles of 天地图."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from layers.errors import NotFound
from server.dependencies import ActorHere, BaseUrlHere, StateHere
from server.http.caching import VARIES, Keep, cache_control
from server.http.compressed import Compressed
from tiles.archive import Archive

router = APIRouter(prefix="/basemaps", tags=["tiles"])


@router.get("", summary="底图列表 The base maps there are")
async def listed(state: StateHere, base: BaseUrlHere, _actor: ActorHere) -> dict[str, list[dict[str, str]]]:
    """List base maps with the addresses of their descriptions."""
    return {"basemaps": [{"id": name, "tilejson": f"{base}/basemaps/{name}.json"} for name in state.basemaps.names()]}


@router.get("/{name}.json", summary="底图的 TileJSON TileJSON 3.0 of a base map")
async def tilejson(name: str, state: StateHere, base: BaseUrlHere, _actor: ActorHere) -> dict[str, Any]:
    """Describe a base map."""
    archive = await run_in_threadpool(state.basemaps.get, name)
    document = {
        "tilejson": "3.0.0",
        "name": archive.metadata.get("name", name),
        "description": archive.metadata.get("description", ""),
        "attribution": archive.metadata.get("attribution", ""),
        "scheme": "xyz",
        "tiles": [f"{base}/basemaps/{name}/{{z}}/{{x}}/{{y}}"],
        "bounds": archive.bounds_crs84,
        "minzoom": archive.zooms[0],
        "maxzoom": archive.zooms[-1],
    }
    return document | ({"vector_layers": archive.metadata.get("vector_layers", [])} if archive.is_vector else {})


@router.get("/{name}/{z}/{x}/{y}", response_class=Response, summary="底图瓦片 One tile of a base map")
async def tile(name: str, z: int, x: int, y: int, request: Request, state: StateHere, actor: ActorHere) -> Response:
    """Return a tile as the archive has it; 204 where it has none."""
    archive = await run_in_threadpool(state.basemaps.get, name)
    _check(archive, z, x, y)
    content = await run_in_threadpool(archive.tile, z, x, y)
    headers = {
        "ETag": f'W/"{blake2b(content or b"", digest_size=12).hexdigest()}"',
        "Cache-Control": cache_control(Keep.LIVE, actor, state.settings, linked=False),
        "Vary": VARIES,
    }
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if not content:
        return Response(None, 204, headers)
    answer = Compressed if archive.is_vector else Response
    return answer(content, media_type=archive.media_type, headers=headers)


@router.get("/tianditu/{layer}/{z}/{x}/{y}", response_class=Response, summary="天地图瓦片 One tile of 天地图, by proxy")
async def tianditu(layer: str, z: int, x: int, y: int, state: StateHere, _actor: ActorHere) -> Response:
    """Return a tile of 天地图 (`vec`, `cva`, `img`, `cia`), fetched with the operator's key."""
    fetched = await state.tianditu.tile(layer, z, x, y)
    headers = {"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"}
    return Response(fetched.content, media_type=fetched.media_type, headers=headers)


def _check(archive: Archive, z: int, x: int, y: int) -> None:
    if z not in archive.zooms:
        first, last = archive.zooms[0], archive.zooms[-1]
        raise NotFound(f"zoom {z} does not exist; zooms of this base map go from {first} to {last}", parameter="z")
    for part, number in (("x", x), ("y", y)):
        if not 0 <= number < 1 << z:
            raise NotFound(
                f"there is no tile with {part}={number}; {part} goes from 0 to {(1 << z) - 1}", parameter=part
            )
