"""Approvals of exports: given, listed and revoked by the security administrator."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from layers.audit.record import AuditAction
from layers.identity.approvals import ApprovalRequest
from server.dependencies import StateHere, require_duty
from server.identity.identity import Identity

router = APIRouter(prefix="/approvals", tags=["identity"])
_Guarded = Annotated[Identity, Depends(require_duty("policy"))]
_Number = Annotated[str, Path(pattern=r"^[0-9]{4}-[0-9]{4,6}$")]


class WantedApproval(BaseModel):
    """Who may take what, for what, until when."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(min_length=1, max_length=500, description="its id, as `/session` shows it: account:chen.yi")
    layers: list[str] = Field(max_length=100, description="ids, or *")
    max_grade: int = Field(default=2, description="the highest grade of what is taken, 2 to 4")
    purpose: str = Field(max_length=2000)
    until: datetime = Field(description="with a time zone, within a year")


@router.post("", summary="批准导出 Approve an export", status_code=201)
async def approve_export(
    wanted: WantedApproval, request: Request, state: StateHere, identity: _Guarded
) -> dict[str, str]:
    """Let another person take more than the allowance; the answer holds the number that he names."""
    asked = ApprovalRequest(
        wanted.subject, tuple(dict.fromkeys(wanted.layers)), wanted.max_grade, wanted.purpose, wanted.until
    )
    asked.check(state.catalog.current.keys(), identity.subject.id)
    detail: dict[str, str | int] = {"operation": "add", "for": asked.subject, "grade": asked.max_grade}
    detail["layers"] = ",".join(asked.layers)
    await state.audit.note(AuditAction.APPROVAL, "approval", scope=request.scope, detail=detail)
    return {"number": await state.exports.approvals.approve(asked, identity.subject)}


@router.get("", summary="导出批准 Approvals of exports")
async def list_exports(response: Response, state: StateHere, _: _Guarded) -> list[dict[str, Any]]:
    """List the last 500, the newest first."""
    response.headers["Cache-Control"] = "no-store"
    return [asdict(one) for one in await state.exports.approvals.list()]


@router.delete("/{number}", summary="撤销批准 Revoke an approval", status_code=204)
async def revoke(number: _Number, request: Request, state: StateHere, _: _Guarded) -> None:
    """End an approval; the next answer needs another."""
    detail = {"operation": "revoke"}
    await state.audit.note(AuditAction.APPROVAL, f"approval/{number}", scope=request.scope, detail=detail)
    await state.exports.approvals.revoke(number)
