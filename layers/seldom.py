"""A throttle for messages about frequent occurrences: a log that a stranger can fill is useless."""

from __future__ import annotations

from time import monotonic


class Seldom:
    """Passes one of many messages in a while.

    Parameters
    ----------
    pause_s
        Time in seconds after a passed message in which further ones are only counted.
    """

    def __init__(self, pause_s: float = 60.0) -> None:
        self._pause_s = pause_s
        self._passed_at: float | None = None
        self._suppressed = 0

    def due(self) -> int | None:
        """Return the number of messages suppressed since the last one passed; `None` suppresses this one too."""
        now = monotonic()
        if self._passed_at is not None and now - self._passed_at < self._pause_s:
            self._suppressed += 1
            return None
        self._passed_at, suppressed, self._suppressed = now, self._suppressed, 0
        return suppressed
