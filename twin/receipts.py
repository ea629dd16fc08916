"""Effectively once: a message that was taken is known by its identity for as long as it could be sent again.

A receipt is 16 bytes: the second of the message's time, then a digest of its source, id, version and, for what is
measured many times, its exact time. New receipts therefore lie side by side in the index instead of all over it, and a
day of them is dropped as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hashlib import blake2b

import asyncpg
from asyncpg.pgproto.pgproto import UUID  # takes bytes, at a fifth of what the standard library's costs

from twin.envelope_message import Message

KEPT = timedelta(days=7)
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
    wanted = [UUID(key) for key in sorted(first)]  # sorted: no deadlock of two writers
    done: str = await connection.execute(_CLAIM, wanted)
    if int(done.rpartition(" ")[2]) == len(digests):
        return None
    ours = await connection.fetch(_OURS, wanted)
    return sorted(first[row[0].bytes] for row in ours)


def digests(messages: Sequence[Message]) -> list[bytes]:
    """Return the receipts of messages.

    An event is its source, id and version, whenever it says it happened. Of positions and observations the time is a
    part of the identity: a device whose counter starts again has not sent that message before.
    """
    return [digest(message) for message in messages]


def digest(message: Message) -> bytes:
    """Return the receipt of one message; NUL separates the parts of an identity because none can hold it."""
    kind, source, identifier, version = message[:4]
    if kind in {"position", "observation"}:
        second, micro = divmod(int(message.phenomenon_time.timestamp() * 1_000_000), 1_000_000)
        text = f"{source}\0{identifier}\0{version}\0{micro}"
    else:
        second, text = 0, f"{source}\0{identifier}\0{version}"
    return max(second, 0).to_bytes(4, "big") + blake2b(text.encode(), digest_size=12).digest()


async def forget(connection: asyncpg.Connection, older_than: timedelta = KEPT) -> None:
    """Drop receipts older than a sender would ever repeat: days as a whole, and those of no day by when they came."""
    await connection.execute("SELECT twin.drop_days('receipt', (now() - $1::interval)::date)", older_than)
    await connection.execute("DELETE FROM twin.receipt_rest WHERE received_at < now() - $1::interval", older_than)
