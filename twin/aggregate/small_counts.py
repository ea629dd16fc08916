"""Small counts that are not shown, and those beside them that would give them away.

Of an area is known what its reader may read of it himself (`own`). So neither a count of 1 to `least - 1` is shown, nor
one that exceeds the own by so much. What is counted may be asked of every tier of areas, and the areas of one area
sum up to it. So where the hidden counts of an area's areas would tell one of them, or more of a hidden count above
than is shown there, the next greater ones are hidden too, at last all of them. Tiers are gone through from the top, so
that a count is hidden or shown whatever tier is asked of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from layers.tiers import TIERS

BESIDE = "*"

type _Bounds = tuple[float, float]  # the lowest and the highest count that may be


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

    def bounds(self, shown: str | None, *, all_beside: bool) -> _Bounds:
        """Return what the count may be by what is shown in its place; None shows it.

        Where ``*`` is shown of every area of an area, it says nothing.
        """
        if shown is None:
            return self.count, self.count
        if shown != BESIDE:
            return max(1, self.own), self.least - 1
        return (self.own if all_beside else max(self.least, self.own)), inf


@dataclass(frozen=True, slots=True)
class _Siblings:
    """The areas of one area.

    Attributes
    ----------
    above
        What the count of that area may be, by what is shown of it and beside it; None where nothing is.
    """

    areas: Sequence[_AreaCount]
    above: _Bounds | None

    def hidden(self) -> Mapping[str, str]:
        """Return what is shown in the place of the counts that are hidden, by key."""
        hidden = {one.key: one.label for one in self.areas if one.is_small}
        others = [one for one in self.areas if one.count >= one.least and not one.is_small]
        others.sort(key=lambda one: one.count, reverse=True)
        while self._is_told(hidden):
            if not others:
                return dict.fromkeys((one.key for one in self.areas), BESIDE)
            beside = others.pop()
            hidden[beside.key] = beside.label
        return hidden

    def possible(self, hidden: Mapping[str, str]) -> Mapping[str, _Bounds]:
        """Return what each count may be by everything that is shown."""
        bounds = self._bounds(hidden)
        low, high = sum(low for low, _ in bounds), sum(high for _, high in bounds if high < inf)
        endless = sum(1 for _, high in bounds if high == inf)
        least, most = self.above or (low, inf)
        found = {}
        for one, (lowest, highest) in zip(self.areas, bounds, strict=True):
            others_endless = endless - (highest == inf)
            others_high = inf if others_endless else high - (highest if highest < inf else 0)
            found[one.key] = max(lowest, least - others_high), min(highest, most - (low - lowest))
        return found

    def _bounds(self, hidden: Mapping[str, str]) -> list[_Bounds]:
        all_beside = all(hidden.get(one.key) == BESIDE for one in self.areas)
        return [one.bounds(hidden.get(one.key), all_beside=all_beside) for one in self.areas]

    def _is_told(self, hidden: Mapping[str, str]) -> bool:
        """Whether what is shown tells a count of which the rest is small, or more of the area above."""
        if self.above is not None:
            lows, highs = zip(*self._bounds(hidden), strict=True)
            if sum(lows) > self.above[0] or sum(highs) < self.above[1]:
                return True
        possible = self.possible(hidden)
        return any(one.rest_is_small and possible[one.key][0] >= possible[one.key][1] for one in self.areas)


def suppressed(rows: Sequence[Mapping[str, Any]], least: int, own: Mapping[str, int]) -> Mapping[str, str]:
    """Return what is shown in the place of the counts that are hidden, by the key of the area.

    That is ``<5`` for a small count, and ``*`` for any other; for all areas of an area where nothing else keeps a count
    from being worked out.

    Parameters
    ----------
    rows
        `key` and `count` of each area.
    least
        The least count that is shown; 1 shows all.
    own
        How many of the counted features the reader may read himself, by key; an area that is missing has none.
    """
    if least <= 1:
        return {}
    counts = [_AreaCount(row["key"], row["count"], own.get(row["key"], 0), least) for row in rows]
    return _hide(counts, least)[0]


def _hide(counts: Sequence[_AreaCount], least: int) -> tuple[Mapping[str, str], Mapping[str, _Bounds]]:
    """Return what is shown of the areas of a tier in the place of hidden counts, and what each count may be."""
    families = _by_parent(counts)
    above = [
        _AreaCount(key, sum(one.count for one in areas), sum(one.own for one in areas), least)
        for key, areas in families.items()
    ]
    known: Mapping[str, _Bounds | None]
    if families.keys() <= {""}:  # of everything together it is shown how much it is, unless that is small
        known = {one.key: None if one.is_small else (one.count, one.count) for one in above}
    else:
        known = _hide(above, least)[1]
    hidden: dict[str, str] = {}
    possible: dict[str, _Bounds] = {}
    for key, areas in families.items():
        siblings = _Siblings(areas, known[key])
        own = siblings.hidden()
        hidden |= own
        possible |= siblings.possible(own)
    return hidden, possible


def _by_parent(counts: Sequence[_AreaCount]) -> Mapping[str, list[_AreaCount]]:
    """Return counts by the code of the area above; areas without such a code have one in common."""
    digits = [tier.digits for tier in TIERS]
    found: dict[str, list[_AreaCount]] = defaultdict(list)
    for one in counts:
        key = str(one.key)
        above = max((d for d in digits if d < len(key)), default=0) if key.isdigit() else 0
        found[key[:above]].append(one)
    return found
