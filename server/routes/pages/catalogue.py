"""`/catalog`: every collection that a reader may see, on a page of its own, with code that reads it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from layers.catalog import Layer
from server.dependencies import ActorHere, BaseUrlHere, IdentityHere, StateHere
from server.page.collection import downloads, grouped_collections, links_of, matched_of, shown_fields
from server.page.frame import page_response, reading_of, service
from server.page.snippets import qgis_connections, snippets_of
from server.state import State
from twin.jobs.feed_health import FeedState, read_health

router = APIRouter(prefix="/catalog", tags=["map"])
OPENNESS = {
    "unconditional": ("无条件开放", "open without conditions"),
    "conditional": ("有条件开放", "open under conditions"),
    "closed": ("不予开放", "not open"),
}


@router.get("", response_class=HTMLResponse, summary="接口目录 Every collection, with code that reads it")
async def index(request: Request, state: StateHere, actor: ActorHere) -> Response:
    """List the collections."""
    reading = reading_of(request, state.settings.server)
    catalog = state.catalog.current
    groups = await grouped_collections(state.pool, catalog, actor, state.counts)
    return page_response("catalog/index.html", reading, groups=groups)


@router.get("/qgis.xml", response_class=Response, summary="QGIS 连接文件 The connection for QGIS")
def qgis(base: BaseUrlHere) -> Response:
    """Send the file that QGIS loads as a connection to this server."""
    title = service()["metadata"]["identification"]["title"]
    name = title.get("zh-CN", "OneMap") if isinstance(title, dict) else str(title)
    headers = {"Content-Disposition": 'attachment; filename="onemap-qgis.xml"', "Cache-Control": "private, no-cache"}
    return Response(qgis_connections(name, base), media_type="application/xml", headers=headers)


@router.get("/{collection}", response_class=HTMLResponse, summary="一个数据集 One collection")
async def show(
    collection: str, request: Request, state: StateHere, actor: ActorHere, identity: IdentityHere
) -> Response:
    """Describe one collection."""
    reading = reading_of(request, state.settings.server)
    catalog = state.catalog.current
    layer = catalog.visible(collection, actor)
    return page_response(
        "catalog/collection.html",
        reading,
        layer=layer,
        about=layer.definition,
        openness=reading.title(*OPENNESS[layer.definition.openness]),
        matched=await matched_of(state.pool, layer, actor, state.counts),
        fields=shown_fields(layer, actor, catalog),
        feeds=await _feeds(state, layer),
        sees_refused="quarantine" in identity.duties,
        addresses=links_of(layer, reading.language),
        downloads=downloads(layer),
        snippets=snippets_of(layer.definition, reading.base, with_token=not identity.is_anonymous),
    )


async def _feeds(state: State, layer: Layer) -> list[FeedState]:
    """Return the feeds that supply a layer."""
    if not reads_feeds(state):
        return []
    health = await read_health(state.pool, state.intake.registry.by_name)
    return [feed for feed in health.feeds if layer.id in feed.definition.supplies]


def reads_feeds(state: State) -> bool:
    """Whether feeds are told of here: not where operators have a port of their own."""
    return state.settings.server.admin_port is None
