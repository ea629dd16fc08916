"""The page of the login, logins at OpenID providers with a browser, and sessions for tokens."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response

from layers.audit.record import AuditAction, AuditDecision
from layers.errors import BadInput, NotFound, OneMapError, Unauthenticated, Unavailable
from server.dependencies import BaseUrlHere, IdentityHere, StateHere
from server.errors import problem, status_of
from server.http.elsewhere import Elsewhere
from server.http.gateway import client_address
from server.http.login_cookie import login_cookie_header, read_login_cookie
from server.http.session_cookie import cookie_header, is_secure
from server.identity.oidc.attempt import SECONDS_MAX
from server.identity.oidc.next_path import safe_next
from server.identity.oidc.oidc import BrowserAnswer
from server.identity.subject import AuthMethod, check_purpose
from server.routes.identity.session import end_session_before

router = APIRouter(include_in_schema=False)
type NextPath = Annotated[str | None, Query(alias="next")]
TOKEN_SESSION_S = 3600
"""The longest life of a session that was opened with a token, which may be revoked meanwhile."""
_CALLBACK = "/login/oidc/{name}/callback"
_FAULTS: dict[type[OneMapError], str] = {
    BadInput: "state",
    Unauthenticated: "refused",
    NotFound: "unknown",
    Unavailable: "away",
}
_NOT_KEPT = {"Cache-Control": "no-store"}


@router.get("/login")
async def show_login(state: StateHere, following: NextPath = None) -> Response:
    """Show how one logs in here."""
    body = state.assets.page("login.html", next=escape(safe_next(following)))
    return Response(body, media_type="text/html", headers=_NOT_KEPT)


@router.get("/login/ways")
async def list_ways(state: StateHere) -> Response:
    """Return the providers at which people may log in: name, title_zh, title_en."""
    files = [provider.file for provider in state.oidc.providers.for_login]
    ways = [file.model_dump(include={"name", "title_zh", "title_en"}) for file in files]
    return Response(orjson.dumps(ways), media_type="application/json", headers=_NOT_KEPT)


@router.post("/login/token")
async def open_token_session(request: Request, state: StateHere, identity: IdentityHere) -> Response:
    """Open a session for the token of the Authorization header, so that a browser can use it on every page.

    No form of another site can send that header.
    """
    subject = replace(identity.subject, purpose=identity.actor.purpose)  # of the header X-Purpose
    if subject.session_id is not None or subject.method is AuthMethod.NONE:
        raise Unauthenticated("send a token: 'Authorization: Bearer <token>'")
    agent = request.headers.get("user-agent", "")
    session = await state.sessions.open(
        subject, address=client_address(request.scope), agent=agent, absolute_s=TOKEN_SESSION_S
    )
    await state.audit.note(AuditAction.LOGIN, "session", scope=request.scope, detail={"session": session.id})
    secure = is_secure(request.scope, state.settings.server.public_url)
    return Response(b"{}", headers={"Set-Cookie": cookie_header(session.value, secure), **_NOT_KEPT})


@router.get("/login/oidc/{name}")
async def begin_login(
    name: str,
    request: Request,
    state: StateHere,
    base: BaseUrlHere,
    following: NextPath = None,
    purpose: Annotated[str | None, Query(max_length=63)] = None,
) -> Response:
    """Send the browser to a provider."""
    try:
        if purpose:
            check_purpose(purpose, state.policy.policy, "purpose")
        back = base + _CALLBACK.format(name=name)
        address, cookie = await state.oidc.begin(name, back, safe_next(following), purpose or None)
    except (BadInput, NotFound, Unavailable) as error:
        return _fault(request, error)
    answer = Elsewhere(address)
    secure = is_secure(request.scope, state.settings.server.public_url)
    answer.headers.append("Set-Cookie", login_cookie_header(cookie, SECONDS_MAX, secure=secure))
    return answer


@router.get(_CALLBACK)
async def finish_login(name: str, request: Request, state: StateHere) -> Response:
    """Take the answer of a provider, open a session, and send the browser on to where it was."""
    secure = is_secure(request.scope, state.settings.server.public_url)
    browser = BrowserAnswer(
        read_login_cookie(request.scope, secure=secure),
        dict(request.query_params),
        client_address(request.scope),
        request.headers.get("user-agent", ""),
    )
    try:
        session, following = await state.oidc.finish(name, browser)
    except Unauthenticated as error:
        denied = AuditDecision.DENY
        detail = {"provider": name}
        await state.audit.note(AuditAction.LOGIN, "session", scope=request.scope, decision=denied, detail=detail)
        return _fault(request, error)
    except (BadInput, NotFound, Unavailable) as error:
        return _fault(request, error)
    detail = {"provider": name, "session": session.id}
    await state.audit.note(AuditAction.LOGIN, "session", scope=request.scope, detail=detail)
    await end_session_before(request.scope, state)
    answer = Response(status_code=303, headers={"Location": _UP + following[1:], **_NOT_KEPT})
    answer.headers.append("Set-Cookie", cookie_header(session.value, secure))
    answer.headers.append("Set-Cookie", login_cookie_header("", 0, secure=secure))
    return answer


_UP = "../../../"  # from the callback to the root of the service, also below a proxy's path


def _fault(request: Request, error: OneMapError) -> Response:
    """Send a person back to the page of the login, which says what is wrong, and a program problem details."""
    if "text/html" not in request.headers.get("accept", ""):
        return problem(status_of(error), error.message, error.parameter)
    fault = next(word for kind, word in _FAULTS.items() if isinstance(error, kind))
    up = "../" * (request.url.path.rstrip("/").count("/") - 1)
    return Response(status_code=303, headers={"Location": f"{up}login?fault={fault}", **_NOT_KEPT})
