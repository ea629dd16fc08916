"""Sessions of people whom a provider vouches for are renewed there from time to time, behind the back of requests.

Whom the provider has dismissed is logged out here some minutes later, and new roles count as soon as it tells them.
While the provider is away sessions go on, until they are idle or too old.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from time import monotonic

import asyncpg
import structlog

from layers.database.connection import in_our_words
from layers.errors import NotFound, OneMapError, Unauthenticated, Unavailable
from layers.identity.grants import SessionGrant, renew_grant, seconds_until_renewal, take_due_grant
from layers.policy.policy import Policy
from server.identity.auth import SessionWay
from server.identity.oidc.oidc_tokens import subject_of
from server.identity.oidc.provider import Provider
from server.identity.oidc.providers import Providers
from server.identity.oidc.token_seal import TokenSeal
from server.identity.oidc.tokens import refresh
from server.identity.sessions import Sessions, session_document
from server.identity.subject import AuthMethod, Subject

LOOK_S = 30.0
"""The longest time between two looks at a grant: another worker may have renewed it."""
_SESSIONS_MAX = 20_000
_log = structlog.get_logger(__name__)


class RenewedSessions(SessionWay):
    """The sessions of browsers; those of providers are renewed.

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
        sessions: Sessions,
        pool: asyncpg.Pool,
        providers: Providers,
        secret: Callable[[Provider], str | None],
        policy: Callable[[], Policy],
    ) -> None:
        self._sessions, self._pool, self._providers = sessions, pool, providers
        self._secret, self._policy = secret, policy
        self._look_at: dict[str, float] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def find(self, cookie: str) -> Subject | None:
        """Return the subject of a session; it costs no more than a look into memory unless a renewal is due."""
        subject = await self._sessions.find(cookie)
        if subject is not None and subject.method is AuthMethod.OIDC and subject.session_id is not None:
            self._look(subject.session_id)
        return subject

    async def settle(self) -> None:
        """Wait until no renewal runs."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def close(self) -> None:
        """Cancel running renewals; another worker takes them up."""
        for task in self._running.values():
            task.cancel()
        await self.settle()

    def _look(self, session_id: str) -> None:
        if self._look_at.get(session_id, 0.0) > monotonic() or session_id in self._running:
            return
        if len(self._look_at) >= _SESSIONS_MAX:
            self._look_at.clear()
        self._look_at[session_id] = monotonic() + LOOK_S
        task = asyncio.create_task(self._renew(session_id), context=Context())  # not of the request that started it
        self._running[session_id] = task
        task.add_done_callback(lambda _: self._running.pop(session_id, None))

    async def _renew(self, session_id: str) -> None:
        try:
            with in_our_words():
                grant = await take_due_grant(self._pool, session_id)
                if grant is None:
                    left = await seconds_until_renewal(self._pool, session_id)
                    self._look_at[session_id] = monotonic() + min(
                        LOOK_S, max(left, 0.0) if left is not None else LOOK_S
                    )
                    return
                await self._ask(grant)
        except OneMapError as error:
            _log.warning("a session could not be renewed; it is tried again", reason=error.message)

    async def _ask(self, grant: SessionGrant) -> None:
        """Ask the provider, and keep or end the session by its answer.

        Raises
        ------
        Unavailable
            When the provider or the database does not answer; the session goes on.
        """
        try:
            provider = self._providers.for_browsers(grant.provider)
            secret = self._secret(provider)
            refresh_token, id_token = TokenSeal(secret).open(grant.sealed)
            if refresh_token is None:
                return  # its life was limited when it was opened
            granted = await refresh(
                provider, secret, refresh_token, subject=grant.subject, skew_s=self._providers.skew_s
            )
        except (NotFound, Unauthenticated) as error:
            _log.info("a session ended: its provider does not vouch any more", reason=error.message)
            await self._sessions.end(grant.session_id)
            return
        subject = session_document(subject_of(granted.claimed, self._policy())) if granted.claimed else None
        sealed = TokenSeal(secret).seal(granted.refresh_token, granted.id_token or id_token)
        await renew_grant(self._pool, grant.session_id, sealed, granted.life_s, subject)


def secret_reader(read: Callable[[str], bytes]) -> Callable[[Provider], str | None]:
    """Return the function that finds the client secret of a provider.

    Parameters
    ----------
    read
        Returns a secret by its name; raises Unavailable when there is none.
    """

    def secret(provider: Provider) -> str | None:
        name = provider.file.client_secret
        if name is None:
            return None
        try:
            return read(name).decode()
        except (OneMapError, UnicodeDecodeError) as error:
            _log.error("the client secret of an identity provider cannot be read", provider=provider.file.name)
            raise Unavailable("the login is not set up; the administrator finds the reason in the log") from error

    return secret
