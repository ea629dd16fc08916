"""The audit in PostgreSQL: records are appended in one role, and read in another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from layers.audit.chain import StoredRecord
from layers.audit.record import AuditAction, AuditChain, AuditDecision

_ROWS_A_FETCH = 5000
_APPEND = "SELECT audit.append($1, string_to_array($2, E'\\n'))"
_COLUMNS = "chain, seq, stored_at, alg, body, prev_hash, hash"


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The end of a chain: the number and the hash of its last record; number 0 before the first."""

    chain: str
    seq: int
    alg: str
    hash: bytes


async def append(connection: asyncpg.Connection, chain: AuditChain, bodies: Sequence[str]) -> int:
    """Append records, in their order, in one transaction; return the number of the last.

    Parameters
    ----------
    connection
        In the role `Role.AUDIT`.
    bodies
        Canonical texts.

    Raises
    ------
    ValueError
        When a text has more than one line: it would become two records.
    """
    lines = "\n".join(bodies)  # one text is encoded faster than many
    if lines.count("\n") >= max(1, len(bodies)):
        raise ValueError("a canonical text is one line")
    last: int = await connection.fetchval(_APPEND, chain.value, lines)
    return last


async def read_heads(connection: asyncpg.Connection) -> list[ChainHead]:
    """Return the end of every chain, in the role `Role.AUDITOR`."""
    rows = await connection.fetch("SELECT chain, seq, alg, hash FROM audit.head ORDER BY chain")
    return [ChainHead(*row) for row in rows]


async def read_chain(connection: asyncpg.Connection, chain: str, after: int = 0) -> AsyncIterator[StoredRecord]:
    """Yield the records of a chain in their order, as they are at the time of the call.

    Parameters
    ----------
    after
        The number of the record before the first.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        statement = f"SELECT {_COLUMNS} FROM audit.record WHERE chain = $1 AND seq > $2 ORDER BY seq"
        async for row in connection.cursor(statement, chain, after, prefetch=_ROWS_A_FETCH):
            yield StoredRecord(*row)


@dataclass(frozen=True, slots=True)
class RecordSearch:
    """What an auditor looks for in one chain; None and empty mean everything.

    Attributes
    ----------
    before
        Only records with a smaller number: the last of the page before.
    begin, end
        Times at which records were stored; half-open.
    object
        Beginning of the object: a layer, or ``feed/``.
    """

    chain: AuditChain
    before: int | None = None
    begin: datetime | None = None
    end: datetime | None = None
    subject: str | None = None
    action: AuditAction | None = None
    decision: AuditDecision | None = None
    object: str | None = None


_FIND = f"""SELECT {_COLUMNS} FROM audit.record
WHERE chain = $1 AND ($2::bigint IS NULL OR seq < $2)
    AND ($3::timestamptz IS NULL OR stored_at >= $3) AND ($4::timestamptz IS NULL OR stored_at < $4)
    AND ($5::text IS NULL OR body::jsonb ->> 'subject_id' = $5)
    AND ($6::text IS NULL OR body::jsonb ->> 'action' = $6)
    AND ($7::text IS NULL OR body::jsonb ->> 'decision' = $7)
    AND ($8::text IS NULL OR body::jsonb ->> 'object' ^@ $8)
ORDER BY seq DESC LIMIT $9"""


async def find_records(connection: asyncpg.Connection, search: RecordSearch, limit: int) -> list[StoredRecord]:
    """Return the newest records of a search, newest first, in the role `Role.AUDITOR`."""
    values = (search.begin, search.end, search.subject, search.action, search.decision, search.object)
    rows = await connection.fetch(_FIND, search.chain, search.before, *values, limit)
    return [StoredRecord(*row) for row in rows]


async def read_period(
    connection: asyncpg.Connection, begin: datetime | None = None, end: datetime | None = None
) -> AsyncIterator[StoredRecord]:
    """Yield the records of all chains that were stored in a period, by chain and number.

    Parameters
    ----------
    begin, end
        Half-open; None is without limit.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        statement = f"""SELECT {_COLUMNS} FROM audit.record
        WHERE ($1::timestamptz IS NULL OR stored_at >= $1) AND ($2::timestamptz IS NULL OR stored_at < $2)
        ORDER BY chain, seq"""
        async for row in connection.cursor(statement, begin, end, prefetch=_ROWS_A_FETCH):
            yield StoredRecord(*row)
