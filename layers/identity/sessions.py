"""Sessions of browsers: opened at login, found by the digest of their cookie, ended by logout, time or revocation."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from layers.errors import Forbidden
from layers.identity.labels import IdentityLabels, labels_of
from layers.identity.secret import digest_of, new_secret

AGENT_CHARS_MAX = 200
_OPEN = "SELECT identity.open_session($1, $2, $3, $4::jsonb, $5, $6, $7, $8, $9, $10)"
_LIST = "SELECT * FROM identity.sessions_alive($1)"


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that was just opened: its public id, and the value of its cookie, which is stored nowhere."""

    id: str
    value: str


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lives: idle, and in all, in seconds."""

    idle_s: int
    absolute_s: int


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A session that is alive.

    Attributes
    ----------
    account_id, account
        None for a session of another provider, whose `subject` was stored with it.
    elevated_until
        When a break-glass ends that the labels include.
    """

    id: str
    account_id: int | None
    account: str | None
    title: str | None
    labels: IdentityLabels
    subject: Mapping[str, Any] | None
    method: str
    purpose: str | None
    last_seen: datetime
    idle_s: int
    expires_at: datetime
    elevated_until: datetime | None


async def open_session(
    connection: asyncpg.Connection,
    limits: SessionLimits,
    *,
    account_id: int | None = None,
    subject: Mapping[str, Any] | None = None,
    method: str,
    purpose: str | None = None,
    address: str,
    agent: str,
) -> NewSession:
    """Open a session for an account, or for the subject of another provider; its id and its cookie are new.

    Raises
    ------
    Forbidden
        When the account is disabled.
    """
    session = NewSession(secrets.token_hex(12), new_secret())
    try:
        await connection.execute(
            _OPEN,
            session.id,
            digest_of(session.value),
            account_id,
            None if subject is None else json.dumps(subject),
            method,
            purpose,
            address,
            agent[:AGENT_CHARS_MAX],
            limits.idle_s,
            limits.absolute_s,
        )
    except asyncpg.InsufficientPrivilegeError:
        raise Forbidden("the account is disabled") from None
    return session


async def find_session(connection: asyncpg.Connection, digest: bytes) -> FoundSession | None:
    """Return the session of a digest that is alive now, for the identity role; None when there is none."""
    row = await connection.fetchrow("SELECT * FROM identity.find_session($1)", digest)
    if row is None:
        return None
    return FoundSession(
        row["id"],
        row["account_id"],
        row["name"],
        row["title"],
        labels_of(row),
        json.loads(row["subject"]) if row["subject"] else None,
        row["method"],
        row["purpose"],
        row["last_seen"],
        row["idle_s"],
        row["expires_at"],
        row["elevated_until"],
    )


async def end_session(connection: asyncpg.Connection, session_id: str) -> bool:
    """End a session; False when it had ended already."""
    ended: bool = await connection.fetchval("SELECT identity.end_session($1)", session_id)
    return ended


async def note_use(connection: asyncpg.Connection, used: Sequence[tuple[bytes, datetime]]) -> None:
    """Note when tokens and sessions, by their digests, were used last."""
    await connection.execute("SELECT identity.note_use($1, $2)", [d for d, _ in used], [at for _, at in used])


async def list_sessions(connection: asyncpg.Connection, account: str | None = None) -> list[asyncpg.Record]:
    """Return the sessions that are alive: of one account, or all; the last used first."""
    rows: list[asyncpg.Record] = await connection.fetch(_LIST, account)
    return rows


async def revoke_sessions(connection: asyncpg.Connection, which: str) -> int:
    """End the session of an id, or all sessions of an account; return how many."""
    ended: int = await connection.fetchval("SELECT identity.revoke_sessions($1)", which)
    return ended
