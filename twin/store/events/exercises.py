"""Messages of exercises and tests: kept whole in a table of their own, and nowhere else.

They are taken like any other message (signed, checked, counted, once), so that an exercise tries what an emergency
needs; but no collection, stream or count ever shows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import orjson

from twin.envelope.message import Message
from twin.envelope.write import write_structured
from twin.store.events.warnings import join_chains

_KEEP = """
INSERT INTO twin.exercise (feed, mode, kind, layer, feature_id, chain, phenomenon_time, message)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
    $8::jsonb[])
"""
_RENAME = "UPDATE twin.exercise SET chain = $2 WHERE chain = $1"
_LIST = """
SELECT id, feed, mode, kind, layer, feature_id, chain, phenomenon_time, received_at, message FROM twin.exercise
WHERE ($1::text IS NULL OR feed = $1) AND ($2::text IS NULL OR chain = $2) AND ($3::bigint IS NULL OR id < $3)
ORDER BY id DESC LIMIT $4
"""
_COUNT = "SELECT feed, mode, count(*) AS messages FROM twin.exercise GROUP BY feed, mode ORDER BY feed, mode"


async def keep(connection: asyncpg.Connection, offered: Sequence[tuple[str, Message]]) -> None:
    """Keep messages of exercises and tests in the open transaction.

    Parameters
    ----------
    offered
        The name of the feed, and the message; actual messages are left out.
    """
    rows = [(feed, message) for feed, message in offered if message.mode != "actual"]
    if not rows:
        return
    chains = await join_chains(connection, [message for _, message in rows])
    for old, new in sorted(chains.renamed.items()):
        await connection.execute(_RENAME, old, new)
    records = [
        (feed, m.mode, m.kind, m.layer, m.feature_id, chains.of(m), m.phenomenon_time, _whole(m)) for feed, m in rows
    ]
    await connection.execute(_KEEP, *(list(column) for column in zip(*records, strict=True)))


def _whole(message: Message) -> str:
    return orjson.dumps(write_structured(message)).decode()


async def kept(
    connection: asyncpg.Connection, *, feed: str | None, chain: str | None, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """Return messages of exercises and tests, the newest first.

    Parameters
    ----------
    feed, chain
        Only those of one feed, or of one warning; None for all.
    before
        The id of the last one of the page before.
    """
    rows = await connection.fetch(_LIST, feed, chain, before, limit)
    return [{**row, "message": orjson.loads(row["message"])} for row in map(dict, rows)]


async def counted(connection: asyncpg.Connection) -> list[dict[str, Any]]:
    """Return how many messages of each mode each feed sent."""
    return [dict(row) for row in await connection.fetch(_COUNT)]
