"""Rates of feeds: their counters are sampled every ten seconds, and the difference of two samples is a rate."""

from __future__ import annotations

import asyncio

import asyncpg

SAMPLE_SECONDS = 10.0
_NOTE = "INSERT INTO twin.feed_sample (feed, received, accepted, rejected) SELECT name, received, accepted, rejected "
_FORGET = "DELETE FROM twin.feed_sample WHERE at < now() - interval '1 hour'"


class FeedRates:
    """The job that samples the counters of all feeds."""

    name = "feed rates"

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def run(self) -> None:
        """Sample every ten seconds until cancelled."""
        while True:
            await note_counters(self._pool)
            await asyncio.sleep(SAMPLE_SECONDS)


async def note_counters(pool: asyncpg.Pool) -> None:
    """Store a sample of the counters, and drop samples older than an hour."""
    await pool.execute(f"{_NOTE} FROM twin.feed")
    await pool.execute(_FORGET)
