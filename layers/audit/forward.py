"""Forwarding of records to a log server, once each process of all: from a cursor, so that an outage loses nothing."""

from __future__ import annotations

import socket

import asyncpg

from layers.audit.chain import StoredRecord
from layers.audit.record import AuditChain
from layers.audit.syslog import SyslogSender, syslog_message

ROWS_MAX = 500
_SELECT = """
SELECT chain, seq, stored_at, alg, body, prev_hash, hash FROM audit.record
WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3
"""
_MOVE = """
INSERT INTO audit.forwarded (chain, seq) VALUES ($1, $2) ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq
"""


async def forward_records(auditor: asyncpg.Connection, owner: asyncpg.Connection, sender: SyslogSender) -> int:
    """Send the next records of each chain and remember how far it went; return their number.

    A record is sent again when the connection breaks before it is remembered.

    Parameters
    ----------
    auditor
        In the role `Role.AUDITOR`, which reads records.
    owner
        In the role `Role.OWNER`, which keeps the cursor.

    Raises
    ------
    Unavailable
        When the log server takes nothing.
    """
    sent = 0
    for chain in AuditChain:
        after = await owner.fetchval("SELECT seq FROM audit.forwarded WHERE chain = $1", chain.value) or 0
        rows = [StoredRecord(*row) for row in await auditor.fetch(_SELECT, chain.value, after, ROWS_MAX)]
        if rows:
            await sender.send([syslog_message(row, socket.gethostname()) for row in rows])
            await owner.execute(_MOVE, chain.value, rows[-1].seq)
            sent += len(rows)
    return sent
