"""The last change of features, by which a grade that was raised by hand is noticed."""

from __future__ import annotations

from collections import OrderedDict

from twin.live.leaving import STATES
from twin.log.change import Change

KEPT_MAX = 50_000


class LastSeen:
    """The last change that this process has read of each feature; the oldest are dropped first.

    Changes themselves tell what they replaced, but not a grade that was raised between them.
    """

    def __init__(self, kept_max: int = KEPT_MAX) -> None:
        self._kept: OrderedDict[tuple[str, str], Change] = OrderedDict()
        self._max = kept_max

    def replace(self, change: Change) -> Change | None:
        """Keep a change as the last one of its feature, and return the one before it; None when none is known."""
        if change["kind"] not in STATES:
            return None
        key = change["layer"], change["id"]
        before = self._kept.pop(key, None)
        self._kept[key] = change
        if len(self._kept) > self._max:
            self._kept.popitem(last=False)
        return before
