"""Processor time of this process and of PostgreSQL: on a machine that others use, it tells more than the clock."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from time import process_time

import asyncpg

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


class CpuClock:
    """Reads the time that this process and the processes of a database have worked."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._ended: dict[int, float] = {}

    async def seconds(self) -> float:
        """Return the seconds so far; of processes that have ended, what was read of them last."""
        for row in await self._connection.fetch("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"):
            with suppress(OSError):
                fields = Path(f"/proc/{row['pid']}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
                self._ended[row["pid"]] = (int(fields[11]) + int(fields[12])) * _TICK_SECONDS
        return process_time() + sum(self._ended.values())
