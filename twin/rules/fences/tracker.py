"""The tracker of one set of fences: positions against its areas in bulk, and the transition table where needed.

A position that is neither in nor near a fence, whose mover has no stay and passed through none, is compared by time
and place only: these are almost all positions, at one or two microseconds each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from layers.types import Points
from twin.join.metres import MetrePoints
from twin.rules.fences.area_set import AreaFacts, AreaSet
from twin.rules.fences.definition import Fence
from twin.rules.fences.transition import FenceReport, Relation, Stay, Terms, advance, dwells_at, removal_reports, step


class PositionFix(NamedTuple):
    """A position of a mover, CRS84 degrees."""

    mover: str
    at: datetime
    lon: float
    lat: float
    grid_code: str | None = None
    area_code: str | None = None


class FenceEvent(NamedTuple):
    """A report with its fence and the last position of its mover."""

    report: FenceReport
    fix: PositionFix
    area: AreaFacts


class TrackedStay(NamedTuple):
    """A stay and the time of the mover's last position."""

    stay: Stay
    seen_at: datetime


type StayKey = tuple[str, str]  # mover and area


class Tracker:
    """The state of one set of fences.

    Attributes
    ----------
    stays
        Stays by mover and area.
    changed
        Keys of `stays` that were changed or removed since the set was cleared.
    """

    def __init__(self, fence: Fence, areas: AreaSet, stays: Mapping[StayKey, TrackedStay]) -> None:
        self.fence = fence
        self._terms = Terms(fence.fixes, fence.dwell, fence.gap)
        self._areas = areas
        self._numbers = {facts.area_id: n for n, facts in enumerate(areas.facts)}
        self._gone: dict[str, AreaFacts] = {}  # removed areas, for reports still to come
        self._last: dict[str, tuple[PositionFix, float, float]] = {}
        self.stays = dict(stays)
        self.changed: set[StayKey] = set()
        self._of_mover: dict[str, set[str]] = defaultdict(set)
        for mover, area_id in self.stays:
            self._of_mover[mover].add(area_id)

    def unknown(self, fixes: Sequence[PositionFix]) -> dict[str, datetime]:
        """Return movers whose last position is unknown, each with the time of its first position in `fixes`."""
        first: dict[str, datetime] = {}
        for fix in fixes:
            if fix.mover not in self._last:
                first.setdefault(fix.mover, fix.at)
        return first

    def recall(self, fixes: Sequence[PositionFix]) -> None:
        """Take last positions from the history; nothing is reported."""
        for fix, (x_m, y_m) in zip(fixes, _metres(fixes), strict=True):
            self._last[fix.mover] = fix, float(x_m), float(y_m)

    def replace(self, areas: AreaSet, now: datetime) -> list[FenceEvent]:
        """Replace the areas; movers inside a removed area leave it."""
        self._gone = {facts.area_id: facts for facts in self._areas.facts}
        self._areas, self._numbers = areas, {facts.area_id: n for n, facts in enumerate(areas.facts)}
        events = []
        for (mover, area_id), kept in list(self.stays.items()):
            if area_id not in self._numbers:
                events += self._events(removal_reports(kept.stay, now), self._fix(mover, kept), area_id)
                self._put(mover, area_id, None, kept.seen_at)
        return events

    def observe(self, fixes: Sequence[PositionFix]) -> list[FenceEvent]:
        """Take positions in their order; one that is not newer than the mover's last changes nothing."""
        fixes, before = self._newer(fixes)
        if not fixes:
            return []
        metres = _metres(fixes)
        around: dict[int, dict[int, Relation]] = defaultdict(dict)
        point, area, inside = self._areas.around(metres)
        for n, number, is_in in zip(point.tolist(), area.tolist(), inside.tolist(), strict=True):
            around[n][number] = "in" if is_in else "near"
        through = self._through(fixes, metres, before)
        events: list[FenceEvent] = []
        for n, fix in enumerate(fixes):
            if n in around or n in through or fix.mover in self._of_mover:
                last = before[n]
                last_at = None if last is None else (fixes[last].at if isinstance(last, int) else last[0].at)
                events += self._step(fix, last_at, around.get(n, {}), through.get(n, frozenset()))
        for n, fix in enumerate(fixes):
            self._last[fix.mover] = fix, float(metres[n, 0]), float(metres[n, 1])
        return events

    def tick(self, now: datetime) -> list[FenceEvent]:
        """Advance the time to `now`: return the movers that dwell."""
        events: list[FenceEvent] = []
        for (mover, area_id), kept in list(self.stays.items()):
            wakes = dwells_at(kept.stay, kept.seen_at, self._terms)
            if wakes is not None and wakes <= now:
                stay, reports = advance(kept.stay, now, kept.seen_at, self._terms)
                events += self._events(reports, self._fix(mover, kept), area_id)
                self._put(mover, area_id, stay, kept.seen_at)
        return events

    def _newer(
        self, fixes: Sequence[PositionFix]
    ) -> tuple[list[PositionFix], list[int | tuple[PositionFix, float, float] | None]]:
        """Return the newer positions, and the position before each: its number in them, or the one in memory."""
        taken: list[PositionFix] = []
        before: list[int | tuple[PositionFix, float, float] | None] = []
        newest: dict[str, int] = {}
        for fix in fixes:
            here = newest.get(fix.mover)
            last = self._last.get(fix.mover) if here is None else None
            last_at = taken[here].at if here is not None else (last[0].at if last is not None else None)
            if last_at is not None and fix.at <= last_at:
                continue
            newest[fix.mover] = len(taken)
            taken.append(fix)
            before.append(here if here is not None else last)
        return taken, before

    def _through(
        self,
        fixes: Sequence[PositionFix],
        metres: Points,
        before: Sequence[int | tuple[PositionFix, float, float] | None],
    ) -> dict[int, set[int]]:
        """Find the fences that the way to each position leads through."""
        if "cross" not in self.fence.actions or not len(self._areas.facts):
            return {}
        ways: list[int] = []
        starts: list[tuple[float, float]] = []
        for n, last in enumerate(before):
            if last is None:
                continue
            at, xy_m = (
                (fixes[last].at, (metres[last, 0], metres[last, 1]))
                if isinstance(last, int)
                else (last[0].at, last[1:])
            )
            if fixes[n].at - at <= self.fence.gap:
                ways.append(n)
                starts.append(xy_m)
        found: dict[int, set[int]] = defaultdict(set)
        if ways:
            way, area = self._areas.through(np.array(starts, dtype=np.float64), metres[ways])
            for k, number in zip(way.tolist(), area.tolist(), strict=True):
                found[ways[k]].add(number)
        return found

    def _step(
        self,
        fix: PositionFix,
        last_at: datetime | None,
        around: Mapping[int, Relation],
        through: frozenset[int] | set[int],
    ) -> list[FenceEvent]:
        own = {self._numbers[a] for a in self._of_mover.get(fix.mover, ()) if a in self._numbers}
        events: list[FenceEvent] = []
        for number in sorted(own | around.keys() | through):
            area_id = self._areas.facts[number].area_id
            kept = self.stays.get((fix.mover, area_id))
            before = kept.stay if kept is not None else None
            relation = around.get(number, "out")
            if before is not None and relation == "in" and self._rests(before, fix.at, last_at):
                self.stays[fix.mover, area_id] = TrackedStay(before, fix.at)
                continue
            stay, reports = step(before, relation, fix.at, last_at, self._terms, through=number in through)
            events += self._events(reports, fix, area_id)
            if stay is not None or before is not None:
                self._put(fix.mover, area_id, stay, fix.at)
        return events

    def _rests(self, stay: Stay, at: datetime, last_at: datetime | None) -> bool:
        """Return at little cost whether a position inside changes nothing, as most positions inside do."""
        dwell = self._terms.dwell
        is_settled = stay.dwelt or dwell is None or at < stay.counts_from + dwell
        return stay.phase == "inside" and is_settled and last_at is not None and at - last_at <= self._terms.gap

    def _put(self, mover: str, area_id: str, stay: Stay | None, seen_at: datetime) -> None:
        before = self.stays.get((mover, area_id))
        if before is None or before.stay != stay:  # the time alone is not worth writing a row for every position
            self.changed.add((mover, area_id))
        if stay is not None:
            self.stays[mover, area_id] = TrackedStay(stay, seen_at)
            self._of_mover[mover].add(area_id)
            return
        self.stays.pop((mover, area_id), None)
        self._of_mover[mover].discard(area_id)
        if not self._of_mover[mover]:
            del self._of_mover[mover]

    def _fix(self, mover: str, kept: TrackedStay) -> PositionFix:
        last = self._last.get(mover)
        return last[0] if last is not None else PositionFix(mover, kept.seen_at, float("nan"), float("nan"))

    def _events(self, reports: Sequence[FenceReport], fix: PositionFix, area_id: str) -> list[FenceEvent]:
        number = self._numbers.get(area_id)
        facts = self._areas.facts[number] if number is not None else self._gone.get(area_id)
        facts = facts or AreaFacts(area_id, None, 4)
        return [FenceEvent(one, fix, facts) for one in reports if one.action in self.fence.actions]


def _metres(fixes: Sequence[PositionFix]) -> Points:
    return MetrePoints.of(np.array([(fix.lon, fix.lat) for fix in fixes], dtype=np.float64).reshape(-1, 2)).xy_m
