"""Effectively once: a message that was taken is known by its identity for as long as it could be sent again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hashlib import blake2b
from uuid import UUID

import asyncpg

from twin.envelope_message import Message

KEPT = timedelta(days=7)
_CLAIM = """
INSERT INTO twin.receipt (digest) SELECT unnest($1::uuid[]) ON CONFLICT (digest) DO NOTHING RETURNING digest
"""


async def claim(connection: asyncpg.Connection, messages: Sequence[Message]) -> list[Message]:
    """Take messages into the open transaction and return those that nobody has taken before, in their order.

    Another writer that takes the same message waits for this transaction: if it commits, the other finds a
    duplicate; if it is rolled back, the other has it. Of two alike in one batch the first is taken.
    """
    by_digest: dict[UUID, Message] = {}
    for message in messages:
        by_digest.setdefault(digest(message), message)
    fresh = {row[0] for row in await connection.fetch(_CLAIM, sorted(by_digest))}  # sorted: no deadlock of two writers
    return [message for key, message in by_digest.items() if key in fresh]


def digest(message: Message) -> UUID:
    """Return the 128-bit digest of a message's identity; NUL separates its parts because none can hold it."""
    source, identifier, version = message.identity
    return UUID(bytes=blake2b(f"{source}\0{identifier}\0{version}".encode(), digest_size=16).digest())


async def forget(connection: asyncpg.Connection, older_than: timedelta = KEPT) -> None:
    """Drop receipts older than a sender would ever repeat."""
    await connection.execute("DELETE FROM twin.receipt WHERE received_at < now() - $1::interval", older_than)
