"""Logging in with a local account, logging out, and who is logged in."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from starlette.types import Scope

from layers.audit.record import AuditAction, AuditDecision
from layers.errors import BadInput, Forbidden, NotFound, Unauthenticated
from layers.identity.elevations import Elevation
from layers.identity.sessions import NewSession
from server.dependencies import BaseUrlHere, StateHere
from server.errors import problem
from server.http.body import read_body
from server.http.gateway import client_address, is_from_this_machine
from server.http.origins import Trust
from server.http.session_cookie import clear_cookie_header, cookie_header, is_secure
from server.identity.identity import EndedSession, Identity, identity_of
from server.identity.login import LockedOut, LoginRequest
from server.identity.subject import ANONYMOUS_SUBJECT, check_purpose, purposes_of
from server.state import State

router = APIRouter(tags=["identity"])
_BODY_BYTES = 16_384
_NOT_KEPT = {"Cache-Control": "no-store"}
_TOLD = frozenset({"users", "policy"})
"""Duties whose holders are told of every break-glass, until a second person has acknowledged it."""


class _Typed(BaseModel):
    """What somebody typed into the form of the login."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200, validation_alias=AliasChoices("name", "account"))
    password: str
    code: str | None = Field(default=None, max_length=20, validation_alias=AliasChoices("code", "totp"))
    new_password: str | None = None
    purpose: str | None = Field(default=None, max_length=63)


class _DemoRole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: str = Field(max_length=63)
    purpose: str | None = Field(default=None, max_length=63)


@router.post("/login", summary="账号登录 Log in with a local account")
async def log_in(request: Request, state: StateHere) -> Response:
    """Check account, password and one-time code (JSON or a form), and open a session; its cookie is in the answer.

    The answer to anything wrong is the same 401; after too many failures it is 429 with Retry-After.
    """
    require_own_page(request.scope, state)
    typed = await _read(request, _Typed)
    _check_purpose(typed.purpose, state)
    agent = request.headers.get("user-agent", "")
    asked = LoginRequest(
        typed.name,
        typed.password,
        typed.code or "",
        client_address(request.scope),
        agent,
        is_from_this_machine(request.scope),
        typed.new_password,
        typed.purpose,
    )
    try:
        session = await state.login.log_in(asked)
    except Unauthenticated:
        tried = {"account_hash": state.audit.keyed(typed.name)}  # a password may have been typed into the name
        await _record(AuditAction.LOGIN, request.scope, state, tried, AuditDecision.DENY)
        raise
    except LockedOut as error:
        answer = problem(429, error.message)
        answer.headers["Retry-After"] = str(error.wait_s)
        return answer
    await _record(AuditAction.LOGIN, request.scope, state, {"account": typed.name, "session": session.id})
    return await _entered(session, request, state)


@router.post("/login/demo", summary="Log in as a role of the demo", include_in_schema=False)
async def log_in_demo(request: Request, state: StateHere) -> Response:
    """Open a session of the demo's account of a role: on this machine alone, for a server that no other can reach."""
    if not is_from_this_machine(request.scope):
        raise NotFound("Not Found")
    require_own_page(request.scope, state)
    wanted = await _read(request, _DemoRole)
    _check_purpose(wanted.purpose, state)
    agent = request.headers.get("user-agent", "")
    session = await state.login.log_in_demo(wanted.role, client_address(request.scope), agent, wanted.purpose)
    await _record(AuditAction.LOGIN, request.scope, state, {"demo_role": wanted.role, "session": session.id})
    return await _entered(session, request, state)


@router.post("/logout", summary="退出登录 End the session")
async def log_out(request: Request, state: StateHere, base: BaseUrlHere) -> Response:
    """End the session of the cookie in every worker; without one there is nothing to do.

    `go_to` is where the browser ends the session at its identity provider too; null for other sessions.
    """
    require_own_page(request.scope, state)
    await read_body(request.receive, _BODY_BYTES, request.scope["headers"])
    ended = await end_session_before(request.scope, state)
    if ended is not None:
        await _record(AuditAction.LOGOUT, request.scope, state, {"session": ended})
    go_to = await state.oidc.logout_address(ended, f"{base}/") if ended is not None else None
    secure = is_secure(request.scope, state.settings.server.public_url)
    return JSONResponse({"go_to": go_to}, headers={"Set-Cookie": clear_cookie_header(secure), **_NOT_KEPT})


@router.get("/session", summary="登录情况 Who is logged in")
async def show_session(request: Request, state: StateHere) -> Response:
    """Return who asks, with roles, areas and method, and what may be stated as a purpose at a login.

    `account` is null for the public.

    Who administers accounts or the policy is told in `account.elevations` who broke glass and is not yet acknowledged.
    """
    ended, identity = False, None
    try:
        identity = identity_of(request.scope)
    except EndedSession:
        ended = True
    is_near = is_from_this_machine(request.scope)
    body: dict[str, Any] = {
        "account": _account(identity, state) if identity else None,
        "demo": await state.login.demo_roles() if is_near else [],
        "purposes": sorted(purposes_of(state.policy.policy)),
    }
    if identity and identity.duties & _TOLD:
        body["account"]["elevations"] = [_told(one) for one in await state.break_glass.unseen()]
    return JSONResponse(body | ({"ended": True} if ended else {}), headers=_NOT_KEPT)


def _check_purpose(purpose: str | None, state: State) -> None:
    if purpose is not None:
        check_purpose(purpose, state.policy.policy, "purpose")


def _told(one: Elevation) -> dict[str, Any]:
    return {
        "id": one.id,
        "account": one.account,
        "role": one.role,
        "reason": one.reason,
        "ends_at": one.ends_at.isoformat(),
    }


def _account(identity: Identity, state: State) -> dict[str, Any] | None:
    subject = identity.subject
    if subject is ANONYMOUS_SUBJECT:
        return None
    roles = state.policy.policy.roles
    titles = [roles[role].model_dump(include={"id", "title_zh", "title_en"}) for role in subject.roles if role in roles]
    return {
        "id": subject.id,
        "name": subject.name,
        "roles": subject.roles,
        "role_titles": titles,
        "areas": subject.areas,
        "departments": subject.departments,
        "clearance": subject.clearance,
        "method": subject.method,
        "duties": sorted(identity.duties),
        "purpose": identity.actor.purpose,
        "session": subject.session_id,
        "idle_s": state.sessions.limits.idle_s,
    }


async def _read[M: BaseModel](request: Request, model: type[M]) -> M:
    """Read a JSON object or a form.

    Raises
    ------
    BadInput
        When it is neither, or has other fields; the message never repeats what was typed.
    """
    raw = await read_body(request.receive, _BODY_BYTES, request.scope["headers"])
    try:
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return model.model_validate(dict(parse_qsl(raw.decode(), max_num_fields=10)))
        return model.model_validate_json(raw)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        names = sorted({str(fault["loc"][0]) if fault["loc"] else "body" for fault in faults})
        raise BadInput(f"a JSON object or a form is needed; wrong are: {', '.join(names)[:200]}") from None
    except ValueError:
        raise BadInput("a form in UTF-8 with at most 10 fields is needed") from None


def require_own_page(scope: Scope, state: State) -> None:
    """Check that no other site does this, and that no password crosses a network in clear.

    Raises
    ------
    Forbidden
        For a page of another origin, and for plain http from another machine.
    """
    if state.origins.trust(scope) is not Trust.OURS:
        raise Forbidden("only pages of this server do this: log in, log out, change accounts")
    secure = is_secure(scope, state.settings.server.public_url) or is_from_this_machine(scope)
    if not secure and not state.settings.identity.plain_http:
        raise Forbidden("请用 https 登录 log in over https; identity.plain_http would allow passwords in clear")


async def _record(
    action: AuditAction,
    scope: Scope,
    state: State,
    detail: dict[str, str],
    decision: AuditDecision = AuditDecision.ALLOW,
) -> None:
    """Record a login before its cookie leaves, or a logout."""
    await state.audit.note(action, "session", scope=scope, decision=decision, detail=detail)


async def _entered(session: NewSession, request: Request, state: State) -> Response:
    await end_session_before(request.scope, state)
    secure = is_secure(request.scope, state.settings.server.public_url)
    headers = {"Set-Cookie": cookie_header(session.value, secure), **_NOT_KEPT}
    return JSONResponse({"session": session.id}, headers=headers)


async def end_session_before(scope: Scope, state: State) -> str | None:
    """End the session that a browser had before, so that its old cookie opens nothing; return its id."""
    try:
        before = identity_of(scope).subject.session_id
    except Unauthenticated:
        return None
    if before is not None:
        await state.sessions.end(before)
    return before
