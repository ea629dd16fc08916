"""Effectively once: a message is known by its receipt for as long as it could be sent again.

A receipt is 16 bytes: the second of the message's time, then a digest of its source, id, version and, for positions and
observations, its exact time. So new receipts lie side by side in the index, and a day of them is dropped as a whole.
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
_FEW = 50  # that are claimed in one round trip
_ROW = b"\0\1\0\0\0\x10"  # of COPY: one column of 16 bytes
_CLAIM = "INSERT INTO twin.receipt (digest) SELECT unnest($1::uuid[]) ON CONFLICT (digest) DO NOTHING"
_OURS = """
SELECT digest FROM twin.receipt WHERE digest = ANY ($1::uuid[]) AND xmin = pg_current_xact_id()::xid
"""


async def claim(connection: asyncpg.Connection, digests: Sequence[bytes]) -> list[int] | None:
    """Write the receipts of messages in the open transaction, and return which messages are new.

    Another writer of the same receipt waits for this transaction: if it commits, the other finds a duplicate; if it is
    rolled back, the message is new to the other. Of two alike in one batch the first is new.

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
    """Write receipts as if all were new, at half the cost; when one is not, none is written and False returned.

    The savepoint is gone afterwards in either case: later rows are written by the transaction itself, and known by its
    number.
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

    An event is identified by source, id and version alone. The time is a part of the identity of positions and
    observations: a device whose counter starts again has not sent that message before.
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
    """Drop receipts older than any repetition: days as a whole, and those of no day by the time they were written."""
    await connection.execute("SELECT twin.drop_days('receipt', (now() - $1::interval)::date)", older_than)
    await connection.execute("DELETE FROM twin.receipt_rest WHERE received_at < now() - $1::interval", older_than)
