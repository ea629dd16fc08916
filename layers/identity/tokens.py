"""Access tokens of service clients: feeds, QGIS, notebooks. A token is shown once; its digest is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from layers.errors import BadInput, Conflict, NotFound
from layers.identity.labels import IdentityLabels, check_name, labels_of
from layers.identity.secret import digest_of, new_token

DAYS_MAX = 731
_ADD = "SELECT identity.add_token($1, $2, $3, $4, $5, $6, $7::jsonb, $8)"
_REVOKE = "UPDATE identity.access_token SET revoked_at = now() WHERE name = $1 AND revoked_at IS NULL"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token as it is listed, without its secret."""

    name: str
    labels: IdentityLabels
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A valid token by its digest."""

    name: str
    labels: IdentityLabels
    expires_at: datetime


async def add_token(
    connection: asyncpg.Connection, name: str, labels: IdentityLabels, days: int, *, replace: bool = False
) -> str:
    """Make a token and return it; it cannot be read again.

    Parameters
    ----------
    connection
        In the owner's role; without `replace` also in the identity role.
    replace
        Revoke the token of this name first.

    Raises
    ------
    BadInput
        For a bad name or a lifetime that is not 1 to 731 days.
    Conflict
        When there is a token of this name, and it is not to be replaced.
    """
    name = check_name(name)
    if not 1 <= days <= DAYS_MAX:
        raise BadInput(f"a token lives 1 to {DAYS_MAX} days; got {days}", parameter="days")
    token = new_token()
    async with connection.transaction():
        if replace:
            await connection.execute(_REVOKE, name)
        try:
            await connection.execute(_ADD, name, digest_of(token), *labels.columns, timedelta(days=days))
        except asyncpg.UniqueViolationError:
            raise Conflict(f"there is a token '{name}' already; --replace revokes it first", parameter="name") from None
    return token


async def list_tokens(connection: asyncpg.Connection) -> list[AccessToken]:
    """Return all tokens, those in force first; empty when there are none."""
    return [
        AccessToken(
            row["name"],
            labels_of(row),
            row["created_at"],
            row["expires_at"],
            row["revoked_at"],
            row["last_used_at"],
        )
        for row in await connection.fetch("SELECT * FROM identity.tokens()")
    ]


async def revoke_token(connection: asyncpg.Connection, name: str) -> None:
    """Revoke the token of a name; every worker refuses it within a second.

    Raises
    ------
    NotFound
        When no token of this name is in force.
    """
    if not await connection.fetchval("SELECT identity.revoke_token($1)", check_name(name)):
        raise NotFound(f"no token '{name}' is in force; ./onemap token list shows them", parameter="name")


async def find_token(connection: asyncpg.Connection, digest: bytes) -> FoundToken | None:
    """Return the token of a digest that is valid now, for the identity role; None when there is none."""
    row = await connection.fetchrow("SELECT * FROM identity.find_token($1)", digest)
    return FoundToken(row["name"], labels_of(row), row["expires_at"]) if row else None
