"""The parts of a worker that know who asks, started together."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg

from layers.database.connection import Role, create_pool
from layers.policy.holder import PolicyHolder
from server.identity.access_tokens import AccessTokens
from server.identity.account_book import AccountBook
from server.identity.approvals import Approvals
from server.identity.auth import Authenticator
from server.identity.break_glass import BreakGlass
from server.identity.credential_cache import CredentialCache
from server.identity.login import Login
from server.identity.oidc.oidc import Oidc
from server.identity.oidc.providers import Providers
from server.identity.oidc.renewals import secret_reader
from server.identity.operator_token import OperatorToken
from server.identity.sessions import Sessions, session_limits
from server.identity.totp_seal import TotpSeal
from server.settings import Settings
from twin.feeds.secret import read_secret

_CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class IdentityParts:
    """What checks credentials, and what opens sessions.

    Attributes
    ----------
    pool
        Connections in the identity role.
    """

    authenticator: Authenticator
    sessions: Sessions
    oidc: Oidc
    login: Login
    break_glass: BreakGlass
    approvals: Approvals
    accounts: AccountBook
    pool: asyncpg.Pool


async def start_identity(
    settings: Settings, running: AsyncExitStack, policy: PolicyHolder, *, takes_demo: bool
) -> IdentityParts:
    """Start the parts; `running` stops them.

    Parameters
    ----------
    policy
        Says which roles exist and how far they see.
    takes_demo
        Whether accounts of the demo may log in: when this machine alone reaches the server.

    Raises
    ------
    Unavailable
        When the database does not answer.
    """
    url, timeout_ms = str(settings.database.url), settings.database.statement_timeout_ms
    pool = await create_pool(url, Role.IDENTITY, size=_CONNECTIONS, statement_timeout_ms=timeout_ms, plans="generic")
    running.push_async_callback(pool.close)
    credentials = CredentialCache(url, pool)
    running.push_async_callback(credentials.stop)
    await credentials.start()
    sessions = Sessions(credentials, pool, session_limits(settings.identity))
    secret = secret_reader(lambda name: read_secret(name, settings.home, os.environ))
    oidc = Oidc(Providers(settings.oidc.folder, settings.oidc.skew_s), pool, sessions, secret, lambda: policy.policy)
    running.push_async_callback(oidc.close)
    totp = TotpSeal.of_home(settings.home, os.environ)
    login = Login(pool, sessions, settings.identity, totp, takes_demo=takes_demo)
    ways = (OperatorToken(settings.home), AccessTokens(credentials), oidc.tokens)
    authenticator = Authenticator(ways, oidc.sessions, lambda: policy.policy)
    return IdentityParts(
        authenticator, sessions, oidc, login, BreakGlass(pool), Approvals(pool), AccountBook(pool, totp), pool
    )
