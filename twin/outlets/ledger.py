"""How far an outlet has got and what went wrong, kept in PostGIS: it goes on from there after any death."""

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
        return cls.of(name, await Cursor(OUTLET + name).begin(connection))

    @classmethod
    def of(cls, name: str, row: CursorRow) -> OutletLedger:
        """Return the ledger that a cursor holds."""
        known: dict[str, Any] = {key: value for key, value in row.state.items() if key in _STATE}
        times = {key: datetime.fromisoformat(known[key]) for key in _TIMES if known.get(key)}
        return cls(name, row.seq, **{**known, **times}, _written=row.seq)

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
        state = {key: value for key in _STATE if (value := getattr(self, key))}
        if not await Cursor(OUTLET + self.name).move(connection, self._written, self.seq, state):
            raise Conflict(f"another process sends for the outlet '{self.name}'")
        self._written = self.seq


async def read_ledgers(connection: asyncpg.Connection) -> dict[str, OutletLedger]:
    """Return the places of all outlets there ever were, by name."""
    rows = await read_cursors_of(connection, OUTLET)
    return {name: OutletLedger.of(name, row) for name, row in rows.items()}


async def resume(connection: asyncpg.Connection, name: str) -> int:
    """Let a parked outlet try again at once, from where it was; returns that number.

    Raises
    ------
    NotFound
        When there is no such outlet.
    """
    seq = await Cursor(OUTLET + name).remove_keys(connection, _OF_FAILING)
    if seq is None:
        raise NotFound(f"there is no outlet '{name[:80]}'", parameter="name")
    return seq
