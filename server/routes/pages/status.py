"""`/status`: the feeds and how they do, on a page that keeps itself fresh."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from layers.database.connection import in_our_words
from server.dependencies import IdentityHere, StateHere, require_duty
from server.identity.identity import Identity
from server.page.frame import page_response, reading_of
from server.page.operator_tabs import operator_tabs
from server.page.spans import duration_text
from server.routes.administration.feeds import has_own_secret
from server.routes.feeds import NUMBERS
from twin.jobs.feed_health import FeedState, read_health
from twin.store.refusals import refused, summary

router = APIRouter(tags=["feeds"])
_ORDER = {"silent": 0, "live": 1, "never": 2, "off": 3}
_Guarded = Annotated[Identity, Depends(require_duty("quarantine"))]
_PAGE = 50
_DUTY = "feeds"  # what is wrong with a connection is for those who tend them


@router.get("/status", response_class=HTMLResponse, summary="数据源状态 The feeds on a page")
async def status(request: Request, state: StateHere, identity: IdentityHere) -> Response:
    """Show every feed, those that have gone silent first; who tends them acts on them by `/twin/feeds`."""
    reading = reading_of(request, state.settings.server)
    registry = state.intake.registry
    if _DUTY in identity.duties:  # who has just switched one sees it so, whichever worker answers
        registry = await asyncio.to_thread(registry.renewed)
    health = await read_health(state.pool, registry.by_name)
    counts = not NUMBERS.isdisjoint(identity.duties)
    told = health.feeds if counts else [feed.without_numbers() for feed in health.feeds]
    feeds = sorted(told, key=lambda feed: (_ORDER[feed.life], feed.definition.name))
    titles = {
        layer.id: reading.title(layer.definition.title_zh, layer.definition.title_en)
        for layer in state.catalog.current.visible_layers(identity.actor)
    }
    response = page_response(
        "status.html",
        reading,
        feeds=feeds,
        lives={life: sum(feed.life == life for feed in feeds) for life in _ORDER},
        refused=sum(sum(feed.refused.values()) for feed in feeds),
        per_minute=sum(feed.per_minute.get(1) or 0 for feed in feeds),
        stale=health.stale,
        ingest=health.ingest,
        titles=titles,
        tabs=operator_tabs(identity.duties),
        lag=lambda feed: _lag(feed, reading.language == "en"),
        counts=counts,
        tends=_DUTY in identity.duties,
        has_secret={feed.definition.name for feed in feeds if has_own_secret(feed.definition)},
        sees_refused="quarantine" in identity.duties,
        faults=dict(registry.faults) if _DUTY in identity.duties else {},
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response


@router.get("/status/refused", response_class=HTMLResponse, summary="待处理消息 What was refused, on a page")
async def refused_messages(
    request: Request,
    state: StateHere,
    identity: _Guarded,
    feed: Annotated[str | None, Query(max_length=63)] = None,
    before: Annotated[int | None, Query(ge=0, le=2**62)] = None,
) -> Response:
    """Show the messages that wait in quarantine, the newest first; a script acts on them by `/twin/refused`."""
    reading = reading_of(request, state.settings.server)
    with in_our_words():
        async with state.pool.acquire() as connection:
            found = await refused(connection, feed=feed, before=before, limit=_PAGE)
            waiting = await summary(connection)
    counts: dict[str, int] = {}
    for row in waiting:
        counts[row["feed"]] = counts.get(row["feed"], 0) + row["messages"]
    older = found[-1].id if len(found) == _PAGE else None
    tabs = operator_tabs(identity.duties)
    response = page_response("refused.html", reading, tabs=tabs, found=found, counts=counts, feed=feed, older=older)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _lag(feed: FeedState, english: bool) -> str:
    lag_s = feed.counters.get("lag_s")
    return "" if lag_s is None else duration_text(lag_s, english=english)
