"""Retention of the audit: old records go at the beginning of their chain, and a checkpoint stays.

The database keeps every record for 180 days at least, whatever is asked of it (audit.forget).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import asyncpg

from layers.audit.record import AuditChain

_ROWS_A_TRANSACTION = 20_000


async def forget_records(connection: asyncpg.Connection, kept: Mapping[AuditChain, timedelta]) -> dict[str, int]:
    """Remove records that are older than their chain is kept; each removal appends a checkpoint to the chain.

    Parameters
    ----------
    connection
        In the role `Role.OWNER`.

    Returns
    -------
    dict of str to int
        Number of removed records by chain.
    """
    gone = {}
    for chain, period in kept.items():
        total, some = 0, _ROWS_A_TRANSACTION
        while some == _ROWS_A_TRANSACTION:
            some = await connection.fetchval(
                "SELECT audit.forget($1, $2, $3)", chain.value, period, _ROWS_A_TRANSACTION
            )
            total += some
        gone[chain.value] = total
    return gone
