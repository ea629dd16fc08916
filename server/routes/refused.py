"""`/twin/refused`: refused messages of feeds; operators list, correct, replay and discard them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from layers.audit.record import AuditAction
from layers.database.connection import in_our_words
from server.dependencies import StateHere, require_duty
from server.http.body import read_body
from server.identity.identity import Identity
from twin.store.refusals import StoredRefusal, one_refused, refused, summary

router = APIRouter(prefix="/twin/refused", tags=["feeds"])
_Guarded = Annotated[Identity, Depends(require_duty("quarantine"))]
LIMIT_MAX = 1000
_NO_STORE = {"Cache-Control": "no-store"}


class RefusedMessage(BaseModel):
    """A message that was not taken."""

    id: int
    feed: str
    reason: str
    detail: str
    refused_at: datetime
    replayed_at: datetime | None
    discarded_at: datetime | None
    bytes: int
    shortened: bool = Field(description="only the beginning is kept")
    held: bool = Field(description="waits for its feature to appear, and is taken by itself then")
    canonical: bool = Field(description="kept as a CloudEvent in CRS84, whatever the sender's form")
    message: str = Field(description="as it came; in a list the first 200 bytes")


class RefusedMessages(BaseModel):
    """A page of refused messages, the newest first, and how many wait."""

    messages: list[RefusedMessage]
    next: int | None = Field(description="`before` of the next page")
    waiting: list[dict[str, Any]] = Field(description="messages by feed and reason")


class Replayed(BaseModel):
    """What became of a message that was taken again."""

    id: int
    accepted: int
    duplicate: int
    late: int


RefusedId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", summary="被拒消息 What was refused")
async def list_refused(
    state: StateHere,
    response: Response,
    _: _Guarded,
    feed: Annotated[str | None, Query(max_length=63)] = None,
    reason: Annotated[str | None, Query(max_length=63)] = None,
    before: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    done: Annotated[bool, Query(description="also what was taken again or discarded")] = False,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
) -> RefusedMessages:
    """List refused messages that wait for somebody, the newest first."""
    response.headers.update(_NO_STORE)
    with in_our_words():
        async with state.pool.acquire() as connection:
            found = await refused(connection, feed=feed, reason=reason, before=before, with_done=done, limit=limit)
            waiting = await summary(connection)
    following = found[-1].id if len(found) == limit else None
    return RefusedMessages(messages=[_message(one) for one in found], next=following, waiting=waiting)


@router.get("/{refused_id}", summary="一条被拒消息 One refused message")
async def show_refused(refused_id: RefusedId, state: StateHere, response: Response, _: _Guarded) -> RefusedMessage:
    """Return one refused message, whole."""
    response.headers.update(_NO_STORE)
    with in_our_words():
        async with state.pool.acquire() as connection:
            return _message(await one_refused(connection, refused_id))


@router.post("/{refused_id}/replay", summary="重新接收 Take a refused message again")
async def replay(refused_id: RefusedId, request: Request, state: StateHere, _: _Guarded) -> Replayed:
    """Take it again as it is, or as the body has it: the message put right, in the form in which it is kept."""
    corrected = await read_body(request.receive, state.settings.limits.body_bytes, request.scope["headers"])
    detail: dict[str, str | int] = {"operation": "replay", "corrected": len(corrected)}
    await state.audit.note(AuditAction.ADMIN, f"refused/{refused_id}", scope=request.scope, detail=detail)
    outcome = await state.intake.retaking.replay(refused_id, corrected or None)
    return Replayed(id=refused_id, accepted=outcome.accepted, duplicate=outcome.duplicate, late=outcome.late)


@router.post("/{refused_id}/discard", summary="Put a refused message out of sight", status_code=204)
async def discard(refused_id: RefusedId, request: Request, state: StateHere, _: _Guarded) -> None:
    """Discard it: it is listed no more and cannot be taken again."""
    detail = {"operation": "discard"}
    await state.audit.note(AuditAction.ADMIN, f"refused/{refused_id}", scope=request.scope, detail=detail)
    await state.intake.retaking.discard(refused_id)


def _message(kept: StoredRefusal) -> RefusedMessage:
    names = RefusedMessage.model_fields.keys() - {"message"}
    text = kept.message.decode("utf-8", errors="replace")
    return RefusedMessage(message=text, **{name: getattr(kept, name) for name in names})
