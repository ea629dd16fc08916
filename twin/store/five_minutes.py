"""Observations in buckets of five minutes: number, mean, lowest and highest value; exact whatever comes late.

A bucket is computed once, when it is over. A writer of observations reads until when buckets are closed, and marks
closed ones it writes into; these are computed again from history. So the roll-up always equals its recomputation, and
observations that come in time cost one query.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from layers.database.advisory_locks import AdvisoryLock
from layers.read.past import NEWEST_VERSION

BUCKET = timedelta(minutes=5)
GRACE = timedelta(seconds=30)  # for observations that are a little late
_LOOK_SECONDS = 5.0
_SPAN = timedelta(minutes=30)  # computed at once
_AT_ONCE = 5_000
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

_MARK = """
INSERT INTO twin.observation_late (id, property, bucket) SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[])
ON CONFLICT DO NOTHING
"""
COUNTING = f"""
SELECT DISTINCT ON (h.id, h.property, h.phenomenon_time) h.id, h.property, h.phenomenon_time, h.value, h.value_text,
    h.quality_flag, count(*) OVER (PARTITION BY h.id, h.property, h.phenomenon_time) AS seen
FROM {{}} ORDER BY h.id, h.property, h.phenomenon_time, {NEWEST_VERSION}
"""
"""The observations of a source (alias `h`, with its condition) that count: of one time the newest version."""
SUMS = """
o.id, o.property, twin.bucket(o.phenomenon_time, '5 minutes') AS bucket, count(o.value) AS n,
    sum(o.value ORDER BY o.phenomenon_time) AS total, min(o.value) AS low, max(o.value) AS high,
    (array_agg(o.value ORDER BY o.phenomenon_time DESC) FILTER (WHERE o.value IS NOT NULL))[1] AS last,
    count(*) FILTER (WHERE o.value IS NOT NULL AND o.quality_flag <> 'good') AS flagged, sum(o.seen)::bigint AS seen
"""
"""The columns of buckets, over observations `o` that count. Of `seen` are also those without a value, so that a value
that is taken back is no observation that was dropped."""
_KEEP = """
WITH computed AS MATERIALIZED ({}), emptied AS (
    DELETE FROM twin.observation_5min AS kept USING computed AS c
    WHERE (kept.id, kept.property, kept.bucket) = (c.id, c.property, c.bucket) AND c.n = 0
        AND c.seen >= coalesce(kept.seen, kept.n)
)
INSERT INTO twin.observation_5min AS kept (id, property, bucket, n, total, low, high, last, flagged, seen)
SELECT id, property, bucket, n, total, low, high, last, flagged, seen FROM computed WHERE n > 0 ORDER BY 1, 2, 3
ON CONFLICT (id, property, bucket) DO UPDATE SET n = excluded.n, total = excluded.total, low = excluded.low,
    high = excluded.high, last = excluded.last, flagged = excluded.flagged, seen = excluded.seen
WHERE excluded.seen >= coalesce(kept.seen, kept.n)
"""
"""A bucket whose raw observations were dropped in part is not computed again from the rest."""
_GROUPED = "SELECT {} FROM ({}) AS o GROUP BY 1, 2, 3"
_SUMMED = f"{_GROUPED} HAVING count(o.value) > 0"
_COMPUTE = _KEEP.format(
    _GROUPED.format(
        SUMS, COUNTING.format("twin.observation AS h WHERE h.phenomenon_time >= $1 AND h.phenomenon_time < $2")
    )
)
_TAKE_LATE = """
DELETE FROM twin.observation_late AS l USING (
    SELECT id, property, bucket FROM twin.observation_late ORDER BY bucket, id, property LIMIT $1 FOR UPDATE SKIP LOCKED
) AS t WHERE (l.id, l.property, l.bucket) = (t.id, t.property, t.bucket) RETURNING l.id, l.property, l.bucket
"""
_OF_BUCKET = """JOIN twin.observation AS h ON h.id = late.id AND h.property = late.property
    AND h.phenomenon_time >= late.bucket AND h.phenomenon_time < late.bucket + interval '5 minutes'"""
_COMPUTE_LATE = _KEEP.format(
    _GROUPED.format(
        SUMS,
        COUNTING.format(
            f"unnest($1::text[], $2::text[], $3::timestamptz[]) AS late (id, property, bucket) {_OF_BUCKET}"
        ),
    )
)
_OF_SERIES = "h.id = $1 AND h.property = $2"
_COMPUTED = "(SELECT computed FROM twin.observation_closed)"
BUCKETS = f"""
SELECT k.bucket, k.n, k.total, k.low, k.high, k.last, coalesce(k.flagged, 0) AS flagged
FROM twin.observation_5min AS k
WHERE k.id = $1 AND k.property = $2 AND k.bucket >= $3 AND k.bucket < $4 AND k.bucket < {_COMPUTED} AND NOT EXISTS (
    SELECT FROM twin.observation_late AS l WHERE (l.id, l.property, l.bucket) = (k.id, k.property, k.bucket)
)
UNION ALL
SELECT s.bucket, s.n, s.total, s.low, s.high, s.last, s.flagged FROM ({
    _SUMMED.format(
        SUMS,
        COUNTING.format(
            f"twin.observation AS h WHERE {_OF_SERIES} AND h.phenomenon_time >= $3 AND h.phenomenon_time < $4"
            f" AND h.phenomenon_time >= {_COMPUTED}"
        ),
    )
}) AS s
UNION ALL
SELECT s.bucket, s.n, s.total, s.low, s.high, s.last, s.flagged FROM ({
    _SUMMED.format(
        SUMS,
        COUNTING.format(
            f"twin.observation_late AS late {_OF_BUCKET} WHERE late.id = $1 AND late.property = $2"
            f" AND late.bucket >= $3 AND late.bucket < $4 AND late.bucket < {_COMPUTED}"
        ),
    )
}) AS s
"""
"""The buckets of a series: device $1, property $2, from $3 on and before $4.

Exact at any moment: those that are open, or marked, are computed from history."""
KNOWN_BUCKETS = f"""
SELECT s.bucket, s.n, s.total, s.low, s.high, s.last, s.flagged FROM ({
    _SUMMED.format(
        SUMS,
        COUNTING.format(
            f"twin.observation AS h WHERE {_OF_SERIES} AND h.phenomenon_time >= $3 AND h.phenomenon_time < $4"
            " AND h.ingested_at <= $5"
        ),
    )
}) AS s
"""
"""The same of the observations that had arrived by $5."""
BUCKETS_UNTIL = f"""{BUCKETS}
UNION ALL
SELECT s.bucket, s.n, s.total, s.low, s.high, s.last, s.flagged FROM ({
    _SUMMED.format(
        SUMS,
        COUNTING.format(
            f"twin.observation AS h WHERE {_OF_SERIES} AND h.phenomenon_time >= greatest($3, $4)"
            " AND h.phenomenon_time <= $5"
        ),
    )
}) AS s
"""
"""The buckets of a series, and of the one that begins at $4 what was until $5."""


def bucket_of(moment: datetime) -> datetime:
    """Return the start of the bucket of a moment."""
    return moment - (moment - _EPOCH) % BUCKET


async def mark_late(connection: asyncpg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Mark the closed buckets of observations, in the transaction that writes them.

    Parameters
    ----------
    rows
        Each begins with the device, the property and the time.
    """
    if not rows:
        return
    closed: datetime = await connection.fetchval("SELECT twin.closed_until()")
    late = sorted({(row[0], row[1], bucket_of(row[2])) for row in rows if row[2] < closed})
    if late:
        await connection.execute(_MARK, *(list(column) for column in zip(*late, strict=True)))


class FiveMinutes:
    """The job that computes buckets.

    Parameters
    ----------
    pool
        Connections in the ingesting role.
    """

    name = "five minutes"

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def run(self) -> None:
        """Compute buckets every few seconds, until cancelled."""
        while True:
            await self.catch_up(datetime.now(UTC) - GRACE)
            await asyncio.sleep(_LOOK_SECONDS)

    async def catch_up(self, until: datetime) -> None:
        """Close the buckets that are over at a moment, and compute them and the marked ones."""
        async with self._pool.acquire() as connection:
            await _close(connection, bucket_of(until))
            while await _compute(connection):
                pass
            while await _compute_late(connection):
                pass


async def _close(connection: asyncpg.Connection, until: datetime) -> None:
    """Close buckets, after the present writers; later writers find them closed."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", AdvisoryLock.FIVE_MINUTES)
        await connection.execute("UPDATE twin.observation_closed SET closed = $1 WHERE closed < $1", until)


async def _compute(connection: asyncpg.Connection) -> bool:
    """Compute the next closed buckets; False when all are computed."""
    async with connection.transaction():
        row = await connection.fetchrow("SELECT closed, computed FROM twin.observation_closed FOR UPDATE")
        if row["computed"] >= row["closed"]:
            return False
        first = await connection.fetchval(
            "SELECT min(phenomenon_time) FROM twin.observation WHERE phenomenon_time >= $1 AND phenomenon_time < $2",
            row["computed"],
            row["closed"],
        )
        end = row["closed"] if first is None else min(bucket_of(first) + _SPAN, row["closed"])
        if first is not None:
            await connection.execute(_COMPUTE, bucket_of(first), end)
        await connection.execute("UPDATE twin.observation_closed SET computed = $1", end)
    return True


async def _compute_late(connection: asyncpg.Connection) -> bool:
    """Compute marked buckets again; False when none is left."""
    async with connection.transaction():
        rows = await connection.fetch(_TAKE_LATE, _AT_ONCE)
        if rows:
            keys = [(row["id"], row["property"], row["bucket"]) for row in rows]
            await connection.execute(_COMPUTE_LATE, *(list(column) for column in zip(*keys, strict=True)))
    return bool(rows)
