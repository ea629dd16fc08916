"""The last change of features, by which one that has left a reader's rows is taken off its stream."""

from __future__ import annotations

from collections import OrderedDict

from twin.log.change import Change, FeatureChange

KEPT_MAX = 50_000
_STATES = frozenset({"event", "feature", "position"})  # kinds that say where a feature is and whose it is


class LastSeen:
    """The last change that this process has read of each feature; the oldest are dropped first.

    Of a feature that was not heard of lately nothing is known: its removal comes with the next snapshot.
    """

    def __init__(self, kept_max: int = KEPT_MAX) -> None:
        self._kept: OrderedDict[tuple[str, str], Change] = OrderedDict()
        self._max = kept_max

    def replace(self, change: Change) -> Change | None:
        """Keep a change as the last one of its feature, and return the one before it; None when none is known."""
        if change["kind"] not in _STATES:
            return None
        key = change["layer"], change["id"]
        before = self._kept.pop(key, None)
        self._kept[key] = change
        if len(self._kept) > self._max:
            self._kept.popitem(last=False)
        return before


def removal_of(change: Change) -> FeatureChange:
    """Return the change that takes a feature off a reader's map: its layer and id, and nothing else."""
    return {"kind": "feature", "layer": change["layer"], "id": change["id"], "operation": "delete"}
