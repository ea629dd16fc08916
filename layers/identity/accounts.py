"""Local accounts as their administrator sees them.

All functions work in the owner's role; those that list, add, disable, enable and set codes also in the identity role.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from layers.errors import Conflict, NotFound
from layers.identity.labels import IdentityLabels, check_name, labels_of
from layers.identity.lockout import ACCOUNT_MAX, WINDOW_SECONDS

_ADD = "SELECT identity.add_account($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11)"
_LIST = "SELECT * FROM identity.accounts($1)"
_LABELS = """
UPDATE identity.account SET roles = $2, areas = $3, departments = $4, clearance = $5, attributes = $6::jsonb
WHERE name = $1
"""
_PASSWORD = "UPDATE identity.account SET password_hash = $2, must_change = $3 WHERE name = $1"  # noqa: S105
_ELEVATION = "UPDATE identity.account SET may_elevate = $2 WHERE name = $1"
_END = """
UPDATE identity.session AS s SET ended_at = now()
FROM identity.account AS a WHERE a.id = s.account_id AND a.name = $1 AND s.ended_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class LocalAccount:
    """An account as it is listed, without its secrets.

    Attributes
    ----------
    failures
        Attempts to log in that failed within the last ten minutes, from all addresses.
    sessions
        Number of its sessions that are alive.
    """

    name: str
    title: str
    labels: IdentityLabels
    disabled: bool
    must_change: bool
    may_elevate: bool
    demo: bool
    has_totp: bool
    has_password: bool
    last_login: datetime | None
    failures: int = 0
    sessions: int = 0

    @property
    def is_slowed(self) -> bool:
        """Whether so many attempts failed that the account waits at unknown addresses (`lockout`)."""
        return self.failures >= ACCOUNT_MAX


async def add_account(
    connection: asyncpg.Connection,
    name: str,
    labels: IdentityLabels,
    *,
    title: str = "",
    password_hash: str | None = None,
    must_change: bool = False,
    may_elevate: bool = False,
    demo: bool = False,
) -> None:
    """Add an account; without a password nobody can log in with it yet.

    Raises
    ------
    BadInput
        For a bad name.
    Conflict
        When there is an account of this name.
    """
    name = check_name(name)
    try:
        await connection.execute(
            _ADD, name, title, *labels.columns, password_hash, must_change, may_elevate, demo
        )  # fmt: skip
    except asyncpg.UniqueViolationError:
        raise Conflict(f"there is an account '{name}' already", parameter="name") from None


async def find_account(connection: asyncpg.Connection, name: str) -> LocalAccount:
    """Return the account of a name.

    Raises
    ------
    NotFound
        When there is none.
    """
    wanted = check_name(name)
    for one in await list_accounts(connection):
        if one.name == wanted:
            return one
    raise _unknown(name)


async def list_accounts(connection: asyncpg.Connection) -> list[LocalAccount]:
    """Return all accounts by name; empty when there are none."""
    return [
        LocalAccount(
            row["name"],
            row["title"],
            labels_of(row),
            row["disabled"],
            row["must_change"],
            row["may_elevate"],
            row["demo"],
            row["has_totp"],
            row["has_password"],
            row["last_login"],
            row["failures"],
            row["sessions"],
        )
        for row in await connection.fetch(_LIST, WINDOW_SECONDS)
    ]


async def set_labels(connection: asyncpg.Connection, name: str, labels: IdentityLabels) -> None:
    """Give an account other labels; its sessions have them within a second.

    Raises
    ------
    NotFound
        When there is no account of this name; so also below.
    """
    await _change(connection, _LABELS, name, *labels.columns)


async def set_disabled(connection: asyncpg.Connection, name: str, *, disabled: bool) -> None:
    """Disable an account and end its sessions, or enable it.

    Raises
    ------
    NotFound
        As `set_labels`.
    """
    if not await connection.fetchval("SELECT identity.set_disabled($1, $2)", check_name(name), disabled):
        raise _unknown(name)


async def set_password(connection: asyncpg.Connection, name: str, password_hash: str, *, must_change: bool) -> None:
    """Set the hash of a password and end the sessions of the account.

    Raises
    ------
    NotFound
        As `set_labels`.
    """
    async with connection.transaction():
        await _change(connection, _PASSWORD, name, password_hash, must_change)
        await connection.execute(_END, check_name(name))


async def set_totp(connection: asyncpg.Connection, name: str, secret: str | None) -> None:
    """Set the secret of one-time codes; None removes it.

    Raises
    ------
    NotFound
        As `set_labels`.
    """
    if not await connection.fetchval("SELECT identity.set_totp($1, $2)", check_name(name), secret):
        raise _unknown(name)


async def set_may_elevate(connection: asyncpg.Connection, name: str, *, may: bool) -> None:
    """Allow an account break-glass, or no longer.

    Raises
    ------
    NotFound
        As `set_labels`.
    """
    await _change(connection, _ELEVATION, name, may)


async def _change(connection: asyncpg.Connection, statement: str, name: str, *values: object) -> None:
    if await connection.execute(statement, check_name(name), *values) == "UPDATE 0":
        raise _unknown(name)


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no account '{name}'; ./onemap user list shows them", parameter="name")
