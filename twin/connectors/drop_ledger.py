"""The record of dropped files in PostGIS: which were taken, and the features of the last whole one."""

from __future__ import annotations

from collections.abc import Collection

import asyncpg

from twin.connectors.drop_folder import DroppedFile
from twin.store.outcome import Outcome

_KNOWN = """
SELECT latest OR NOT $3 FROM (
    SELECT digest, rejected, taken_at = max(taken_at) OVER () AS latest FROM twin.dropped_file WHERE feed = $1
) AS taken WHERE digest = $2 AND rejected = 0
"""
_FINISHED = """
INSERT INTO twin.dropped_file (feed, digest, name, received, accepted, duplicate, late, rejected, gone)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (feed, digest) DO UPDATE SET name = excluded.name, received = excluded.received,
    accepted = excluded.accepted, duplicate = excluded.duplicate, late = excluded.late, rejected = excluded.rejected,
    gone = excluded.gone, taken_at = excluded.taken_at
"""
_FEATURES = "SELECT feature_id FROM twin.dropped_feature WHERE feed = $1"
_NO_LONGER = "DELETE FROM twin.dropped_feature WHERE feed = $1 AND NOT feature_id = ANY ($2::text[])"
_HELD = """
INSERT INTO twin.dropped_feature (feed, feature_id) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING
"""


class FileLedger:
    """The record of one feed's files."""

    def __init__(self, pool: asyncpg.Pool, feed: str) -> None:
        self._pool, self._feed = pool, feed

    async def knows(self, digest: bytes, *, whole: bool) -> bool:
        """Return whether a file was taken before without a refused row; of whole files only the last counts."""
        return await self._pool.fetchval(_KNOWN, self._feed, digest, whole) is True

    async def features(self) -> list[str]:
        """Return the features of the last whole file."""
        return [row[0] for row in await self._pool.fetch(_FEATURES, self._feed)]

    async def finished(self, file: DroppedFile, outcome: Outcome, gone: int, held: Collection[str] | None) -> None:
        """Record that a file was taken.

        Parameters
        ----------
        held
            Features of a whole file, which replace those known; None leaves them.
        """
        counts = (outcome.received, outcome.accepted, outcome.duplicate, outcome.late, outcome.rejected, gone)
        async with self._pool.acquire() as connection, connection.transaction():
            if held is not None:
                await connection.execute(_NO_LONGER, self._feed, list(held))
                await connection.execute(_HELD, self._feed, list(held))
            await connection.execute(_FINISHED, self._feed, file.digest, file.name, *counts)
