"""Limits and escalation over the log: events that changed or are due are judged by their newest state."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson

from twin.rules.case import EventCase, judge
from twin.rules.facts import Facts, read_facts
from twin.rules.limits import Limits
from twin.rules.messages import amendment_message
from twin.rules.registry import NO_RULES, Rules
from twin.rules.store import RuleWork, awake, states_of

AT_ONCE = 2_000
SETTLES = timedelta(seconds=3)
"""Time after a late event in which the rest of its versions may arrive."""
_TIMES = ("due_at", "report_due_at", "wakes_at")
_EVENTS = """
SELECT to_jsonb(e) - 'geom' AS state,
    (SELECT v.record -> 'area_codes' FROM twin.event_version AS v
        WHERE v.event_id = e.id AND v.record ? 'area_codes'
        ORDER BY v.phenomenon_time DESC, v.source_version DESC LIMIT 1) AS area_codes,
    (SELECT count(*) FROM (
        SELECT v.stage, lag(v.stage) OVER (ORDER BY v.phenomenon_time, v.source_version) AS before
        FROM twin.event_version AS v WHERE v.event_id = e.id AND v.stage IS NOT NULL) AS course
        WHERE course.stage = 'returned' AND course.before IS DISTINCT FROM 'returned') AS returned
FROM layer.events AS e WHERE e.id = ANY ($1::text[])
"""


async def read_events(connection: asyncpg.Connection, event_ids: Sequence[str]) -> dict[str, Facts]:
    """Return the facts of events by id; deleted events and events without a time are left out."""
    known = {}
    for row in await connection.fetch(_EVENTS, list(event_ids)):
        state: dict[str, Any] = orjson.loads(row["state"])
        state["area_codes"] = orjson.loads(row["area_codes"]) if row["area_codes"] else []
        facts = read_facts(state, row["returned"])
        if facts is not None:
            known[facts.event_id] = facts
    return known


class Cases:
    """Every table of limits and the events it judges.

    Attributes
    ----------
    faults
        Faults of tables that cannot be used, by name.
    """

    def __init__(self) -> None:
        self._rules = NO_RULES
        self.faults: dict[str, str] = {}

    def use(self, rules: Rules) -> None:
        """Replace the rules; stored states of events stay."""
        self._rules = rules

    async def look(
        self, connection: asyncpg.Connection, known: Mapping[str, Facts], now: datetime, work: RuleWork
    ) -> None:
        """Judge events that have changed.

        Where a limit has run out already, the event came late, and its next versions may be on their way: it is judged
        after `SETTLES`.
        """
        for name, limits in self._rules.of(Limits).items():
            await self._judge(connection, name, limits, known, now, work, settles=True)

    async def tick(
        self, connection: asyncpg.Connection, now: datetime, work: RuleWork, judged: Container[str] = ()
    ) -> None:
        """Judge events that are due, except those judged just now."""
        for name, limits in self._rules.of(Limits).items():
            subjects = [one for one in await awake(connection, name, now, AT_ONCE) if one not in judged]
            known = await read_events(connection, subjects) if subjects else {}
            await self._judge(connection, name, limits, known, now, work)
            work.kept |= {(name, subject): None for subject in subjects if subject not in known}

    async def _judge(
        self,
        connection: asyncpg.Connection,
        name: str,
        limits: Limits,
        known: Mapping[str, Facts],
        now: datetime,
        work: RuleWork,
        *,
        settles: bool = False,
    ) -> None:
        calendar = self._rules.calendar(limits.calendar)
        if calendar is None:
            self.faults[name] = f"there is no calendar '{limits.calendar}'"
            return
        self.faults.pop(name, None)
        states = await states_of(connection, name, list(known)) if known else {}
        for event_id, facts in known.items():
            before = read_case(states[event_id]) if event_id in states else EventCase()
            case, amendments = judge(limits, calendar, before, facts, now)
            if settles and any(amendment.at > facts.said_at for amendment in amendments):
                work.kept[name, event_id] = write_case(before), now + SETTLES
                continue
            if case != EventCase() and case != before:
                work.kept[name, event_id] = write_case(case), case.wakes_at
            work.messages += [amendment_message(name, event_id, amendment) for amendment in amendments]


def write_case(case: EventCase) -> dict[str, Any]:
    """Return the state of an event as JSON members; orjson writes the times."""
    return case._asdict() | {"given": sorted(case.given)}


def read_case(state: Mapping[str, Any]) -> EventCase:
    """Read a state that `write_case` wrote."""
    times = {name: _moment(state[name]) for name in _TIMES}
    began = {step: datetime.fromisoformat(at) for step, at in state["began"].items()}
    return EventCase(**{**state, **times, "began": began, "given": frozenset(state["given"])})


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
