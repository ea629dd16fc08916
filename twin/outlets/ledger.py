"""How far an outlet has got and what went wrong, kept in PostGIS: it goes on from there after any death."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson

from layers.errors import Conflict, NotFound
from twin.log.changes import last_seq

PREFIX = "outlet "  # of the names of cursors
_READ = "SELECT seq, state FROM twin.cursor WHERE name = $1"
_BEGIN = "INSERT INTO twin.cursor (name, seq) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
_MOVE = """
UPDATE twin.cursor SET seq = $3, state = $4::jsonb, moved_at = clock_timestamp() WHERE name = $1 AND seq = $2
RETURNING seq
"""
_RESUME = """
UPDATE twin.cursor SET state = state - '{parked_at,failing_since,attempts,fault}'::text[], moved_at = clock_timestamp()
WHERE name = $1 RETURNING seq
"""


@dataclass(slots=True)
class OutletLedger:
    """The place of one outlet.

    Attributes
    ----------
    seq
        Everything up to this number was taken by the other side, or was not for it.
    delivered
        How many changes it has taken.
    attempts, failing_since, fault
        Since it last took something; 0 and None while all is well.
    parked_at
        When it was given up, until somebody resumes it.
    """

    name: str
    seq: int
    delivered: int = 0
    attempts: int = 0
    failing_since: datetime | None = None
    fault: str | None = None
    parked_at: datetime | None = None
    last_delivered_at: datetime | None = None
    _written: int = field(default=0, repr=False)  # the number that is in PostGIS

    @classmethod
    async def open(cls, connection: asyncpg.Connection, name: str) -> OutletLedger:
        """Read the place of an outlet; a new one begins at the end of the log."""
        row = await connection.fetchrow(_READ, PREFIX + name)
        if row is None:
            await connection.execute(_BEGIN, PREFIX + name, await last_seq(connection))
            row = await connection.fetchrow(_READ, PREFIX + name)
        return cls.of(name, row)

    @classmethod
    def of(cls, name: str, row: asyncpg.Record) -> OutletLedger:
        """Make it of a row of `twin.cursor`."""
        state: dict[str, Any] = orjson.loads(row["state"])
        for key in _TIMES:
            if state.get(key):
                state[key] = datetime.fromisoformat(state[key])
        known = {key: value for key, value in state.items() if key in (*_KEPT, *_TIMES)}
        return cls(name, row["seq"], **known, _written=row["seq"])

    @property
    def unwritten(self) -> int:
        """By how much it is ahead of what is written down."""
        return self.seq - self._written

    async def took(self, connection: asyncpg.Connection, seq: int, changes: int) -> None:
        """Note that the other side has taken everything up to a number.

        Raises
        ------
        Conflict
            When somebody else has moved it: two processes send, and this one must begin again.
        """
        self.seq, self.delivered = seq, self.delivered + changes
        self.attempts, self.failing_since, self.fault, self.parked_at = 0, None, None, None
        if changes:
            self.last_delivered_at = datetime.now(UTC)
        await self.write(connection)

    async def failed(self, connection: asyncpg.Connection, fault: str, *, park: bool) -> None:
        """Note that it has taken nothing, and whether it is given up now."""
        now = datetime.now(UTC)
        self.attempts, self.fault = self.attempts + 1, fault[:500]
        self.failing_since = self.failing_since or now
        self.parked_at = now if park else None
        await self.write(connection)

    async def write(self, connection: asyncpg.Connection) -> None:
        """Write it down."""
        state: dict[str, Any] = {name: getattr(self, name) for name in (*_KEPT, *_TIMES)}
        told = orjson.dumps({name: value for name, value in state.items() if value}).decode()
        if await connection.fetchval(_MOVE, PREFIX + self.name, self._written, self.seq, told) is None:
            raise Conflict(f"another process sends for the outlet '{self.name}'")
        self._written = self.seq


_TIMES = ("failing_since", "parked_at", "last_delivered_at")
_KEPT = ("delivered", "attempts", "fault")


async def read_ledgers(connection: asyncpg.Connection) -> dict[str, OutletLedger]:
    """Return the places of all outlets there ever were, by name."""
    rows = await connection.fetch("SELECT name, seq, state FROM twin.cursor WHERE name ^@ $1", PREFIX)
    names = ((row["name"].removeprefix(PREFIX), row) for row in rows)
    return {name: OutletLedger.of(name, row) for name, row in names}


async def resume(connection: asyncpg.Connection, name: str) -> int:
    """Let a parked outlet try again at once, from where it was; returns that number.

    Raises
    ------
    NotFound
        When there is no such outlet.
    """
    seq: int | None = await connection.fetchval(_RESUME, PREFIX + name)
    if seq is None:
        raise NotFound(f"there is no outlet '{name[:80]}'", parameter="name")
    return seq
