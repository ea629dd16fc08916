"""Refused messages of feeds: kept whole with their reason, counted, listed, and taken again when they are corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from layers.errors import Conflict, NotFound
from twin.envelope.refused import Refusal

MESSAGE_BYTES_KEPT = 65_536
_KEEP = """
INSERT INTO twin.refused (feed, held, reason, detail, message, shortened, canonical, layer, feature_id)
SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::bytea[], $6::boolean[], $7::boolean[], $8::text[], $9::text[])
"""
_COUNT = """
INSERT INTO twin.feed AS f (name, received, rejected, held, last_received_at)
VALUES ($1, $2::bigint + $3::bigint, $2::bigint, $3::bigint, now())
ON CONFLICT (name) DO UPDATE SET received = f.received + excluded.received, rejected = f.rejected + excluded.rejected,
    held = f.held + excluded.held, last_received_at = now()
"""
_COLUMNS = "id, feed, reason, detail, shortened, canonical, held, refused_at, replayed_at, discarded_at"
_OPEN = "replayed_at IS NULL AND discarded_at IS NULL"
_LIST = f"""
SELECT {_COLUMNS}, substr(message, 1, 200) AS message, length(message) AS bytes FROM twin.refused
WHERE ($1::text IS NULL OR feed = $1) AND ($2::text IS NULL OR reason = $2) AND ($3::bigint IS NULL OR id < $3)
    AND ($4 OR {_OPEN})
ORDER BY id DESC LIMIT $5
"""
_SUMMARY = f"""
SELECT feed, reason, count(*) AS messages, max(refused_at) AS last_refused_at FROM twin.refused WHERE {_OPEN}
GROUP BY feed, reason ORDER BY feed, reason
"""
_ONE = f"SELECT {_COLUMNS}, message, length(message) AS bytes FROM twin.refused WHERE id = $1"


@dataclass(frozen=True, slots=True)
class StoredRefusal:
    """A refused message as it is stored.

    Attributes
    ----------
    message
        Its bytes; in lists only the first 200.
    bytes
        The length of what is stored, which of a `shortened` message is less than its own.
    canonical
        Whether it is written in our own form, in CRS84, because it was refused after it was read.
    held
        Whether it waits for its feature to appear, and is taken by itself then.
    """

    id: int
    feed: str
    reason: str
    detail: str
    shortened: bool
    canonical: bool
    held: bool
    refused_at: datetime
    replayed_at: datetime | None
    discarded_at: datetime | None
    message: bytes
    bytes: int

    def still_open(self) -> None:
        """Check that it was neither taken again nor discarded.

        Raises
        ------
        Conflict
            When one of both was done.
        """
        if self.replayed_at is not None:
            raise Conflict(f"the refused message {self.id} was taken again at {self.replayed_at.isoformat()}")
        if self.discarded_at is not None:
            raise Conflict(f"the refused message {self.id} was discarded at {self.discarded_at.isoformat()}")


async def keep(
    connection: asyncpg.Connection, feed: str, refusals: Sequence[Refusal], held: Sequence[Refusal] = ()
) -> None:
    """Keep refused messages and held ones, in a transaction of their own; nothing happens when there are none."""
    if not refusals and not held:
        return
    async with connection.transaction():
        for some, are_held in ((refusals, False), (held, True)):
            if some:
                await connection.execute(_KEEP, feed, are_held, *_columns(some))
        await connection.execute(_COUNT, feed, len(refusals), len(held))


def _columns(refusals: Sequence[Refusal]) -> tuple[list[Any], ...]:
    subjects = [refusal.subject or (None, None) for refusal in refusals]
    return (
        [str(refusal.reason) for refusal in refusals],
        [refusal.detail for refusal in refusals],
        [refusal.raw[:MESSAGE_BYTES_KEPT] for refusal in refusals],
        [len(refusal.raw) > MESSAGE_BYTES_KEPT for refusal in refusals],
        [refusal.canonical for refusal in refusals],
        [layer_id for layer_id, _ in subjects],
        [feature_id for _, feature_id in subjects],
    )


async def refused(
    connection: asyncpg.Connection,
    *,
    feed: str | None = None,
    reason: str | None = None,
    before: int | None = None,
    with_done: bool = False,
    limit: int = 100,
) -> list[StoredRefusal]:
    """Return refused messages, the newest first.

    Parameters
    ----------
    feed, reason
        Only those of one feed or one reason; None for all.
    before
        The id of the last one of the page before.
    with_done
        Also those that were taken again or discarded.
    """
    return [StoredRefusal(**row) for row in await connection.fetch(_LIST, feed, reason, before, with_done, limit)]


async def summary(connection: asyncpg.Connection) -> list[dict[str, Any]]:
    """Return how many refused messages wait, by feed and reason."""
    return [dict(row) for row in await connection.fetch(_SUMMARY)]


async def one_refused(connection: asyncpg.Connection, refused_id: int) -> StoredRefusal:
    """Return one refused message with all its bytes.

    Raises
    ------
    NotFound
        When there is none with that number.
    """
    row = await connection.fetchrow(_ONE, refused_id)
    if row is None:
        raise NotFound(f"there is no refused message {refused_id}", parameter="id")
    return StoredRefusal(**row)


async def mark_replayed(connection: asyncpg.Connection, refused_id: int) -> None:
    """Mark a refused message as taken; if the mark is lost, its receipt makes another attempt harmless."""
    await connection.execute(
        "UPDATE twin.refused SET replayed_at = now() WHERE id = $1 AND replayed_at IS NULL", refused_id
    )


async def discard(connection: asyncpg.Connection, refused_id: int) -> None:
    """Mark a refused message as discarded: it is not taken again, and kept as long as the others are.

    Raises
    ------
    NotFound, Conflict
        When there is none, or it was taken again or discarded already.
    """
    (await one_refused(connection, refused_id)).still_open()
    await connection.execute(f"UPDATE twin.refused SET discarded_at = now() WHERE id = $1 AND {_OPEN}", refused_id)
