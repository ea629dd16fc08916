"""`/tokens`: access tokens of service clients, listed and revoked by those who keep accounts or the policy.

The security administrator (``policy``) makes them, as he alone gives rights; roles that need a one-time code have no
token, which has none.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from layers.audit.record import AuditAction
from layers.errors import BadInput
from layers.identity.labels import check_name, labels_given
from layers.identity.tokens import DAYS_MAX, AccessToken
from server.dependencies import StateHere, require_duty
from server.identity.identity import Identity
from server.routes.identity.session import require_own_page

router = APIRouter(prefix="/tokens", tags=["identity"])
_Keeping = Annotated[Identity, Depends(require_duty("users", "policy"))]
_Giving = Annotated[Identity, Depends(require_duty("policy"))]


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


class WantedToken(BaseModel):
    """A new token and its rights."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=63)
    roles: list[str] = Field(min_length=1, max_length=20)
    areas: list[str] = Field(default_factory=list, max_length=200, description="区域代码前缀 prefixes of area codes")
    departments: list[str] = Field(default_factory=list, max_length=200)
    clearance: int | None = Field(default=None, ge=1, le=4, description="缺省随角色 that of the roles if not given")
    days: int = Field(default=90, ge=1, le=DAYS_MAX, description="有效天数 days until it expires")


class MadeToken(BaseModel):
    """A new token, which is told this once."""

    name: str
    token: str = Field(description="仅此一次 told this once; only its digest is stored")


@router.get("", summary="访问令牌 Access tokens")
async def show_tokens(response: Response, state: StateHere, _: _Keeping) -> list[ShownToken]:
    """List the tokens without their secrets, those in force first; the operator's token is a file, and not here."""
    response.headers["Cache-Control"] = "no-store"
    return [shown_token(one) for one in await state.accounts.tokens()]


@router.post("", summary="新建令牌 Make a token", status_code=201)
async def make(wanted: WantedToken, request: Request, response: Response, state: StateHere, _: _Giving) -> MadeToken:
    """Make a token, which this answer tells once; one of the same name that is in force must be revoked before."""
    require_own_page(request.scope, state)
    response.headers["Cache-Control"] = "no-store"
    name, policy = check_name(wanted.name), state.policy.policy
    by_code = sorted(set(wanted.roles) & set(state.settings.identity.totp_roles))
    if by_code:
        raise BadInput(
            f"{', '.join(by_code)}: 须动态口令，令牌没有 these roles need a one-time code, which a token has not",
            parameter="roles",
        )
    labels = labels_given(policy.roles_to_give, wanted.roles, wanted.areas, wanted.departments, wanted.clearance)
    detail: dict[str, str | int] = {"operation": "add", "roles": ",".join(labels.roles), "days": wanted.days}
    await state.audit.note(AuditAction.TOKEN_CHANGE, f"token/{name}", scope=request.scope, detail=detail)
    return MadeToken(name=name, token=await state.accounts.add_token(name, labels, wanted.days))


@router.delete("/{name}", summary="撤销令牌 Revoke a token", status_code=204)
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
