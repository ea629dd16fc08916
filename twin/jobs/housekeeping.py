"""Housekeeping: make the partitions of the days ahead, and drop what is older than its retention period."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import asyncpg

from layers.audit.note import note
from layers.audit.record import AuditAction, AuditSubject
from twin.store.partitions import make_days
from twin.store.retention import RetentionPeriods, forget

type OldFiles = Callable[[], int]

_PAUSE_SECONDS = 3600.0
_SUBJECT = AuditSubject("job:housekeeping", roles=("sysadmin",), method="job")
_AREAS = "SELECT onemap.forget_changed_areas($1::interval, $2::bigint)"  # a cache older than that draws anew
_AREAS_KEPT, _AREAS_MOST = timedelta(days=2), 20_000


async def run_housekeeping(connection: asyncpg.Connection, kept: RetentionPeriods) -> dict[str, int]:
    """Make the partitions of the days ahead, drop what is older than its period, and return how much was dropped."""
    await make_days(connection)
    dropped = await forget(connection, kept)
    await connection.execute(_AREAS, _AREAS_KEPT, _AREAS_MOST)
    return dropped


class Housekeeping:
    """The job that runs the housekeeping, every hour; what it drops is audited, in numbers.

    Parameters
    ----------
    files
        Deletes old files and returns how many.
    """

    name = "house"

    def __init__(self, url: str, pool: asyncpg.Pool, kept: RetentionPeriods, files: OldFiles = lambda: 0) -> None:
        self._url, self._pool = url, pool
        self._kept, self._files = kept, files

    async def run(self) -> None:
        """Run the housekeeping now and every hour."""
        while True:
            async with self._pool.acquire() as connection:
                dropped = await run_housekeeping(connection, self._kept)
            dropped["files"] = await asyncio.to_thread(self._files)
            if any(dropped.values()):
                counts = {name.replace(" ", "_"): count for name, count in dropped.items() if count}
                await note(self._url, AuditAction.RETENTION, "retention", subject=_SUBJECT, detail=counts)
            await asyncio.sleep(_PAUSE_SECONDS)
