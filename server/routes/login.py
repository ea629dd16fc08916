"""The page of the login, and logins at OpenID providers with a browser."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from layers.errors import BadInput, NotFound, OneMapError, Unauthenticated, Unavailable
from server.dependencies import BaseUrlHere, StateHere
from server.errors import problem, status_of
from server.http.elsewhere import Elsewhere
from server.http.gateway import client_address
from server.http.login_cookie import login_cookie_header, read_login_cookie
from server.http.session_cookie import cookie_header
from server.identity.identity import identity_of
from server.identity.oidc.attempt import SECONDS_MAX
from server.identity.oidc.next_path import safe_next
from server.identity.oidc.oidc import BrowserAnswer
from server.page.login_page import login_page

router = APIRouter(include_in_schema=False)
type NextPath = Annotated[str | None, Query(alias="next", max_length=1000)]
_CALLBACK = "/login/oidc/{name}/callback"


@router.get("/login")
async def show_login(request: Request, state: StateHere, following: NextPath = None) -> Response:
    """Show how one logs in here."""
    return login_page(request.scope, state, safe_next(following))


@router.get("/login/oidc/{name}")
async def begin_login(
    name: str, request: Request, state: StateHere, base: BaseUrlHere, following: NextPath = None
) -> Response:
    """Send the browser to a provider."""
    redirect_uri = base + _CALLBACK.format(name=name)
    try:
        address, cookie = await state.oidc.begin(name, redirect_uri, safe_next(following))
    except (NotFound, Unavailable) as error:
        return _fault(request, state, error)
    answer = Elsewhere(address)
    public_url = state.settings.server.public_url
    answer.headers.append("Set-Cookie", login_cookie_header(cookie, request.scope, public_url, SECONDS_MAX))
    return answer


@router.get(_CALLBACK)
async def finish_login(name: str, request: Request, state: StateHere, base: BaseUrlHere) -> Response:
    """Take the answer of a provider, open a session, and send the browser on to where it was."""
    public_url = state.settings.server.public_url
    browser = BrowserAnswer(
        read_login_cookie(request.scope, public_url),
        {key: value for key, value in request.query_params.items() if len(value) <= state.settings.limits.url_bytes},
        client_address(request.scope),
        request.headers.get("user-agent", ""),
    )
    try:
        session, following = await state.oidc.finish(name, browser)
    except (BadInput, NotFound, Unauthenticated, Unavailable) as error:
        return _fault(request, state, error)
    await _end_session_before(request, state)
    answer = Response(status_code=303, headers={"Location": base + following, "Cache-Control": "no-store"})
    answer.headers.append("Set-Cookie", cookie_header(session.value, request.scope, public_url))
    answer.headers.append("Set-Cookie", login_cookie_header("", request.scope, public_url, 0))
    return answer


async def _end_session_before(request: Request, state: StateHere) -> None:
    """End the session that this browser had: nobody finds it again."""
    try:
        before = identity_of(request.scope).subject.session_id
    except Unauthenticated:
        return
    if before is not None:
        await state.sessions.end(before)


def _fault(request: Request, state: StateHere, error: OneMapError) -> Response:
    """Return a fault as the page of the login for people, and as problem details for programs."""
    if "text/html" not in request.headers.get("accept", ""):
        return problem(status_of(error), error.message, error.parameter)
    return login_page(request.scope, state, "/", error)
