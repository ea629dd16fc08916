"""What a feed sent and was refused: kept whole with its reason, and counted."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from twin.envelope_refused import Refusal

MESSAGE_BYTES_KEPT = 65_536
_KEEP = """
INSERT INTO twin.refused (feed, reason, detail, message)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bytea[])
"""
_COUNT = """
INSERT INTO twin.feed AS f (name, received, rejected, last_received_at) VALUES ($1, $2, $2, now())
ON CONFLICT (name) DO UPDATE SET received = f.received + $2, rejected = f.rejected + $2, last_received_at = now()
"""


async def keep(connection: asyncpg.Connection, feed: str, refusals: Sequence[Refusal]) -> None:
    """Keep refused messages, in a transaction of their own; nothing happens when there are none."""
    if not refusals:
        return
    columns = (
        [str(refusal.reason) for refusal in refusals],
        [refusal.detail for refusal in refusals],
        [refusal.raw[:MESSAGE_BYTES_KEPT] for refusal in refusals],
    )
    async with connection.transaction():
        await connection.execute(_KEEP, feed, *columns)
        await connection.execute(_COUNT, feed, len(refusals))
