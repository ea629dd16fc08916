"""Accounts, sessions and access tokens as their administrators see them, for web workers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from layers.database.connection import in_our_words
from layers.identity.accounts import LocalAccount, add_account, find_account, list_accounts, set_disabled, set_totp
from layers.identity.labels import IdentityLabels
from layers.identity.sessions import list_sessions, revoke_sessions
from layers.identity.tokens import AccessToken, add_token, list_tokens, revoke_token
from layers.identity.totp import new_totp_secret, totp_uri
from server.identity.totp_seal import TotpSeal


class AccountBook:
    """Lists and changes accounts, sessions and tokens; whether somebody may is for the routes to say.

    Parameters
    ----------
    pool
        Connections in the identity role.
    totp
        Seals the secrets of one-time codes.
    """

    def __init__(self, pool: asyncpg.Pool, totp: TotpSeal) -> None:
        self._pool = pool
        self._totp = totp

    async def accounts(self) -> list[LocalAccount]:
        """Return all accounts by name."""
        async with self._connection() as connection:
            return await list_accounts(connection)

    async def account(self, name: str) -> LocalAccount:
        """Return an account.

        Raises
        ------
        NotFound
            When there is none of this name.
        """
        async with self._connection() as connection:
            return await find_account(connection, name)

    async def bind_code(self, name: str) -> str:
        """Give an account a new secret of one-time codes and return the address that authenticators read, this once.

        Raises
        ------
        NotFound
            When there is no account of this name.
        """
        secret = new_totp_secret()
        async with self._connection() as connection:
            await set_totp(connection, name, self._totp.seal(name, secret))
        return totp_uri(secret, name)

    async def add(self, name: str, title: str, labels: IdentityLabels, password_hash: str) -> None:
        """Add an account whose password is changed at the first login.

        Raises
        ------
        Conflict
            When there is an account of this name.
        """
        async with self._connection() as connection:
            await add_account(connection, name, labels, title=title, password_hash=password_hash, must_change=True)

    async def switch(self, name: str, *, disabled: bool) -> None:
        """Disable an account and end its sessions, or enable it.

        Raises
        ------
        NotFound
            When there is no account of this name.
        """
        async with self._connection() as connection:
            await set_disabled(connection, name, disabled=disabled)

    async def sessions(self, account: str | None = None) -> list[asyncpg.Record]:
        """Return the sessions that are alive: of one account, or all; the last used first."""
        async with self._connection() as connection:
            return await list_sessions(connection, account)

    async def end(self, which: str) -> int:
        """End a session by its id, or all of an account; return how many."""
        async with self._connection() as connection:
            return await revoke_sessions(connection, which)

    async def tokens(self) -> list[AccessToken]:
        """Return all tokens, those in force first."""
        async with self._connection() as connection:
            return await list_tokens(connection)

    async def add_token(self, name: str, labels: IdentityLabels, days: int) -> str:
        """Make a token and return it, this once.

        Raises
        ------
        BadInput
            For a lifetime that is not allowed.
        Conflict
            When one of this name is in force.
        """
        async with self._connection() as connection:
            return await add_token(connection, name, labels, days)

    async def revoke(self, token: str) -> None:
        """Revoke the token of a name.

        Raises
        ------
        NotFound
            When none of this name is in force.
        """
        async with self._connection() as connection:
            await revoke_token(connection, token)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        with in_our_words():
            async with self._pool.acquire() as connection:
                yield connection
