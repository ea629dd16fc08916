"""Break-glass of local accounts: begun by whoever may, seen by a second person."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import structlog

from layers.database.connection import in_our_words
from layers.errors import BadInput, Forbidden, NotFound
from layers.identity.elevations import (
    HOURS_MAX,
    REASON_CHARS,
    Elevation,
    acknowledge_elevation,
    begin_elevation,
    list_elevations,
)
from layers.identity.logins import find_account
from layers.policy.policy import Policy
from server.identity.subject import Subject

POWERS = frozenset({"sysadmin", "security_admin", "auditor", "operator"})
"""Roles that nobody is elevated to: of the system, of security, of the audit."""
_ACCOUNT = "account:"
_log = structlog.get_logger(__name__)


class BreakGlass:
    """Begins, lists and acknowledges elevations.

    Parameters
    ----------
    pool
        Connections in the identity role.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def begin(self, subject: Subject, role: str, reason: str, hours: int, policy: Policy) -> int:
        """Give the account of a subject a role for some hours, in all its sessions; return the number of the record.

        Raises
        ------
        BadInput
            For an unknown role, one of the three powers, a reason of less than 10 characters, more than 4 hours.
        Forbidden
            When the subject is no local account, or may not.
        """
        known = policy.roles.get(role)
        if known is None or role in POWERS:
            allowed = ", ".join(sorted(policy.roles.keys() - POWERS))
            raise BadInput(f"a role to elevate to is one of {allowed}", parameter="role")
        if not 1 <= hours <= HOURS_MAX:
            raise BadInput(f"1 to {HOURS_MAX} hours are allowed; got {hours}", parameter="hours")
        least, most = REASON_CHARS
        if not least <= len(reason.strip()) <= most:
            raise BadInput(f"须写明理由 a reason of {least} to {most} characters is needed", parameter="reason")
        name = subject.id.removeprefix(_ACCOUNT)
        async with self._connection() as connection:
            account = await find_account(connection, name) if subject.id.startswith(_ACCOUNT) else None
            number = account and await begin_elevation(connection, account.id, role, known.clearance, reason, hours)
        if not number:
            raise Forbidden("这个账户不能应急提权 this account may not elevate: ./onemap user break-glass")
        _log.warning(
            "break-glass: a second person must acknowledge it", account=name, role=role, hours=hours, id=number
        )
        return number

    async def list(self) -> list[Elevation]:
        """Return the last ones, the newest first."""
        async with self._connection() as connection:
            return await list_elevations(connection)

    async def unseen(self) -> builtins.list[Elevation]:
        """Return those that no second person has acknowledged, also when they ended meanwhile; the newest first."""
        return [one for one in await self.list() if one.acknowledged_by is None]

    async def acknowledge(self, number: int, subject: Subject, *, ends: bool) -> None:
        """Note that a second person has seen an elevation; end it at once if asked.

        Raises
        ------
        NotFound
            When there is none of this number, or it is the subject's own.
        """
        async with self._connection() as connection:
            seen = await acknowledge_elevation(connection, number, subject.id.removeprefix(_ACCOUNT), ends=ends)
        if not seen:
            raise NotFound(f"there is no elevation {number} of another person")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        with in_our_words():
            async with self._pool.acquire() as connection:
                yield connection
