"""Housekeeping: make the partitions of the days ahead, and drop what is older than its retention period."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg

from twin.store.partitions import make_days
from twin.store.retention import RetentionPeriods, forget

_PAUSE_SECONDS = 3600.0
_AREAS = "SELECT onemap.forget_changed_areas($1::interval, $2::bigint)"  # a cache older than that draws anew
_AREAS_KEPT, _AREAS_MOST = timedelta(days=2), 20_000


async def run_housekeeping(connection: asyncpg.Connection, kept: RetentionPeriods) -> None:
    """Make the partitions of the days ahead, and drop what is older than its retention period."""
    await make_days(connection)
    await forget(connection, kept)
    await connection.execute(_AREAS, _AREAS_KEPT, _AREAS_MOST)


class Housekeeping:
    """The job that runs the housekeeping, every hour."""

    name = "house"

    def __init__(self, pool: asyncpg.Pool, kept: RetentionPeriods) -> None:
        self._pool = pool
        self._kept = kept

    async def run(self) -> None:
        """Run the housekeeping now and every hour."""
        while True:
            async with self._pool.acquire() as connection:
                await run_housekeeping(connection, self._kept)
            await asyncio.sleep(_PAUSE_SECONDS)
