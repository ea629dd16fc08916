"""The job of the fences: it follows positions in the log, and the clock.

Stays, transitions, their entries in the change log and the cursor are one transaction: killed at any moment, the job
goes on as if nothing had happened, and every transition is reported once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg

from layers.catalog import Catalog
from layers.errors import OneMapError
from twin.jobs.log_job import GRACE, TICK_SECONDS, LogJob, LogRun
from twin.log.change import Change, time_of
from twin.log.changes import append
from twin.rules.fences import store
from twin.rules.fences.area_set import read_area_set, read_movers
from twin.rules.fences.definition import Fence
from twin.rules.fences.tracker import FenceEvent, PositionFix, Tracker
from twin.rules.registry import Rules, read_rules
from twin.store.grades import Grades

CURSOR = "fences"
_LOOK_SECONDS = 2.0  # areas selected by live state change with every observation
_LOOK_SECONDS_MAX = 60.0  # areas selected by time change by themselves
_FORGET_SECONDS = 3600.0


class FenceJob(LogJob):
    """Movers against every set of fences.

    Parameters
    ----------
    url, pool
        The database, and connections in the ingesting role.
    catalog
        Returns the current catalogue.
    folder
        Folder of the rules; read again every second.
    clock
        Returns the time.
    """

    def __init__(
        self,
        url: str,
        pool: asyncpg.Pool,
        catalog: Callable[[], Catalog],
        folder: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(CURSOR, url, pool, lambda: FenceRun(pool, catalog, folder, clock))


@dataclass(slots=True)
class _Set:
    """A set of fences at work.

    Attributes
    ----------
    movers
        Ids that a filter selected; None for the whole layer.
    versions, read_at
        Versions of the layers, and the time on the monotonic clock, when areas and movers were read.
    """

    tracker: Tracker
    movers: frozenset[str] | None
    versions: tuple[Any, ...]
    read_at: float


type FenceEvents = Mapping[str, Sequence[FenceEvent]]  # by set of fences


class FenceRun(LogRun[FenceEvents]):
    """One run of the job: every set of fences with the stays of its movers."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        catalog: Callable[[], Catalog],
        folder: Path,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(pool)
        self._catalog, self._folder, self._clock = catalog, folder, clock
        self._rules: Rules | None = None
        self._sets: dict[str, _Set] = {}
        self._faults: dict[str, str] = {}
        self._grades = Grades()
        self._looked_at, self._forgot_at = 0.0, 0.0

    async def _decide(
        self, connection: asyncpg.Connection, changes: Sequence[Change], *, is_behind: bool
    ) -> FenceEvents | None:
        events = await self._follow_files(connection)
        fixes = self._fixes(changes)
        for name, one in self._sets.items():
            events[name] += await self._observe(connection, one, fixes.get(one.tracker.fence.movers.layer, []))
            if not is_behind:
                events[name] += one.tracker.tick(self._clock() - GRACE)
        is_changed = any(one.tracker.changed for one in self._sets.values())
        return events if is_changed or any(events.values()) else None

    async def _write(self, connection: asyncpg.Connection, decision: FenceEvents) -> None:
        for one in self._sets.values():
            await store.write_stays(connection, one.tracker)
        transitions = await self._transitions(connection, decision)
        await store.tell(connection, transitions)
        if transitions:  # the log last: its lock is held to the commit
            await append(connection, [store.change_of(one) for one in transitions])

    def _on_commit(self, _: FenceEvents) -> None:
        for one in self._sets.values():
            one.tracker.changed.clear()

    def _state(self) -> dict[str, Any]:
        return {"faults": dict(self._faults), "open": self._inside(), "in_force": sorted(self._sets)}

    async def _transitions(self, connection: asyncpg.Connection, events: FenceEvents) -> list[dict[str, Any]]:
        """Return the records of events, each with the data grade of its mover or its fence, whichever is stricter."""
        records = [
            store.transition_of(self._sets[name].tracker.fence, event, 0)
            for name, own in events.items()
            for event in own
        ]
        graded: list[Change] = [  # graded as a position: it shows where the mover is
            {"kind": "position", "layer": one["layer"], "id": one["mover"], "grade": one["grade"]} for one in records
        ]
        if graded:
            await self._grades.assign(connection, self._catalog(), graded)
        return [one | {"grade": grade["grade"]} for one, grade in zip(records, graded, strict=True)]

    async def _observe(
        self, connection: asyncpg.Connection, one: _Set, fixes: Sequence[PositionFix]
    ) -> list[FenceEvent]:
        if one.movers is not None:
            fixes = [fix for fix in fixes if fix.mover in one.movers]
        if not fixes:
            return []
        unknown = one.tracker.unknown(fixes)
        if unknown:
            fence = one.tracker.fence
            one.tracker.recall(await store.fixes_before(connection, fence.movers.layer, unknown, fence.gap))
        return one.tracker.observe(fixes)

    def _fixes(self, changes: Sequence[Change]) -> dict[str, list[PositionFix]]:
        """Return the positions of watched layers, by layer, in the order of the log."""
        layers = {one.tracker.fence.movers.layer for one in self._sets.values()}
        found: dict[str, list[PositionFix]] = defaultdict(list)
        for change in changes:
            if change["kind"] != "position" or change["layer"] not in layers:
                continue
            lon, lat, at = change.get("lon"), change.get("lat"), time_of(change["phenomenon_time"])
            if lon is not None and lat is not None:
                area = change.get("grid_code"), change.get("area_code")
                found[change["layer"]].append(PositionFix(change["id"], at, lon, lat, *area))
        return found

    def _inside(self) -> dict[str, int]:
        return {
            name: sum(kept.stay.phase != "entering" for kept in one.tracker.stays.values())
            for name, one in self._sets.items()
        }

    async def _follow_files(self, connection: asyncpg.Connection) -> dict[str, list[FenceEvent]]:
        """Follow the files and the layers of areas and movers; return the events that this alone causes."""
        events: dict[str, list[FenceEvent]] = defaultdict(list)
        if self._rules is not None and monotonic() - self._looked_at < TICK_SECONDS:
            return events
        self._looked_at = monotonic()
        rules = read_rules(self._folder, self._rules)
        fences = rules.of(Fence)
        if rules is not self._rules:
            same = {n for n, one in self._sets.items() if fences.get(n) == one.tracker.fence}
            self._sets = {name: one for name, one in self._sets.items() if name in same}
            self._faults = {name: fault for name, fault in self._faults.items() if name in fences}
            self._rules = rules
        for name, fence in fences.items():
            try:
                events[name] += await self._renew(connection, name, fence)
                self._faults.pop(name, None)
            except OneMapError as error:  # the areas read before stay in force
                self._faults[name] = error.message
        if monotonic() - self._forgot_at > _FORGET_SECONDS or not self._forgot_at:
            self._forgot_at = monotonic()
            await store.forget(connection)
        return events

    async def _renew(self, connection: asyncpg.Connection, name: str, fence: Fence) -> list[FenceEvent]:
        one, now = self._sets.get(name), monotonic()
        versions = self._versions(fence)
        if one is not None:
            age_s = now - one.read_at
            if age_s < (_LOOK_SECONDS if versions != one.versions else _LOOK_SECONDS_MAX):
                return []
        catalog = self._catalog()
        areas = await read_area_set(connection, catalog, fence)
        movers = await read_movers(connection, catalog, fence)
        if one is not None:
            one.movers, one.versions, one.read_at = movers, versions, now
            return one.tracker.replace(areas, self._clock())
        stays = await store.read_stays(connection, name)
        tracker = Tracker(fence, areas, stays)
        self._sets[name] = _Set(tracker, movers, versions, now)
        return tracker.replace(areas, self._clock())

    def _versions(self, fence: Fence) -> tuple[Any, ...]:
        """Return the versions that areas and movers depend on; live state only where a filter may use it."""
        catalog, versions = self._catalog(), []
        for layer_id, is_filtered in (
            (fence.areas.layer, fence.areas.filter),
            (fence.movers.layer, fence.movers.filter),
        ):
            layer = catalog.get(layer_id)
            live = layer.live_version if layer is not None and is_filtered is not None else 0
            versions.append((layer.version if layer is not None else -1, live))
        return tuple(versions)
