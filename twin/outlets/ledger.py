"""The ledger of an outlet: its position in the log and its faults, kept in a cursor, so that it survives any death."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg

from layers.errors import Conflict, NotFound
from twin.log.cursor import OUTLET, Cursor, CursorRow, read_cursors_of

_TIMES = ("failing_since", "parked_at", "last_delivered_at")
_STATE = ("delivered", "attempts", "fault", *_TIMES)
_OF_FAILING = ("parked_at", "failing_since", "attempts", "fault")


@dataclass(slots=True)
class OutletLedger:
    """Position and faults of one outlet.

    Attributes
    ----------
    seq
        Number up to which every change was taken by the receiver or is outside its selection.
    delivered
        Number of changes the receiver has taken.
    attempts, failing_since, fault
        Failures since the last success; 0 and None after a success.
    parked_at
        Time at which the outlet was parked; None unless it is.
    """

    name: str
    seq: int
    delivered: int = 0
    attempts: int = 0
    failing_since: datetime | None = None
    fault: str | None = None
    parked_at: datetime | None = None
    last_delivered_at: datetime | None = None
    _written: int = field(default=0, repr=False)  # the number in PostGIS

    @classmethod
    async def open(cls, connection: asyncpg.Connection, name: str) -> OutletLedger:
        """Read the ledger of an outlet; a new one begins at the end of the log."""
        return cls.of(name, await Cursor(OUTLET + name).begin(connection))

    @classmethod
    def of(cls, name: str, row: CursorRow) -> OutletLedger:
        """Return the ledger that a cursor holds."""
        known: dict[str, Any] = {key: value for key, value in row.state.items() if key in _STATE}
        times = {key: datetime.fromisoformat(known[key]) for key in _TIMES if known.get(key)}
        return cls(name, row.seq, **{**known, **times}, _written=row.seq)

    @property
    def unwritten(self) -> int:
        """Number of changes by which `seq` is ahead of the cursor in PostGIS."""
        return self.seq - self._written

    async def record_delivery(self, connection: asyncpg.Connection, seq: int, changes: int) -> None:
        """Write that the receiver has taken everything up to a number.

        Raises
        ------
        Conflict
            When another process has moved the cursor: two processes send, and this one must begin again.
        """
        self.seq, self.delivered = seq, self.delivered + changes
        self.attempts, self.failing_since, self.fault, self.parked_at = 0, None, None, None
        if changes:
            self.last_delivered_at = datetime.now(UTC)
        await self.write(connection)

    async def record_failure(self, connection: asyncpg.Connection, fault: str, *, park: bool) -> None:
        """Write that the receiver has taken nothing, and whether the outlet is parked now.

        Raises
        ------
        Conflict
            When another process has moved the cursor.
        """
        now = datetime.now(UTC)
        self.attempts, self.fault = self.attempts + 1, fault[:500]
        self.failing_since = self.failing_since or now
        self.parked_at = now if park else None
        await self.write(connection)

    async def write(self, connection: asyncpg.Connection) -> None:
        """Write the ledger to its cursor.

        Raises
        ------
        Conflict
            When another process has moved the cursor.
        """
        state = {key: value for key in _STATE if (value := getattr(self, key))}
        if not await Cursor(OUTLET + self.name).move(connection, self._written, self.seq, state):
            raise Conflict(f"another process sends for the outlet '{self.name}'")
        self._written = self.seq


async def read_ledgers(connection: asyncpg.Connection) -> dict[str, OutletLedger]:
    """Return the ledgers of all outlets there ever were, by name."""
    rows = await read_cursors_of(connection, OUTLET)
    return {name: OutletLedger.of(name, row) for name, row in rows.items()}


async def resume(connection: asyncpg.Connection, name: str) -> int:
    """Let a parked outlet try again at once from its position; return that number.

    Raises
    ------
    NotFound
        When there is no ledger of that name.
    """
    seq = await Cursor(OUTLET + name).remove_keys(connection, _OF_FAILING)
    if seq is None:
        raise NotFound(f"there is no outlet '{name[:80]}'", parameter="name")
    return seq
