"""Approvals of exports, for web workers."""

from __future__ import annotations

import asyncpg

from layers.database.connection import in_our_words
from layers.identity.approvals import (
    Approval,
    ApprovalRequest,
    approve,
    find_approval,
    list_approvals,
    revoke_approval,
)
from server.identity.subject import Subject


class Approvals:
    """Gives, finds, lists and revokes approvals.

    Parameters
    ----------
    pool
        Connections in the identity role.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def find(self, number: str) -> Approval | None:
        """Return the approval of a number, also one that counts no more; None when there is none."""
        with in_our_words():
            return await find_approval(self._pool, number)

    async def list(self) -> list[Approval]:
        """Return the last ones, the newest first."""
        with in_our_words():
            return await list_approvals(self._pool)

    async def approve(self, request: ApprovalRequest, by: Subject) -> str:
        """Approve an export that was checked, and return its number."""
        with in_our_words():
            return await approve(self._pool, request, by.id)

    async def revoke(self, number: str) -> None:
        """End an approval.

        Raises
        ------
        NotFound
            When none of this number counts.
        """
        with in_our_words():
            await revoke_approval(self._pool, number)
