"""`/status/layers`: every layer with rows, source and grade, on a page; those made from files are changed there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from server.dependencies import StateHere, require_duty
from server.identity.identity import Identity
from server.page.frame import page_response, reading_of
from server.page.operator_tabs import operator_tabs
from server.routes.administration.layers import read_layers

router = APIRouter(tags=["layers"])


@router.get("/status/layers", response_class=HTMLResponse, summary="图层管理 The layers, on a page")
async def kept_layers(
    request: Request, state: StateHere, identity: Annotated[Identity, Depends(require_duty("layers"))]
) -> Response:
    """Show every layer; a script changes them by `/layers`."""
    reading = reading_of(request, state.settings.server)
    found = await read_layers(state)
    groups: dict[str, list[object]] = {}
    for layer in found:
        groups.setdefault(layer.group_zh, []).append(layer)
    response = page_response(
        "operator/layers.html",
        reading,
        tabs=operator_tabs(identity.duties),
        groups=groups,
        layers=found,
        rows=sum(layer.rows for layer in found),
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response
