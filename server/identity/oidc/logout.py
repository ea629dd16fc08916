"""The logout at the provider after that here (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import asyncpg

from layers.database.connection import in_our_words
from layers.errors import NotFound, Unavailable
from layers.identity.grants import take_grant
from server.identity.oidc.provider import Provider
from server.identity.oidc.providers import Providers
from server.identity.oidc.token_seal import TokenSeal


async def logout_address(
    pool: asyncpg.Pool,
    providers: Providers,
    secret: Callable[[Provider], str | None],
    session_id: str,
    after_logout: str,
) -> str | None:
    """Return where the browser goes to log out at the provider of a session too, and forget what it granted.

    Parameters
    ----------
    after_logout
        Full address of ours that the provider sends the browser back to; it must be registered there.

    Returns
    -------
    str or None
        None when the session is of no provider, or the provider has no such address or is away.
    """
    try:
        with in_our_words():
            grant = await take_grant(pool, session_id)
        if grant is None:
            return None
        provider = providers.for_browsers(grant.provider)
        end_session = (await provider.metadata()).end_session
        id_token = TokenSeal(secret(provider)).open(grant.sealed)[1]
    except (NotFound, Unavailable):
        return None
    if end_session is None:
        return None
    asked = {"client_id": provider.file.client_id, "post_logout_redirect_uri": after_logout}
    if id_token:
        asked["id_token_hint"] = id_token
    return f"{end_session}{'&' if urlsplit(end_session).query else '?'}{urlencode(asked)}"
