"""What a provider granted to a session: its refresh token, sealed, and when the provider is to be asked again."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

type Connection = asyncpg.Connection | asyncpg.Pool

_LEASE_S = 30
"""Time in which one worker asks the provider and no other does; a worker that dies meanwhile blocks nobody for long."""


@dataclass(frozen=True, slots=True)
class SessionGrant:
    """A grant of a provider.

    Attributes
    ----------
    subject
        The person's `sub` there.
    sealed
        Refresh and ID token, encrypted by the web workers; None when neither is kept.
    """

    session_id: str
    provider: str
    subject: str
    sealed: str | None


async def login_key(connection: Connection) -> bytes:
    """Return the 32 bytes that all workers seal logins with."""
    found: bytes = await connection.fetchval("SELECT key FROM identity.login_key")
    return found


async def mark_login(connection: Connection, state_digest: bytes) -> bool:
    """Record that the answer to a login was used; False when it was used before.

    Answers that are older than a login may take are forgotten.
    """
    await connection.execute("DELETE FROM identity.login_used WHERE used_at < now() - interval '1 hour'")
    inserted = await connection.fetchval(
        "INSERT INTO identity.login_used (state_digest) VALUES ($1) ON CONFLICT DO NOTHING RETURNING true", state_digest
    )
    return bool(inserted)


async def keep_grant(connection: Connection, grant: SessionGrant, life_s: float) -> None:
    """Keep the grant of a new session, to be renewed after `life_s` seconds; those of ended sessions go."""
    await connection.execute(
        "INSERT INTO identity.session_grant (session_id, provider, subject, sealed, renew_at)"
        " VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))",
        grant.session_id, grant.provider, grant.subject, grant.sealed, life_s,
    )  # fmt: skip


async def seconds_until_renewal(connection: Connection, session_id: str) -> float | None:
    """Return the seconds until a grant is to be renewed, negative when it is due; None without a grant."""
    found: float | None = await connection.fetchval(
        "SELECT extract(epoch FROM renew_at - now())::float8 FROM identity.session_grant WHERE session_id = $1",
        session_id,
    )
    return found


async def take_due_grant(connection: Connection, session_id: str) -> SessionGrant | None:
    """Return the grant of a session if it is due and no other worker renews it; it is this worker's for a while."""
    row = await connection.fetchrow(
        "UPDATE identity.session_grant SET renew_at = now() + make_interval(secs => $2)"
        " WHERE session_id = $1 AND renew_at <= now() RETURNING session_id, provider, subject, sealed",
        session_id, _LEASE_S,
    )  # fmt: skip
    return SessionGrant(**dict(row)) if row else None


async def renew_grant(connection: Connection, session_id: str, sealed: str | None, life_s: float) -> None:
    """Keep the tokens that a provider gave in exchange for the old ones."""
    await connection.execute(
        "UPDATE identity.session_grant SET sealed = $2, renew_at = now() + make_interval(secs => $3)"
        " WHERE session_id = $1",
        session_id, sealed, life_s,
    )  # fmt: skip


async def take_grant(connection: Connection, session_id: str) -> SessionGrant | None:
    """Remove the grant of a session that ends, and return it; None without one."""
    row = await connection.fetchrow(
        "DELETE FROM identity.session_grant WHERE session_id = $1 RETURNING session_id, provider, subject, sealed",
        session_id,
    )
    return SessionGrant(**dict(row)) if row else None
