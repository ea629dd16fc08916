"""Processor time of this process and of PostgreSQL: on a machine that others use, it tells more than the clock."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from time import process_time

import asyncpg


class CpuClock:
    """Reads the time that this process and the processes of a database have worked."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._ended: dict[int, float] = {}

    async def seconds(self) -> float:
        """Return the seconds so far; of processes that have ended, what was read of them last."""
        for row in await self._connection.fetch("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"):
            with suppress(OSError):
                running_ns = Path(f"/proc/{row['pid']}/schedstat").read_text(encoding="ascii").split()[0]
                self._ended[row["pid"]] = int(running_ns) / 1e9
        return process_time() + sum(self._ended.values())
