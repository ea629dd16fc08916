"""`/status/rules`: what rules are defined, which are in force, and why a file is not, on a page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from server.dependencies import StateHere, require_duty
from server.identity.identity import Identity
from server.page.frame import page_response, reading_of
from server.page.operator_tabs import operator_tabs
from server.routes.rules import rules

router = APIRouter(tags=["rules"])


@router.get("/status/rules", response_class=HTMLResponse, summary="规则 The rules, on a page")
async def kept_rules(
    request: Request, state: StateHere, identity: Annotated[Identity, Depends(require_duty("rules"))]
) -> Response:
    """Show what `/twin/rules` tells, those with a fault first."""
    reading = reading_of(request, state.settings.server)
    health = await rules(state, Response(), identity)
    response = page_response(
        "operator/rules.html",
        reading,
        tabs=operator_tabs(identity.duties),
        health=health,
        rules=sorted(health.rules, key=lambda rule: (rule.fault is None, rule.name)),
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response
