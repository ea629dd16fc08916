"""Break-glass: higher rights for some hours, with a reason, told to a second person."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from layers.audit.record import AuditAction
from server.dependencies import IdentityHere, StateHere, require_duty
from server.identity.identity import Identity

router = APIRouter(prefix="/session/elevations", tags=["identity"])
_Guarded = Annotated[Identity, Depends(require_duty("policy"))]
_Number = Annotated[int, Path(ge=1, le=2**62)]


class ElevationRequest(BaseModel):
    """What somebody needs, for how long, and why."""

    model_config = ConfigDict(extra="forbid")

    role: str = Field(max_length=63)
    reason: str = Field(max_length=2000)
    hours: int = Field(default=1)


class ElevationWord(BaseModel):
    """The word of the second person."""

    model_config = ConfigDict(extra="forbid")

    end: bool = Field(default=False, description="end it at once")


@router.post("", summary="应急提权 Break glass", status_code=201)
async def elevate(
    wanted: ElevationRequest, request: Request, state: StateHere, identity: IdentityHere
) -> dict[str, int]:
    """Give your own account a role for at most 4 hours; the security administrator sees it and can end it."""
    await state.audit.note(
        AuditAction.BREAK_GLASS, f"role/{wanted.role[:63]}", scope=request.scope, detail={"hours": wanted.hours}
    )
    policy = state.policy.policy
    number = await state.break_glass.begin(identity.subject, wanted.role, wanted.reason, wanted.hours, policy)
    return {"id": number}


@router.get("", summary="Who broke glass")
async def list_elevations(response: Response, state: StateHere, _: _Guarded) -> list[dict[str, Any]]:
    """List the last elevations with their reasons; those that nobody acknowledged have no `acknowledged_by`."""
    response.headers["Cache-Control"] = "no-store"
    return [asdict(one) for one in await state.break_glass.list()]


@router.post("/{number}/acknowledge", summary="Acknowledge a break-glass", status_code=204)
async def acknowledge(
    number: _Number, word: ElevationWord, request: Request, state: StateHere, identity: _Guarded
) -> None:
    """Say that you have seen it, as the second person, and end it if it should not go on."""
    await state.audit.note(
        AuditAction.BREAK_GLASS, f"elevation/{number}", scope=request.scope, detail={"ends": int(word.end)}
    )
    await state.break_glass.acknowledge(number, identity.subject, ends=word.end)
