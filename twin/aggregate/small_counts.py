"""Small counts that are not shown, and those beside them that would give them away.

Of an area is known what its reader may read of it himself (`own`), of areas together the count of the area above. So
neither a count of 1 to `least - 1` is shown, nor one that exceeds the own by so much; and where the hidden counts of
the areas of one area follow from their sum, the next greater ones are hidden too, at last all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from layers.tiers import TIERS

BESIDE = "*"


@dataclass(frozen=True, slots=True)
class _AreaCount:
    """The count of an area, and how many of these its reader may read himself."""

    key: str
    count: int
    own: int
    least: int

    @property
    def rest_is_small(self) -> bool:
        """Whether what the reader may not read is a small count."""
        return 0 < self.count - self.own < self.least

    @property
    def is_small(self) -> bool:
        return self.rest_is_small or 0 < self.count < self.least

    @property
    def label(self) -> str:
        """What is shown in the place of the count."""
        return f"<{self.least}" if self.count < self.least else BESIDE

    @property
    def bounds(self) -> tuple[float, float]:
        """Between what the label and the own count say that the count is."""
        if self.count < self.least:
            return max(1, self.own), self.least - 1
        return max(self.least, self.own), inf


def suppressed(rows: Sequence[Mapping[str, Any]], least: int, own: Mapping[str, int]) -> Mapping[str, str]:
    """Return what is shown in the place of the counts that are hidden, by the key of the area.

    That is ``<5`` for a small count, and ``*`` for any other; where a whole area above is hidden, for all in it.

    Parameters
    ----------
    rows
        `key` and `count` of each area.
    least
        The least count that is shown; 1 shows all.
    own
        How many of the counted features the reader may read himself, by key; an area that is missing has none.
    """
    hidden: dict[str, str] = {}
    if least > 1:
        counts = [_AreaCount(row["key"], row["count"], own.get(row["key"], 0), least) for row in rows]
        for siblings in _by_parent(counts).values():
            hidden |= _hidden_of(siblings, least)
    return hidden


def _hidden_of(siblings: Sequence[_AreaCount], least: int) -> Mapping[str, str]:
    """Return the labels of the areas of one area."""
    hidden = [one for one in siblings if one.is_small]
    above = _AreaCount("", sum(one.count for one in siblings), sum(one.own for one in siblings), least)
    rest = sorted((one for one in siblings if one.count >= least and not one.is_small), key=lambda one: one.count)
    while not above.is_small and _is_told(hidden):  # the count of the area above is shown
        if not rest:
            return {one.key: BESIDE for one in siblings}
        hidden.append(rest.pop(0))
    return {one.key: one.label for one in hidden}


def _is_told(hidden: Sequence[_AreaCount]) -> bool:
    """Whether the sum of hidden counts, with what is known of each, tells one of which the rest is small."""
    total = sum(one.count for one in hidden)
    lowest, highest = (sum(one.bounds[side] for one in hidden) for side in (0, 1))

    def is_told(one: _AreaCount) -> bool:
        low, high = one.bounds
        others_high = highest - high if high < inf else sum(other.bounds[1] for other in hidden if other is not one)
        return min(high, total - (lowest - low)) <= max(low, total - others_high)

    return any(one.rest_is_small and is_told(one) for one in hidden)


def _by_parent(counts: Sequence[_AreaCount]) -> Mapping[str, list[_AreaCount]]:
    """Return counts by the code of the area above; areas without such a code have one in common."""
    digits = [tier.digits for tier in TIERS]
    found: dict[str, list[_AreaCount]] = defaultdict(list)
    for one in counts:
        key = str(one.key)
        above = max((d for d in digits if d < len(key)), default=0) if key.isdigit() else 0
        found[key[:above]].append(one)
    return found
