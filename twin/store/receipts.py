"""Effectively once: a message that was taken is known by its identity for as long as it could be sent again.

A receipt is 16 bytes: the second of the message's time, then a digest of its source, id, version and, for what is
measured many times, its exact time. New receipts therefore lie side by side in the index instead of all over it, and a
day of them is dropped as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import asyncpg
from asyncpg.pgproto.pgproto import UUID  # takes bytes, at a fifth of what the standard library's costs

from twin.envelope.message import Message
from twin.store import binary

KEPT = timedelta(days=7)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EMPTY = blake2b(digest_size=12)  # a copy costs a third of a new one
_FEW = 50  # so many are claimed in one round trip
_ROW = b"\0\1\0\0\0\x10"  # of COPY: one column of 16 bytes
_CLAIM = "INSERT INTO twin.receipt (digest) SELECT unnest($1::uuid[]) ON CONFLICT (digest) DO NOTHING"
_OURS = """
SELECT digest FROM twin.receipt WHERE digest = ANY ($1::uuid[]) AND xmin = pg_current_xact_id()::xid
"""


async def claim(connection: asyncpg.Connection, digests: Sequence[bytes]) -> list[int] | None:
    """Take messages into the open transaction, and tell which of them nobody has taken before.

    Another writer that takes the same message waits for this transaction: if it commits, the other finds a
    duplicate; if it is rolled back, the other has it. Of two alike in one batch the first is taken.

    Returns
    -------
    list or None
        Positions of the messages that are new, in order; None when all are, which is nearly always.
    """
    first: dict[bytes, int] = {}
    for position, digest in enumerate(digests):
        first.setdefault(digest, position)
    wanted = sorted(first)  # no deadlock of two writers
    if len(wanted) > _FEW and await _all_new(connection, wanted):
        return None if len(wanted) == len(digests) else sorted(first.values())
    keys = [UUID(key) for key in wanted]
    done: str = await connection.execute(_CLAIM, keys)
    if int(done.rpartition(" ")[2]) == len(digests):
        return None
    ours = await connection.fetch(_OURS, keys)
    return sorted(first[row[0].bytes] for row in ours)


async def _all_new(connection: asyncpg.Connection, wanted: Iterable[bytes]) -> bool:
    """Take receipts as if nobody had one of them, at half the cost; when somebody has, nothing is taken.

    The savepoint is gone afterwards in either case: what is written next is written by the transaction itself, and
    known by its number.
    """
    await connection.execute("SAVEPOINT claim")
    try:
        await binary.copy(connection, "receipt", ("digest",), [_ROW + key for key in wanted])
    except asyncpg.UniqueViolationError:
        await connection.execute("ROLLBACK TO claim; RELEASE claim")
        return False
    await connection.execute("RELEASE claim")
    return True


def digests(messages: Iterable[Message]) -> list[bytes]:
    """Return the receipts of messages; NUL separates the parts of an identity because none can hold it.

    An event is its source, id and version, whenever it says it happened. Of positions and observations the time is a
    part of the identity: a device whose counter starts again has not sent that message before.
    """
    made: list[bytes] = []
    time, second, micro = _EPOCH, bytes(4), 0
    for message in messages:
        kind, source, identifier, version = message[:4]
        hashed = _EMPTY.copy()
        if kind in {"position", "observation"}:
            if message.phenomenon_time is not time:  # those of a body are often one and the same
                time = message.phenomenon_time
                since = time - _EPOCH
                second = max(since.days * 86_400 + since.seconds, 0).to_bytes(4, "big")
                micro = since.microseconds
            hashed.update(f"{source}\0{identifier}\0{version}\0{micro}".encode())
            made.append(second + hashed.digest())
        else:
            hashed.update(f"{source}\0{identifier}\0{version}".encode())
            made.append(bytes(4) + hashed.digest())
    return made


async def forget(connection: asyncpg.Connection, older_than: timedelta = KEPT) -> None:
    """Drop receipts older than a sender would ever repeat: days as a whole, and those of no day by when they came."""
    await connection.execute("SELECT twin.drop_days('receipt', (now() - $1::interval)::date)", older_than)
    await connection.execute("DELETE FROM twin.receipt_rest WHERE received_at < now() - $1::interval", older_than)
