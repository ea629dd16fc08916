"""Damage of the database that a process met: remembered for an hour, for whoever looks at the house's health."""

from __future__ import annotations

from time import monotonic

from layers.database.faults import in_words
from layers.errors import Damaged, OneMapError

REMEMBERED_SECONDS = 3600.0


class Damage:
    """What PostgreSQL calls its own faults, and when each was met last."""

    def __init__(self) -> None:
        self._met: dict[str, float] = {}

    def note(self, error: BaseException) -> bool:
        """Take notice of an error, of whatever kind; whether it is such a fault."""
        said = error if isinstance(error, OneMapError) else in_words(error)
        if not isinstance(said, Damaged):
            return False
        self._met[said.sqlstate] = monotonic()
        return True

    def recent(self) -> list[str]:
        """Return the SQLSTATEs that were met lately, sorted."""
        now = monotonic()
        return sorted(state for state, at in self._met.items() if now - at < REMEMBERED_SECONDS)


MET_BY_JOBS = Damage()  # of this process; the ingest process tells of it with its heartbeat
