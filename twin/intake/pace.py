"""How fast each feed may send: its rate, saved up for two seconds at most; one large delivery is let through."""

from __future__ import annotations

from time import monotonic

from twin.feeds.definition import FeedDefinition
from twin.intake.queue import Crowded

_SAVED_SECONDS = 2.0


class Pace:
    """What each feed has left."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}  # messages, and when that was so

    def check(self, definition: FeedDefinition) -> None:
        """Let a feed send, or not. It costs nothing to say so: nothing was decoded for it.

        Raises
        ------
        Crowded
            When it sends faster than it may.
        """
        if self._tokens(definition) <= 0:
            rate = definition.rate_limit_per_s
            raise Crowded(f"'{definition.name}' may send {rate} messages a second; send again in a second")

    def charge(self, definition: FeedDefinition, messages: int) -> None:
        """Count what a feed sent, refused or not: to read it was the work."""
        self._left[definition.name] = self._tokens(definition) - messages, monotonic()

    def _tokens(self, definition: FeedDefinition) -> float:
        """Return how many messages a feed may send now; what it sent too many is waited for."""
        saved_max, now = _SAVED_SECONDS * definition.rate_limit_per_s, monotonic()
        tokens, before = self._left.get(definition.name, (saved_max, now))
        return min(saved_max, tokens + (now - before) * definition.rate_limit_per_s)
