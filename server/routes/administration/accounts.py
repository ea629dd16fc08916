"""`/users` and `/sessions`: local accounts and who is logged in, for those who keep them.

Who keeps accounts (the duty ``users``) or the policy lists them, disables them and ends their sessions. Only the
security administrator (``policy``) gives rights and one-time codes: the powers stay apart in the browser too. Nobody
switches an account of another of the three powers, so that no administrator is rid of those who watch him; that is done
at the command line, by whoever has the machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Scope

from layers.audit.record import AuditAction, AuditDecision
from layers.errors import Conflict, Forbidden
from layers.identity.accounts import LocalAccount
from layers.identity.labels import check_name, labels_given, power_of
from layers.identity.passwords import hash_password, random_password
from layers.identity.totp import uri_as_picture
from layers.policy.definition import Duty
from server.dependencies import StateHere, require_duty
from server.identity.identity import Identity
from server.routes.identity.session import require_own_page
from server.state import State

router = APIRouter(tags=["identity"])
_Keeping = Annotated[Identity, Depends(require_duty("users", "policy"))]
_Giving = Annotated[Identity, Depends(require_duty("policy"))]
AccountName = Annotated[str, Path(max_length=63, description="账户名 name of the account")]
_POWER_OF_DUTY = {"users": "system", "policy": "security", "audit": "audit"}
_NOT_KEPT = {"Cache-Control": "no-store"}


class ShownAccount(BaseModel):
    """An account without its secrets."""

    name: str
    title: str
    roles: tuple[str, ...]
    areas: tuple[str, ...]
    departments: tuple[str, ...]
    clearance: int = Field(description="最高数据分级 the highest data grade, 1 to 4")
    attributes: dict[str, str]
    disabled: bool
    must_change: bool = Field(description="下次登录须改口令 the password is to be changed at the next login")
    may_elevate: bool
    has_totp: bool
    last_login: datetime | None
    failures: int = Field(description="十分钟内失败次数 attempts that failed within ten minutes")
    slowed: bool = Field(description="陌生地址须等待 it waits at unknown addresses after too many failures")
    sessions: int = Field(description="在线会话数 sessions that are alive")


class ShownSession(BaseModel):
    """A session that is alive."""

    id: str
    name: str | None
    method: str
    address: str
    agent: str
    created_at: datetime
    last_seen: datetime
    expires_at: datetime


class WantedAccount(BaseModel):
    """A new account and its rights; the password is made by the server."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=63)
    title: str = Field(default="", max_length=200, description="姓名 name for people to read")
    roles: list[str] = Field(min_length=1, max_length=20)
    areas: list[str] = Field(default_factory=list, max_length=200, description="区域代码前缀 prefixes of area codes")
    departments: list[str] = Field(default_factory=list, max_length=200)
    clearance: int | None = Field(default=None, ge=1, le=4, description="缺省随角色 that of the roles if not given")
    attributes: dict[str, str] = Field(default_factory=dict, max_length=50)


class AddedAccount(BaseModel):
    """A new account with its password, which is told this once."""

    name: str
    password: str = Field(description="仅此一次，首次登录须改 told this once; it is changed at the first login")
    needs_totp: bool = Field(description="还须绑定动态口令 it cannot log in before a one-time code is set")


class BoundCode(BaseModel):
    """A new secret of one-time codes, which is told this once."""

    name: str
    uri: str = Field(description="仅此一次，加入验证器 told this once, to be added to an authenticator: otpauth://…")
    qr: str = Field(description="同上的二维码 the same as a QR code: an SVG as a data URI")


class EndedSessions(BaseModel):
    """How many sessions were ended."""

    ended: int


@router.get("/users", summary="本地账号 Local accounts")
async def show_accounts(response: Response, state: StateHere, _: _Keeping) -> list[ShownAccount]:
    """List the accounts, without their secrets."""
    response.headers.update(_NOT_KEPT)
    return [shown_account(one) for one in await state.accounts.accounts()]


@router.post("/users", summary="新增账号 Add an account", status_code=201)
async def add(
    wanted: WantedAccount, request: Request, response: Response, state: StateHere, _: _Giving
) -> AddedAccount:
    """Make an account with a random password, which this answer tells once and which is changed at the first login."""
    require_own_page(request.scope, state)
    response.headers.update(_NOT_KEPT)
    name = check_name(wanted.name)
    labels = labels_given(
        state.policy.policy.roles_to_give,
        wanted.roles,
        wanted.areas,
        wanted.departments,
        wanted.clearance,
        wanted.attributes,
    )
    password = random_password()
    hashed = await asyncio.to_thread(hash_password, password)
    detail = {"operation": "add", "roles": ",".join(labels.roles)}
    await state.audit.note(AuditAction.USER_CHANGE, f"user/{name}", scope=request.scope, detail=detail)
    await state.accounts.add(name, wanted.title, labels, hashed)
    needs_totp = bool(set(labels.roles) & set(state.settings.identity.totp_roles))
    return AddedAccount(name=name, password=password, needs_totp=needs_totp)


@router.post("/users/{name}/disable", summary="停用账号 Disable an account", status_code=204)
async def disable(name: AccountName, request: Request, state: StateHere, identity: _Keeping) -> None:
    """Disable an account and end its sessions at once; nobody disables his own."""
    if identity.subject.id == f"account:{check_name(name)}":
        raise Conflict("不能停用自己的账户 nobody disables his own account", parameter="name")
    await _switch(name, request.scope, state, identity, disabled=True)


@router.post("/users/{name}/enable", summary="启用账号 Enable an account", status_code=204)
async def enable(name: AccountName, request: Request, state: StateHere, identity: _Keeping) -> None:
    """Enable an account again, with the rights that it had."""
    await _switch(name, request.scope, state, identity, disabled=False)


@router.post("/users/{name}/totp", summary="Bind a one-time code")
async def bind_code(
    name: AccountName, request: Request, response: Response, state: StateHere, identity: _Giving
) -> BoundCode:
    """Give an account a new secret of one-time codes, which this answer tells once; the one before counts no more.

    Of the other two powers it gives only the first code: whoever replaced it could log in as them.
    """
    require_own_page(request.scope, state)
    response.headers.update(_NOT_KEPT)
    one = await state.accounts.account(name)
    if one.has_totp:
        await _check_power(one, "totp", request.scope, state, identity)
    detail = {"operation": "totp"}
    await state.audit.note(AuditAction.USER_CHANGE, f"user/{one.name}", scope=request.scope, detail=detail)
    uri = await state.accounts.bind_code(one.name)
    return BoundCode(name=one.name, uri=uri, qr=uri_as_picture(uri))


@router.get("/sessions", summary="登录情况 Who is logged in")
async def show_sessions(
    response: Response,
    state: StateHere,
    _: _Keeping,
    account: Annotated[str | None, Query(max_length=63, description="账户，缺省全部 all if not given")] = None,
) -> list[ShownSession]:
    """List the sessions that are alive, the last used first."""
    response.headers.update(_NOT_KEPT)
    return await read_sessions(state, account)


@router.delete("/sessions/{which}", summary="结束会话 End sessions")
async def end_sessions(
    which: Annotated[str, Path(max_length=63, description="会话或账户 a session, or an account")],
    request: Request,
    state: StateHere,
    _: _Keeping,
) -> EndedSessions:
    """End a session, or all of an account; every worker knows within a second."""
    detail = {"operation": "end sessions"}
    await state.audit.note(AuditAction.USER_CHANGE, f"user/{which}", scope=request.scope, detail=detail)
    return EndedSessions(ended=await state.accounts.end(which))


async def read_sessions(state: State, account: str | None = None) -> list[ShownSession]:
    """Return the sessions that are alive: of one account, or all; the last used first."""
    return [ShownSession(**row) for row in await state.accounts.sessions(account)]


def shown_account(one: LocalAccount) -> ShownAccount:
    """Return an account as it is listed."""
    names = ShownAccount.model_fields.keys() - {"slowed"}
    told = {**asdict(one), **asdict(one.labels)}
    return ShownAccount(slowed=one.is_slowed, **{name: told[name] for name in names})


def may_switch(duties: AbstractSet[Duty], one: LocalAccount) -> bool:
    """Whether somebody with these duties may disable and enable an account: none of another of the three powers."""
    power = power_of(one.labels.roles)
    return power is None or power in {_POWER_OF_DUTY[duty] for duty in duties & _POWER_OF_DUTY.keys()}


async def _check_power(one: LocalAccount, operation: str, scope: Scope, state: State, identity: Identity) -> None:
    if may_switch(identity.duties, one):
        return
    await state.audit.note(
        AuditAction.USER_CHANGE,
        f"user/{one.name}",
        scope=scope,
        decision=AuditDecision.DENY,
        detail={"operation": operation},
    )
    raise Forbidden(
        f"三权分立: '{one.name}' 属于另一类管理员，只能用命令 is an administrator of another power; "
        f"at the command line alone: ./onemap user {operation} {one.name}"
    )


async def _switch(name: str, scope: Scope, state: State, identity: Identity, *, disabled: bool) -> None:
    one, operation = await state.accounts.account(name), "disable" if disabled else "enable"
    await _check_power(one, operation, scope, state, identity)
    detail = {"operation": operation}
    await state.audit.note(AuditAction.USER_CHANGE, f"user/{one.name}", scope=scope, detail=detail)
    await state.accounts.switch(one.name, disabled=disabled)
