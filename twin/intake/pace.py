"""Rate limits of feeds: a token bucket of two seconds; one large delivery is let through."""

from __future__ import annotations

from time import monotonic

from twin.feeds.definition import FeedDefinition
from twin.intake.queue import Crowded

_SAVED_SECONDS = 2.0


class Pace:
    """The tokens of each feed."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}  # tokens, and the monotonic time of their count

    def check(self, definition: FeedDefinition) -> None:
        """Check that a feed may send now; called before anything is decoded.

        Raises
        ------
        Crowded
            When the feed sends faster than it may.
        """
        if self._tokens(definition) <= 0:
            rate = definition.rate_limit_per_s
            raise Crowded(f"'{definition.name}' may send {rate} messages a second; send again in a second")

    def charge(self, definition: FeedDefinition, messages: int) -> None:
        """Count messages of a feed, also refused ones, because reading them is the work."""
        self._left[definition.name] = self._tokens(definition) - messages, monotonic()

    def _tokens(self, definition: FeedDefinition) -> float:
        """Return how many messages a feed may send now; negative while it has sent too many."""
        saved_max, now = _SAVED_SECONDS * definition.rate_limit_per_s, monotonic()
        tokens, before = self._left.get(definition.name, (saved_max, now))
        return min(saved_max, tokens + (now - before) * definition.rate_limit_per_s)
