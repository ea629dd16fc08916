"""`/status/accounts`: accounts, sessions and access tokens, on a page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from server.dependencies import StateHere, require_duty
from server.identity.identity import Identity
from server.page.frame import page_response, reading_of
from server.page.operator_tabs import operator_tabs
from server.routes.administration.accounts import may_switch, read_sessions, shown_account
from server.routes.administration.tokens import shown_token

router = APIRouter(tags=["identity"])


@router.get("/status/accounts", response_class=HTMLResponse, summary="账户与令牌 Accounts and tokens, on a page")
async def kept_accounts(
    request: Request, state: StateHere, identity: Annotated[Identity, Depends(require_duty("users", "policy"))]
) -> Response:
    """Show accounts, who is logged in, and tokens; a script acts on them by `/users`, `/sessions`, `/tokens`."""
    reading = reading_of(request, state.settings.server)
    roles = state.policy.policy.roles_to_give
    accounts = await state.accounts.accounts()
    by_code = state.settings.identity.totp_roles
    response = page_response(
        "operator/accounts.html",
        reading,
        tabs=operator_tabs(identity.duties),
        accounts=[shown_account(one) for one in accounts],
        switched={one.name for one in accounts if may_switch(identity.duties, one)},
        sessions=await read_sessions(state),
        tokens=[shown_token(one) for one in await state.accounts.tokens()],
        roles={name: reading.title(role.title_zh, role.title_en) for name, role in roles.items()},
        without_code=[name for name in roles if name not in by_code],
        gives="policy" in identity.duties,
        now=datetime.now(UTC),
        own=identity.subject.id.removeprefix("account:"),
        own_session=identity.subject.session_id,
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response
