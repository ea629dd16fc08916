"""`/tokens`: access tokens of service clients, listed and revoked by those who keep accounts or the policy."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, Field

from layers.audit.record import AuditAction
from layers.identity.tokens import AccessToken
from server.dependencies import StateHere, require_duty
from server.identity.identity import Identity

router = APIRouter(prefix="/tokens", tags=["identity"])
_Keeping = Annotated[Identity, Depends(require_duty("users", "policy"))]


class ShownToken(BaseModel):
    """A token without its secret."""

    name: str
    roles: tuple[str, ...]
    areas: tuple[str, ...]
    departments: tuple[str, ...]
    clearance: int = Field(description="最高数据分级 the highest data grade, 1 to 4")
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@router.get("", summary="Access tokens")
async def show_tokens(response: Response, state: StateHere, _: _Keeping) -> list[ShownToken]:
    """List the tokens without their secrets, those in force first; the operator's token is a file, and not here."""
    response.headers["Cache-Control"] = "no-store"
    return [shown_token(one) for one in await state.accounts.tokens()]


@router.delete("/{name}", summary="Revoke a token", status_code=204)
async def revoke(
    name: Annotated[str, Path(max_length=63, description="令牌名 name of the token")],
    request: Request,
    state: StateHere,
    _: _Keeping,
) -> None:
    """Revoke a token; every worker refuses it within a second."""
    detail = {"operation": "revoke"}
    await state.audit.note(AuditAction.TOKEN_CHANGE, f"token/{name}", scope=request.scope, detail=detail)
    await state.accounts.revoke(name)


def shown_token(one: AccessToken) -> ShownToken:
    """Return a token as it is listed."""
    told = {**asdict(one), **asdict(one.labels)}
    return ShownToken(**{name: told[name] for name in ShownToken.model_fields})
