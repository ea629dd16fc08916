"""The page `/`, its files under `/ui`, the description of the map, and the API's documentation."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request, Response

from layers.actor import Actor
from server.http.compressed import Compressed
from server.identity.auth import actor_of
from server.page.assets import CONTENT_SECURITY_POLICY, Assets, find_assets
from server.page.map_document import fingerprint, map_document
from server.state import State

router = APIRouter()
_YEAR = "public, max-age=31536000, immutable"


def assets_of(request: Request) -> Assets:
    """Return the process's assets, listed at the first request."""
    state = request.app.state
    if not hasattr(state, "assets"):
        state.assets = find_assets()
    found: Assets = state.assets
    return found


AssetsHere = Annotated[Assets, Depends(assets_of)]
ActorHere = Annotated[Actor, Depends(actor_of)]


@router.get("/", include_in_schema=False)
def index(assets: AssetsHere) -> Response:
    """Show the district on one map."""
    return _html(assets.page("index.html"))


@router.get("/docs", include_in_schema=False)
def docs(assets: AssetsHere) -> Response:
    """Describe the addresses that are not OGC API."""
    return _html(assets.page("docs.html"))


def _html(body: bytes) -> Response:
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": CONTENT_SECURITY_POLICY}
    return Response(body, media_type="text/html", headers=headers)


@router.get("/ui/{version}/{path:path}", include_in_schema=False)
def asset(version: str, path: str, request: Request, assets: AssetsHere) -> Response:
    """Serve a file of the page; for ever when the address names this very version, else until asked again."""
    found = assets.read(path)
    headers = {
        "Cache-Control": _YEAR if version == assets.version else "no-cache",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if found.zipped is None or "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(found.body, media_type=found.media_type, headers=headers)
    return Response(found.zipped, media_type=found.media_type, headers=headers | {"Content-Encoding": "gzip"})


@router.get("/map.json", tags=["map"], summary="What the one map shows to this reader")
async def describe_map(request: Request, actor: ActorHere) -> Response:
    """Return the district, and every layer this reader may see with titles, colours, counts, fields and code labels."""
    state: State = request.app.state.shared
    etag = f'"{fingerprint(state.catalog.current, actor)}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Accept-Encoding"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    document = await map_document(state.pool, state.catalog.current, actor, state.counts, state.outlines)
    return Compressed(orjson.dumps(document), media_type="application/json", headers=headers)
