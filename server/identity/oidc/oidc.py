"""What a web worker does with OpenID providers: tokens, logins, renewals and logouts, over one set of providers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import asyncpg

from layers.database.connection import in_our_words
from layers.errors import BadInput
from layers.identity.grants import SessionGrant, keep_grant, login_key, mark_login
from layers.identity.sessions import NewSession
from layers.policy.policy import Policy
from server.identity.oidc.attempt import AttemptSeal
from server.identity.oidc.browser_logins import OTHER_LOGIN, BrowserLogins
from server.identity.oidc.logout import logout_address
from server.identity.oidc.oidc_tokens import OidcTokens, subject_of
from server.identity.oidc.provider import Provider
from server.identity.oidc.providers import Providers
from server.identity.oidc.renewals import RenewedSessions
from server.identity.oidc.token_seal import TokenSeal
from server.identity.oidc.tokens import Granted
from server.identity.sessions import Sessions

UNRENEWED_S = 3600
"""The longest life of a session whose provider gave nothing to renew it with."""


@dataclass(frozen=True, slots=True)
class BrowserAnswer:
    """The browser that brings the answer of a provider: its cookie, its parameters, and whence it comes."""

    cookie: str | None
    parameters: Mapping[str, str]
    address: str
    agent: str


class Oidc:
    """The providers of a web worker and all that is done with them.

    Parameters
    ----------
    pool
        Connections in the identity role.
    secret
        Returns the client secret of a provider; None for a public client.
    policy
        Returns the policy in force.
    """

    def __init__(
        self,
        providers: Providers,
        pool: asyncpg.Pool,
        sessions: Sessions,
        secret: Callable[[Provider], str | None],
        policy: Callable[[], Policy],
    ) -> None:
        self.providers = providers
        self.tokens = OidcTokens(providers, policy)
        self.sessions = RenewedSessions(sessions, pool, providers, secret, policy)
        self._pool, self._opened, self._secret, self._policy = pool, sessions, secret, policy
        self._logins: BrowserLogins | None = None

    async def close(self) -> None:
        """Cancel what runs, and close the connections to providers."""
        await self.sessions.close()
        await self.providers.close()

    async def begin(self, name: str, redirect_uri: str, next_path: str, purpose: str | None = None) -> tuple[str, str]:
        """Begin a login; see `BrowserLogins.begin`."""
        return await (await self._browser_logins()).begin(name, redirect_uri, next_path, purpose)

    async def finish(self, name: str, browser: BrowserAnswer) -> tuple[NewSession, str]:
        """Finish a login, and return the new session with the path that the browser goes on to.

        Raises
        ------
        BadInput, Unauthenticated, NotFound, Unavailable
            As `BrowserLogins.finish`; BadInput also for an answer that has counted before.
        """
        logins = await self._browser_logins()
        granted, attempt = await logins.finish(name, browser.cookie, browser.parameters)
        with in_our_words():
            is_first = await mark_login(self._pool, hashlib.sha256(attempt.state.encode()).digest())
        if not is_first:
            raise BadInput(OTHER_LOGIN, parameter="state")
        return await self._open(name, granted, browser, attempt.purpose), attempt.next_path

    async def logout_address(self, session_id: str, after_logout: str) -> str | None:
        """Return where the browser logs out at the provider of a session; see `logout_address`."""
        return await logout_address(self._pool, self.providers, self._secret, session_id, after_logout)

    async def _open(self, name: str, granted: Granted, browser: BrowserAnswer, purpose: str | None) -> NewSession:
        assert granted.claimed is not None  # noqa: S101  # a login has an ID token
        sealed = TokenSeal(self._secret(self.providers.named(name))).seal(granted.refresh_token, granted.id_token)
        is_renewed = sealed is not None and granted.refresh_token is not None
        session = await self._opened.open(
            replace(subject_of(granted.claimed, self._policy()), purpose=purpose),
            address=browser.address,
            agent=browser.agent,
            absolute_s=None if is_renewed else UNRENEWED_S,
        )
        with in_our_words():
            grant = SessionGrant(session.id, name, granted.claimed.subject, sealed)
            await keep_grant(self._pool, grant, granted.life_s)
        return session

    async def _browser_logins(self) -> BrowserLogins:
        if self._logins is None:
            with in_our_words():
                self._logins = BrowserLogins(self.providers, AttemptSeal(await login_key(self._pool)), self._secret)
        return self._logins
