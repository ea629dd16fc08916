"""The job that keeps the rules: it follows the log and the clock, decides, remembers, and says what it decided.

Decisions, what is remembered and the place in the log are written in one transaction; what is to be said lies in the
outbox then and is offered to the pipeline afterwards. Killed at any moment, the job says it again, with the same
identities, and it counts once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import structlog

from layers.catalog import Catalog
from layers.errors import Unavailable
from twin.envelope.message import Message
from twin.intake.pipeline import Crowded
from twin.log.changes import LogFrame
from twin.log.follower import Follower
from twin.rules import store
from twin.rules.alarms import Alarms
from twin.rules.calendar import Calendar
from twin.rules.cases import Cases, read_events
from twin.rules.cluster import ClusterRule
from twin.rules.clusters import Clusters
from twin.rules.limits import Limits
from twin.rules.registry import NO_RULES, Rules, read_rules
from twin.rules.store import RuleWork
from twin.rules.threshold import Threshold
from twin.store.batch import Outcome

CURSOR = "rules"
GRACE = timedelta(seconds=2)
"""How far the clock stays behind, so that what is on its way is heard before time is held to have passed without it."""
_FRAMES = 20
_TICK_SECONDS = 1.0
_RETRY_SECONDS = 0.5
_SAY_MAX = 1_000
_FORGET_SECONDS = 3600.0
_log = structlog.get_logger(__name__)

type OfferToPipeline = Callable[[str, Sequence[Message]], Awaitable[Outcome]]


class RulesJob:
    """Thresholds, limits and clusters over the change log.

    Parameters
    ----------
    url, pool
        The database, and connections in the ingesting role.
    catalog
        Returns the current catalogue.
    offer
        Takes messages made in the house (`Intake.offer`).
    folder
        Of the rules; looked at again every second.
    clock
        Tells the time.
    """

    name = CURSOR

    def __init__(
        self,
        url: str,
        pool: asyncpg.Pool,
        catalog: Callable[[], Catalog],
        offer: OfferToPipeline,
        folder: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._url, self._pool, self._catalog = url, pool, catalog
        self._offer, self._folder, self._clock = offer, folder, clock

    async def run(self) -> None:
        """Keep the rules until cancelled."""
        round_ = _Round(self._pool, self._catalog, self._offer, self._folder, self._clock)
        async with Follower(self._url, self._pool, CURSOR) as follower:
            while True:
                if not await round_.go(follower):
                    await follower.wait(_TICK_SECONDS)


class _Round:
    """What a run of the job holds in memory; a new run reads it again."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        catalog: Callable[[], Catalog],
        offer: OfferToPipeline,
        folder: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool, self._offer, self._folder, self._clock = pool, offer, folder, clock
        self._rules: Rules | None = None
        self._alarms, self._cases, self._clusters = Alarms(catalog), Cases(), Clusters()
        self._has_unsaid, self._looked_at, self._forgot_at = True, 0.0, 0.0
        self._told: Mapping[str, Any] = {}

    async def go(self, follower: Follower) -> bool:
        """Do what there is to do; returns whether there may be more of it at once."""
        await self._keep_current()
        if self._has_unsaid:
            await self._say()
        frames = await follower.frames(_FRAMES)
        is_behind = len(frames) == _FRAMES
        async with self._pool.acquire() as connection:
            work = await self._decide(connection, follower.seq, frames, is_behind=is_behind)
            seq = frames[-1].last_seq if frames else follower.seq
            state = self._state()
            if frames or work.kept or work.messages or state != self._told:
                async with connection.transaction():
                    await store.write(connection, work)
                    await follower.move(connection, seq, state)
                follower.seq, self._told = seq, state
        self._has_unsaid = self._has_unsaid or bool(work.messages)
        return bool(frames) or self._has_unsaid

    async def _keep_current(self) -> None:
        if self._rules is not None and monotonic() - self._looked_at < _TICK_SECONDS:
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
        self, connection: asyncpg.Connection, seq: int, frames: Sequence[LogFrame], *, is_behind: bool
    ) -> RuleWork:
        work, now = RuleWork(), self._clock()
        changes = [change for frame in frames for _, change in frame.changes(seq)]
        wanted = [change for change in changes if self._alarms.wants(change)]
        if wanted:
            await self._alarms.look(connection, wanted, work)
        events = {change["id"]: change for change in changes if change["kind"] == "event"}
        known = await read_events(connection, list(events)) if events else {}
        if known:
            await self._clusters.look(connection, known, events.values(), work)
            await self._cases.look(connection, known, now, work)
        if not is_behind:  # what is still to be read may say that nothing happened
            await self._alarms.tick(connection, now - GRACE, work)
        await self._cases.tick(connection, now, work, known.keys())
        return work

    async def _say(self) -> None:
        """Offer what lies in the outbox until it is empty; what cannot be taken now is offered again."""
        while True:
            async with self._pool.acquire() as connection:
                waiting = await store.unsaid(connection, _SAY_MAX)
            if not waiting:
                break
            try:
                await self._offer(CURSOR, [message for _, message in waiting])
            except (Crowded, Unavailable) as error:
                _log.warning("what rules say cannot be taken now; trying again", error=error.message)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            except Exception:  # noqa: BLE001  # one of them is bad: the others are said
                await self._say_one_by_one(waiting)
                continue
            async with self._pool.acquire() as connection:
                await store.said(connection, [number for number, _ in waiting])
        self._has_unsaid = False

    async def _say_one_by_one(self, waiting: Sequence[tuple[int, Message]]) -> None:
        for number, message in waiting:
            try:
                await self._offer(CURSOR, [message])
            except (Crowded, Unavailable):
                return  # the rest is said in the next attempt
            except Exception as error:  # noqa: BLE001  # whatever is wrong with one, the others are said
                _log.exception("a message of a rule cannot be taken", rule=message.source, event=message.feature_id)
                async with self._pool.acquire() as connection:
                    await store.set_aside(connection, number, f"{type(error).__name__}: {error}")
            else:
                async with self._pool.acquire() as connection:
                    await store.said(connection, [number])

    def _state(self) -> dict[str, Any]:
        rules = self._rules or NO_RULES
        faults = {**rules.faults, **self._alarms.faults, **self._cases.faults}
        own = [*rules.of(Threshold), *rules.of(Limits), *rules.of(ClusterRule), *rules.of(Calendar)]
        return {"faults": faults, "open": {**self._alarms.open, **self._clusters.open}, "in_force": sorted(own)}
