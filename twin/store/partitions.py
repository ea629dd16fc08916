"""Partitions of history, one a day, made before the first row of their day arrives."""

from __future__ import annotations

import asyncpg

_DAYS = "SELECT twin.make_day(current_date + n) FROM generate_series(-1, 2) AS n"


async def make_days(connection: asyncpg.Connection) -> None:
    """Make the partitions of yesterday, today and two days ahead; existing ones stay as they are."""
    await connection.execute(_DAYS)
