"""What became of a report, for the person who sent it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

_REPORT = """
SELECT id, reporter_id AS reporter, title, stage, grid_code, area_code, due_at, reported_at FROM layer.events
WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class ReportedEvent:
    """The event of a report as it is now; told to its reporter alone.

    Attributes
    ----------
    reporter
        Who sent the report; None for an event that nobody reported from a phone.
    area_code
        Of 12 digits, padded with zeros.
    """

    id: str
    reporter: str | None
    title: str | None
    stage: str | None
    grid_code: str | None
    area_code: str | None
    due_at: datetime | None
    reported_at: datetime | None


async def reported_event(connection: asyncpg.Connection, event_id: str) -> ReportedEvent | None:
    """Return the event of a report; None while there is none."""
    row = await connection.fetchrow(_REPORT, event_id)
    return None if row is None else ReportedEvent(**dict(row))
