"""The page `/`, its files under `/ui`, the description of the map, and the API's documentation."""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response

from server.dependencies import ActorHere, StateHere
from server.http.caching import PRIVATE_HEADERS
from server.http.compressed import Compressed
from server.page.frame import page_response, reading_of
from server.page.map_document import count_document, fingerprint, map_document

router = APIRouter()
_YEAR = "public, max-age=31536000, immutable"


@router.get("/", include_in_schema=False)
def index(state: StateHere) -> Response:
    """Show the district on one map."""
    return _html(state.assets.page("index.html"))


@router.get("/docs", include_in_schema=False)
def docs(request: Request, state: StateHere) -> Response:
    """Describe the addresses that are not OGC API."""
    return page_response("docs.html", reading_of(request, state.settings.server))


def _html(body: bytes) -> Response:
    return Response(body, media_type="text/html", headers={"Cache-Control": "no-cache"})


@router.get("/ui/{version}/{path:path}", include_in_schema=False)
def asset(version: str, path: str, request: Request, state: StateHere) -> Response:
    """Serve a file of the page; cached for a year when the path names the current version, else revalidated."""
    found = state.assets.read(path)
    headers = {
        "Cache-Control": _YEAR if version == state.assets.version else "no-cache",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if found.zipped is None or "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(found.body, media_type=found.media_type, headers=headers)
    return Response(found.zipped, media_type=found.media_type, headers=headers | {"Content-Encoding": "gzip"})


@router.get("/offline.js", include_in_schema=False)
def offline(state: StateHere) -> Response:
    """Serve the service worker of the page, which governs what lies beside its address: the page itself."""
    found = state.assets.read("offline.js")
    return Response(found.body, media_type=found.media_type, headers={"Cache-Control": "no-cache"})


@router.get("/map.json", tags=["map"], summary="本人可见的一张图 What the one map shows to this reader")
async def describe_map(
    request: Request,
    state: StateHere,
    actor: ActorHere,
    only: Annotated[
        Literal["counts"] | None, Query(description="仅版本、数量与范围 versions, counts and boxes alone")
    ] = None,
) -> Response:
    """Return the district, and every layer this reader may see with titles, colours, counts, fields and code labels."""
    etag = f'"{fingerprint(state.catalog.current, actor)}{f"-{only}" if only else ""}"'
    headers = {"ETag": etag, **PRIVATE_HEADERS}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if only:
        document = await count_document(state.pool, state.catalog.current, actor, state.counts)
    else:
        document = await map_document(
            state.pool, state.catalog.current, actor, state.counts, state.outlines, state.exports
        )
    return Compressed(orjson.dumps(document), media_type="application/json", headers=headers)
