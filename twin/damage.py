"""Damage of the database that a process met: kept for an hour, for the reports on the health of the service."""

from __future__ import annotations

from time import monotonic

from layers.database.faults import in_words
from layers.errors import Damaged, OneMapError

KEPT_SECONDS = 3600.0


class Damage:
    """SQLSTATEs of faults of PostgreSQL itself, and when each was met last."""

    def __init__(self) -> None:
        self._met: dict[str, float] = {}

    def note(self, error: BaseException) -> bool:
        """Record an error when it is a fault of PostgreSQL itself, and return whether it is."""
        fault = error if isinstance(error, OneMapError) else in_words(error)
        if not isinstance(fault, Damaged):
            return False
        self._met[fault.sqlstate] = monotonic()
        return True

    def recent(self) -> list[str]:
        """Return the SQLSTATEs that were met within the last hour, sorted."""
        now = monotonic()
        return sorted(state for state, at in self._met.items() if now - at < KEPT_SECONDS)


MET_BY_JOBS = Damage()  # of this process; the ingest process reports it with its heartbeat
