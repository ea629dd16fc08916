"""The sessions of browsers: opened at a login, known by the digest of their cookie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg

from layers.database.connection import in_our_words
from layers.identity.secret import digest_of, is_secret
from layers.identity.sessions import FoundSession, NewSession, SessionLimits, end_session, find_session, open_session
from server.identity.credential_cache import CredentialCache, KnownCredential
from server.identity.subject import AuthMethod, Subject
from server.settings import IdentitySettings


class Sessions:
    """Opens, finds and ends sessions.

    Parameters
    ----------
    pool
        Connections in the identity role.
    """

    def __init__(self, cache: CredentialCache, pool: asyncpg.Pool, limits: SessionLimits) -> None:
        self._cache, self._pool, self.limits = cache, pool, limits

    async def find(self, cookie: str) -> Subject | None:
        """Return the subject of the session of a cookie; None when it is unknown or has ended.

        Raises
        ------
        Unavailable
            When the database does not answer.
        """
        return await self._cache.find(digest_of(cookie), _find) if is_secret(cookie) else None

    async def open(
        self,
        subject: Subject,
        *,
        address: str,
        agent: str,
        account_id: int | None = None,
        absolute_s: int | None = None,
    ) -> NewSession:
        """Open a session with a new id and a new cookie, so that nobody can have planted either before the login.

        Parameters
        ----------
        subject
            Its method and purpose are kept; its labels only without an account, whose own labels count.
        absolute_s
            The longest life in seconds, if it is shorter than that of the settings.

        Raises
        ------
        Forbidden
            When the account is disabled.
        Unavailable
            When the database does not answer.
        """
        limits = SessionLimits(self.limits.idle_s, min(absolute_s or self.limits.absolute_s, self.limits.absolute_s))
        with in_our_words():
            async with self._pool.acquire() as connection:
                return await open_session(
                    connection,
                    limits,
                    account_id=account_id,
                    subject=session_document(subject) if account_id is None else None,
                    method=subject.method,
                    purpose=subject.purpose,
                    address=address,
                    agent=agent,
                )

    async def end(self, session_id: str) -> bool:
        """End a session in all workers; False when it had ended already.

        Raises
        ------
        Unavailable
            When the database does not answer.
        """
        with in_our_words():
            async with self._pool.acquire() as connection:
                return await end_session(connection, session_id)


def session_limits(settings: IdentitySettings) -> SessionLimits:
    """Return how long sessions live by the settings."""
    return SessionLimits(settings.idle_minutes * 60, settings.session_hours * 3600)


async def _find(connection: asyncpg.Connection, digest: bytes) -> KnownCredential | None:
    found = await find_session(connection, digest)
    if found is None:
        return None
    until = min(found.expires_at, found.elevated_until or found.expires_at).timestamp()
    return KnownCredential(_subject(found), until, found.last_seen.timestamp(), found.idle_s, found.account_id)


def _subject(found: FoundSession) -> Subject:
    if found.subject is not None:
        return _subject_of(found.subject, found)
    return Subject.labelled(
        f"account:{found.account}",
        found.title or str(found.account),
        found.labels,
        AuthMethod(found.method),
        session_id=found.id,
        purpose=found.purpose,
    )


def session_document(subject: Subject) -> dict[str, Any]:
    """Return a subject of another provider as its session keeps it."""
    return {
        "id": subject.id,
        "name": subject.name,
        "roles": subject.roles,
        "areas": subject.areas,
        "departments": subject.departments,
        "clearance": subject.clearance,
        "attributes": subject.attributes,
    }


def _subject_of(document: Mapping[str, Any], found: FoundSession) -> Subject:
    return Subject(
        document["id"],
        document["name"],
        tuple(document["roles"]),
        tuple(document["areas"]),
        tuple(document["departments"]),
        document["clearance"],
        tuple((name, value) for name, value in document["attributes"]),
        AuthMethod(found.method),
        found.id,
        found.purpose,
    )
