"""Keeping house: partitions of the days ahead are made, and what nobody resumes from or sends again is dropped."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg

from twin import changes, receipts

LOG_KEPT = timedelta(days=2)
_HOUSE_SECONDS = 3600.0
_DAYS = "SELECT twin.make_day(current_date + n) FROM generate_series(-1, 2) AS n"


async def make_days(connection: asyncpg.Connection) -> None:
    """Make the partitions of yesterday, today and two days ahead; those that are there stay."""
    await connection.execute(_DAYS)


async def keep_house(connection: asyncpg.Connection) -> None:
    """Make the days ahead, and drop what is older than anybody needs."""
    await make_days(connection)
    await changes.forget(connection, LOG_KEPT)
    await receipts.forget(connection)


class House:
    """The job that keeps house, every hour."""

    name = "house"

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def run(self) -> None:
        """Keep house now and every hour."""
        while True:
            async with self._pool.acquire() as connection:
                await keep_house(connection)
            await asyncio.sleep(_HOUSE_SECONDS)
