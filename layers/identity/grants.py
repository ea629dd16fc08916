"""What a provider granted to a session: its refresh token, sealed, and when the provider is to be asked again.

All for connections in the identity role, which has these functions and no rights on the tables.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

type _Connection = asyncpg.Connection | asyncpg.Pool

_LEASE_S = 30.0
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


async def login_key(connection: _Connection) -> bytes:
    """Return the 32 bytes that all workers seal logins in progress with."""
    found: bytes = await connection.fetchval("SELECT identity.login_key()")
    return found


async def mark_login(connection: _Connection, state_digest: bytes) -> bool:
    """Note that the answer to a login has counted; False when it had before."""
    is_new: bool = await connection.fetchval("SELECT identity.mark_login($1)", state_digest)
    return is_new


async def keep_grant(connection: _Connection, grant: SessionGrant, life_s: float) -> None:
    """Keep the grant of a new session, to be renewed after `life_s` seconds."""
    values = grant.session_id, grant.provider, grant.subject, grant.sealed, life_s
    await connection.execute("SELECT identity.keep_grant($1, $2, $3, $4, $5)", *values)


async def seconds_until_renewal(connection: _Connection, session_id: str) -> float | None:
    """Return the seconds until a grant is to be renewed, negative when it is due; None without a grant."""
    found: float | None = await connection.fetchval("SELECT identity.seconds_until_renewal($1)", session_id)
    return found


async def take_due_grant(connection: _Connection, session_id: str) -> SessionGrant | None:
    """Return the grant of a session if it is due and no other worker renews it; it is this worker's for a while."""
    row = await connection.fetchrow("SELECT * FROM identity.take_due_grant($1, $2)", session_id, _LEASE_S)
    return SessionGrant(**dict(row)) if row else None


async def renew_grant(
    connection: _Connection, session_id: str, sealed: str | None, life_s: float, subject: Mapping[str, Any] | None
) -> None:
    """Keep the tokens that a provider gave in exchange for the old ones.

    Parameters
    ----------
    subject
        What the provider says of the person now, as the session keeps it; None leaves it as it is.
    """
    document = None if subject is None else json.dumps(subject)
    await connection.execute("SELECT identity.renew_grant($1, $2, $3, $4::jsonb)", session_id, sealed, life_s, document)


async def take_grant(connection: _Connection, session_id: str) -> SessionGrant | None:
    """Remove the grant of a session that ends, and return it; None without one."""
    row = await connection.fetchrow("SELECT * FROM identity.take_grant($1)", session_id)
    return SessionGrant(**dict(row)) if row else None
