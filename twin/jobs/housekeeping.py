"""Keeping house: partitions of the days ahead are made, and what is older than it is kept is dropped."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg

from twin.store.retention import RetentionPeriods, forget

_HOUSE_SECONDS = 3600.0
_AREAS = "SELECT onemap.forget_changed_areas($1::interval, $2::bigint)"  # caches older than that draw anew
_AREAS_KEPT, _AREAS_MOST = timedelta(days=2), 20_000
_DAYS = "SELECT twin.make_day(current_date + n) FROM generate_series(-1, 2) AS n"


async def make_days(connection: asyncpg.Connection) -> None:
    """Make the partitions of yesterday, today and two days ahead; those that are there stay."""
    await connection.execute(_DAYS)


async def run_housekeeping(connection: asyncpg.Connection, kept: RetentionPeriods) -> None:
    """Make the days ahead, and drop what is older than it is kept."""
    await make_days(connection)
    await forget(connection, kept)
    await connection.execute(_AREAS, _AREAS_KEPT, _AREAS_MOST)


class Housekeeping:
    """The job that keeps house, every hour."""

    name = "house"

    def __init__(self, pool: asyncpg.Pool, kept: RetentionPeriods) -> None:
        self._pool = pool
        self._kept = kept

    async def run(self) -> None:
        """Keep house now and every hour."""
        while True:
            async with self._pool.acquire() as connection:
                await run_housekeeping(connection, self._kept)
            await asyncio.sleep(_HOUSE_SECONDS)
