"""The job of the rules: it follows the log and the clock, decides, remembers, and sends the messages it decided on.

Decisions, what is remembered and the cursor are written in one transaction; the messages lie in the outbox then and
are offered to the pipeline afterwards. Killed at any moment, the job offers them again with the same identities, and
each counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg

from layers.catalog import Catalog
from twin.jobs.log_job import GRACE, TICK_SECONDS, LogJob, LogRun
from twin.log.change import Change
from twin.log.follower import Follower
from twin.rules import store
from twin.rules.alarms import Alarms
from twin.rules.calendar import Calendar
from twin.rules.cases import Cases, read_events
from twin.rules.cluster import ClusterRule
from twin.rules.clusters import Clusters
from twin.rules.limits import Limits
from twin.rules.outbox import OfferToPipeline, Outbox
from twin.rules.registry import NO_RULES, Rules, read_rules
from twin.rules.store import RuleWork
from twin.rules.threshold import Threshold

CURSOR = "rules"
_FORGET_SECONDS = 3600.0


class RulesJob(LogJob):
    """Thresholds, limits and clusters over the change log.

    Parameters
    ----------
    url, pool
        The database, and connections in the ingesting role.
    catalog
        Returns the current catalogue.
    offer
        Takes messages made by the twin itself (`Intake.offer`).
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
        offer: OfferToPipeline,
        folder: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(CURSOR, url, pool, lambda: RulesRun(pool, catalog, offer, folder, clock))


class RulesRun(LogRun[RuleWork]):
    """One run of the job: every rule with its open alarms and clusters."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        catalog: Callable[[], Catalog],
        offer: OfferToPipeline,
        folder: Path,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(pool)
        self._folder, self._clock = folder, clock
        self._rules: Rules | None = None
        self._alarms, self._cases, self._clusters = Alarms(catalog), Cases(), Clusters()
        self._outbox = Outbox(pool, offer, CURSOR)
        self._looked_at, self._forgot_at = 0.0, 0.0

    async def go(self, follower: Follower) -> bool:
        """Follow the files, send what was decided before, and decide on what is new."""
        await self._follow_files()
        if self._outbox.may_hold:
            await self._outbox.send()
        return await super().go(follower) or self._outbox.may_hold

    async def _follow_files(self) -> None:
        if self._rules is not None and monotonic() - self._looked_at < TICK_SECONDS:
            return
        self._looked_at = monotonic()
        rules = read_rules(self._folder, self._rules)
        async with self._pool.acquire() as connection:
            if rules is not self._rules:
                await self._alarms.use(connection, rules.of(Threshold))
                await self._clusters.use(connection, rules.of(ClusterRule))
                self._cases.use(rules)
                self._rules = rules
            if monotonic() - self._forgot_at > _FORGET_SECONDS or not self._forgot_at:
                self._forgot_at = monotonic()
                await store.forget(connection)

    async def _decide(
        self, connection: asyncpg.Connection, changes: Sequence[Change], *, is_behind: bool
    ) -> RuleWork | None:
        work, now = RuleWork(), self._clock()
        watched = [change for change in changes if self._alarms.wants(change)]
        if watched:
            await self._alarms.look(connection, watched, work)
        events = {change["id"]: change for change in changes if change["kind"] == "event"}
        known = await read_events(connection, list(events)) if events else {}
        if known:
            await self._clusters.look(connection, known, events.values(), work)
            await self._cases.look(connection, known, now, work)
        if not is_behind:
            await self._alarms.tick(connection, now - GRACE, work)
        await self._cases.tick(connection, now, work, known.keys())
        return work if work.kept or work.messages else None

    async def _write(self, connection: asyncpg.Connection, decision: RuleWork) -> None:
        await store.write(connection, decision)

    def _on_commit(self, decision: RuleWork) -> None:
        self._outbox.may_hold = self._outbox.may_hold or bool(decision.messages)

    def _state(self) -> dict[str, Any]:
        rules = self._rules or NO_RULES
        faults = {**rules.faults, **self._alarms.faults, **self._cases.faults}
        own = [*rules.of(Threshold), *rules.of(Limits), *rules.of(ClusterRule), *rules.of(Calendar)]
        return {"faults": faults, "open": {**self._alarms.open, **self._clusters.open}, "in_force": sorted(own)}
