"""The way of access tokens: texts that begin with ``om_``, known to the database by their digests."""

from __future__ import annotations

import asyncpg

from layers.identity.secret import digest_of, is_token
from layers.identity.tokens import find_token
from server.identity.credential_cache import CredentialCache, KnownCredential
from server.identity.subject import AuthMethod, Subject


class AccessTokens:
    """Checks access tokens."""

    def __init__(self, cache: CredentialCache) -> None:
        self._cache = cache

    def accepts(self, token: str) -> bool:
        """Whether a token has the form of an access token; anything else costs no digest and no look-up."""
        return is_token(token)

    async def find(self, token: str) -> Subject | None:
        """Return the subject of a token; None when it is unknown, expired or revoked.

        Raises
        ------
        Unavailable
            When the database does not answer.
        """
        return await self._cache.find(digest_of(token), _find)


async def _find(connection: asyncpg.Connection, digest: bytes) -> KnownCredential | None:
    found = await find_token(connection, digest)
    if found is None:
        return None
    subject = Subject.labelled(f"token:{found.name}", found.name, found.labels, AuthMethod.TOKEN)
    return KnownCredential(subject, found.expires_at.timestamp(), 0.0)
