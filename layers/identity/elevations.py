"""Break-glass: higher rights for some hours, with a reason, acknowledged by a second person; in the identity role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

HOURS_MAX = 4
REASON_CHARS = (10, 2000)


@dataclass(frozen=True, slots=True)
class Elevation:
    """One break-glass, as the second person sees it."""

    id: int
    account: str
    role: str
    clearance: int
    reason: str
    begins_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None


async def begin_elevation(
    connection: asyncpg.Connection, account_id: int, role: str, clearance: int, reason: str, hours: int
) -> int | None:
    """Begin a break-glass and return its number; None when the account may not."""
    number: int | None = await connection.fetchval(
        "SELECT identity.elevate($1, $2, $3::smallint, $4, $5)", account_id, role, clearance, reason, hours
    )
    return number


async def list_elevations(connection: asyncpg.Connection) -> list[Elevation]:
    """Return the last 200, the newest first."""
    return [Elevation(**row) for row in await connection.fetch("SELECT * FROM identity.elevations()")]


async def acknowledge_elevation(connection: asyncpg.Connection, number: int, by: str, *, ends: bool) -> bool:
    """Note that a second person has seen it, and end it if asked; False for an unknown one and for one's own."""
    seen: bool = await connection.fetchval("SELECT identity.acknowledge($1, $2, $3)", number, by, ends)
    return seen
