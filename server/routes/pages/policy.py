"""`/status/policy`: whether the policy is valid, and what a role sees of layers or of one feature, on a page.

A feature is explained without its values and without its place: whoever keeps the policy need not be somebody who may
read the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from layers.actor import Actor
from layers.audit.record import AuditAction
from layers.catalog import Layer
from layers.database.connection import in_our_words
from layers.errors import BadInput, NotFound
from layers.review.check import check_policy
from layers.review.explain import CaseReview, explain_layer
from layers.review.feature import FeatureReview, explain_feature
from layers.review.holders import holder_of
from server.dependencies import StateHere, require_duty
from server.identity.identity import Identity
from server.page.frame import page_response, reading_of
from server.page.operator_tabs import operator_tabs
from server.state import State

router = APIRouter(tags=["policy"])
_Word = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class ExplainedLayer:
    """What a role sees of a layer: rule by rule; no cases where the layer is hidden."""

    layer: Layer
    cases: tuple[CaseReview, ...]


@router.get("/status/policy", response_class=HTMLResponse, summary="权限策略 The policy explained, on a page")
async def kept_policy(  # noqa: PLR0917  # FastAPI reads each parameter from its own
    request: Request,
    state: StateHere,
    identity: Annotated[Identity, Depends(require_duty("policy"))],
    role: _Word = "",
    areas: _Word = "",
    department: _Word = "",
    purpose: _Word = "",
    layer: _Word = "",
    feature: Annotated[str, Query(alias="id", max_length=200)] = "",
) -> Response:
    """Show findings and roles; with a role what it sees of every layer, with a layer and an id what of one feature."""
    reading = reading_of(request, state.settings.server)
    policy, catalog = state.policy.policy, state.catalog.current
    findings = check_policy(policy, {one.id: one.definition for one in catalog.values()})
    actor = _holder(state, role, areas, department, purpose) if role else None
    explained: list[ExplainedLayer] = []
    review = None
    if actor is not None:
        chosen = [_layer(state, layer)] if layer else list(catalog.values())
        explained = [ExplainedLayer(one, explain_layer(one.definition, actor)) for one in chosen]
    if actor is not None and feature:
        if not layer:
            raise BadInput("一个要素须同时选图层 a feature is of one layer: choose it too", parameter="layer")
        review = await _review(request, state, actor, chosen[0], feature)
    response = page_response(
        "operator/policy.html",
        reading,
        tabs=operator_tabs(identity.duties),
        policy=policy,
        fault=state.policy.fault,
        findings=findings,
        layers=sorted(catalog.values(), key=lambda one: one.id),
        explained=explained,
        review=review,
        unbound=actor is not None and policy.roles[role].bound and not actor.is_bound,
        asked={
            "role": role,
            "areas": areas,
            "department": department,
            "purpose": purpose,
            "layer": layer,
            "id": feature,
        },
        purposes=sorted({name for rule in policy.rules for name in rule.purposes}),
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _holder(state: State, role: str, areas: str, department: str, purpose: str) -> Actor:
    policy = state.policy.policy
    if role not in policy.roles:
        raise BadInput(f"there is no role '{role[:60]}'; roles are {', '.join(policy.roles)}", parameter="role")
    return holder_of(policy, role, areas=areas.split(), departments=department.split(), purpose=purpose or None)


def _layer(state: State, name: str) -> Layer:
    found = state.catalog.current.get(name)
    if found is None:
        raise NotFound(f"there is no layer '{name[:60]}'", parameter="layer")
    return found


async def _review(request: Request, state: State, actor: Actor, layer: Layer, feature: str) -> FeatureReview:
    """Review a feature as a role sees it; it is recorded, since it tells whether there is such a feature."""
    await state.audit.note(
        AuditAction.ADMIN,
        f"{layer.id}/{feature}",
        scope=request.scope,
        detail={"operation": "explain", "role": actor.subject},
    )
    with in_our_words():
        async with state.pool.acquire() as connection:
            return await explain_feature(connection, layer, actor, feature)
