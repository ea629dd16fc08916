"""Saying a thing seldom that happens often: a log that a stranger can fill is no log."""

from __future__ import annotations

from time import monotonic


class Seldom:
    """Lets one of many through in a while.

    Parameters
    ----------
    pause_s
        Time after one that was let through in which the next are only counted.
    """

    def __init__(self, pause_s: float = 60.0) -> None:
        self._pause_s = pause_s
        self._said_at: float | None = None
        self._kept_back = 0

    def due(self) -> int | None:
        """Return how many were kept back since the last that was let through; `None` keeps this one back too."""
        now = monotonic()
        if self._said_at is not None and now - self._said_at < self._pause_s:
            self._kept_back += 1
            return None
        self._said_at, kept_back, self._kept_back = now, self._kept_back, 0
        return kept_back
