"""`/references`: what the one-time references of cameras and events stand for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import BaseModel

from layers.audit.record import AuditAction
from layers.errors import BadInput
from server.dependencies import ActorHere, StateHere
from server.identity.subject import purposes_of

router = APIRouter(prefix="/references", tags=["identity"])


class StoredReference(BaseModel):
    """A reference as the source stored it."""

    layer: str
    feature: str
    field: str
    value: str


@router.post("/{ticket}", summary="Exchange a one-time reference")
async def exchange(
    ticket: Annotated[str, Path(max_length=64)],
    request: Request,
    response: Response,
    state: StateHere,
    actor: ActorHere,
    purpose: Annotated[str | None, Header(alias="X-Purpose", max_length=63)] = None,
) -> StoredReference:
    """Return what a ticket of a single feature stands for: once, within five minutes, to its owner.

    A purpose must be stated, at the login or here; it stands in the audit.
    """
    stated = actor.purpose or purpose
    if not stated:
        known = ", ".join(sorted(purposes_of(state.policy.policy))) or "none is in the policy"
        raise BadInput(f"须写明用途 state a purpose in the header X-Purpose: {known}", parameter="X-Purpose")
    referred = await state.references.take(ticket, actor)
    value = await state.references.value(referred, state.catalog.current, actor)
    await state.audit.note(
        AuditAction.REFERENCE,
        f"{referred.layer}/{referred.feature}",
        scope=request.scope,
        purpose=stated,
        detail={"field": referred.field},
    )
    response.headers["Cache-Control"] = "no-store"
    return StoredReference(layer=referred.layer, feature=referred.feature, field=referred.field, value=value)
