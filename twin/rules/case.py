"""Limits and escalation of one event: a pure function (state, facts, now) → (state', amendments).

Four clocks run in turn until the event is accepted, dispatched, handled and verified; `arrive` runs beside the third.
A clock counts from the end of the step before. `due_at` of the event is the end of the running clock, unless the
sender gives a limit of its own. An amendment has the time at which it became true, not the time of the judgement: the
frequency of judging does not change the history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from twin.rules.calendar import Calendar
from twin.rules.facts import Facts
from twin.rules.limits import LADDER, Clock, Escalation, Level, LimitRow, Limits

_CLOCKS: tuple[Clock, ...] = ("accept", "dispatch", "handle", "verify")
_HIGHEST_UP: Level = "district"


class EventCase(NamedTuple):
    """The stored state of an event.

    Attributes
    ----------
    given
        Ids of the escalations so far; each happens once.
    began
        Times at which steps were first seen done, where the event has no time for them.
    number
        Number of amendments so far.
    due_at, report_due_at, overdue, report_overdue
        The values that were last written to the event.
    wakes_at
        Time of the next change without a new version; None when there is none.
    """

    given: frozenset[str] = frozenset()
    began: Mapping[str, datetime] = {}
    number: int = 0
    due_at: datetime | None = None
    report_due_at: datetime | None = None
    overdue: bool = False
    report_overdue: bool = False
    wakes_at: datetime | None = None


class Amendment(NamedTuple):
    """A version of the event with only the fields that a rule changes.

    Attributes
    ----------
    fields
        Fields of the event; with an escalation also `rule_ids`, `last_action` and `notify_levels`.
    """

    at: datetime
    number: int
    fields: dict[str, Any]


class _Change(NamedTuple):
    at: datetime
    fields: dict[str, Any]
    escalation: Escalation | None = None


def judge(
    limits: Limits, calendar: Calendar, case: EventCase, facts: Facts, now: datetime
) -> tuple[EventCase, list[Amendment]]:
    """Judge an event by its newest state.

    Parameters
    ----------
    case
        The stored state; `EventCase()` for a new event.
    facts
        The newest state of the event.

    Returns
    -------
    tuple
        The state to store, and the amendments up to `now` in the order of time.
    """
    if facts.is_over:
        return case._replace(wakes_at=None), []
    case = case._replace(began=_step_times(case, facts))
    course = _Course(limits, calendar, case, facts)
    changes = sorted(course.changes(now), key=lambda change: change.at)
    past = [change for change in changes if change.at <= now]
    case = case._replace(
        due_at=course.written_due_at,
        report_due_at=course.report_due_at,
        overdue=course.is_overdue(now),
        report_overdue=course.is_report_overdue(now),
        wakes_at=min((change.at for change in changes if change.at > now), default=None),
        given=case.given | {change.escalation.id for change in past if change.escalation is not None},
    )
    amendments = _merge_changes(past, facts, case.number)
    return case._replace(number=case.number + len(amendments)), amendments


def _step_times(case: EventCase, facts: Facts) -> dict[str, datetime]:
    """Return the times at which steps were first seen done, where only the stage shows it."""
    silent = {step: facts.said_at for step in facts.reached if step not in facts.done}
    return {**silent, **case.began}


class _Course:
    """The clocks of an event."""

    def __init__(self, limits: Limits, calendar: Calendar, case: EventCase, facts: Facts) -> None:
        self._limits, self._calendar, self._case, self._facts = limits, calendar, case, facts
        self._row: LimitRow | None = limits.row_of(facts)
        self._done = {**case.began, **facts.done}
        self._clock = self._running()
        own = facts.own_due_at
        self._own_due_at = own if own is not None and own != case.due_at else None
        self._is_suspended = facts.stage == "suspended"

    def _running(self) -> Clock | None:
        """Return the running clock: that of the step after the last one done; None after the last step."""
        last = max((n for n, clock in enumerate(_CLOCKS) if clock in self._done), default=-1)
        return _CLOCKS[last + 1] if last + 1 < len(_CLOCKS) else None

    def _start(self, clock: Clock) -> datetime:
        before = _CLOCKS[: _CLOCKS.index("handle" if clock == "arrive" else clock)]
        return max([self._facts.known_at, *(self._done[step] for step in before if step in self._done)])

    @property
    def due_at(self) -> datetime | None:
        """The end of the running clock, or the sender's own limit."""
        if self._own_due_at is not None:
            return self._own_due_at
        if self._clock is None:
            return None
        ends = self._moment(self._clock, 1.0)
        if ends is None and self._clock == "handle" and "arrive" not in self._done:
            return self._moment("arrive", 1.0)
        return ends

    @property
    def written_due_at(self) -> datetime | None:
        """The value for the event's field: unchanged where the sender gives a limit or no clock runs."""
        if self._own_due_at is not None or self._row is None:
            return self._case.due_at
        return self.due_at or self._case.due_at

    @property
    def report_due_at(self) -> datetime | None:
        """The earliest limit of a report that is not made; None when all are."""
        reports = self._limits.reports_of(self._facts)
        open_ends = (self._facts.known_at + r.within for r in reports if r.done.removesuffix("_at") not in self._done)
        return min(open_ends, default=None)

    def is_overdue(self, now: datetime) -> bool:
        """Whether the running clock has run out; unchanged while the event is suspended."""
        if self._is_suspended or self._row is None:
            return self._case.overdue
        return self.due_at is not None and self.due_at <= now

    def is_report_overdue(self, now: datetime) -> bool:
        """Whether a report that is not made is due."""
        return self.report_due_at is not None and self.report_due_at <= now

    def changes(self, now: datetime) -> Iterator[_Change]:
        """Yield all new changes, past and future."""
        yield from self._limit_changes()
        yield from self._overdue(now)
        for escalation in self._limits.escalations:
            if escalation.id in self._case.given:
                continue
            at = self._moment_of(escalation)
            if at is not None:
                yield _Change(at, {}, escalation)

    def _limit_changes(self) -> Iterator[_Change]:
        due_at, case = self.written_due_at, self._case
        if due_at != case.due_at and due_at is not None:
            yield _Change(self._facts.said_at, {"due_at": due_at})
        if self.report_due_at != case.report_due_at and self.report_due_at is not None:
            yield _Change(self._facts.said_at, {"report_due_at": self.report_due_at})

    def _overdue(self, now: datetime) -> Iterator[_Change]:
        ends = (
            ("overdue", self.due_at, self._case.overdue, self.is_overdue(now)),
            ("report_overdue", self.report_due_at, self._case.report_overdue, self.is_report_overdue(now)),
        )
        for name, due_at, before, after in ends:
            if before and not after:
                yield _Change(self._facts.said_at, {name: False})
            if not (before and after) and due_at is not None and self._counts(name):
                yield _Change(due_at, {name: True})

    def _counts(self, name: str) -> bool:
        return name == "report_overdue" or not (self._is_suspended or self._row is None)

    def _moment_of(self, escalation: Escalation) -> datetime | None:
        if escalation.when is not None:
            return self._facts.said_at if escalation.when.holds(self._facts) else None
        clock = escalation.clock
        runs = clock == self._clock or (clock == "arrive" and self._clock == "handle" and "arrive" not in self._done)
        if clock is None or not runs or self._is_suspended:
            return None
        return self._moment(clock, escalation.share)

    def _moment(self, clock: Clock, share: float) -> datetime | None:
        """Return the time at which a share of a clock has passed; the sender's own limit counts in natural time."""
        start = self._start(clock)
        if clock == "handle" and self._own_due_at is not None and self._row is not None:
            return start + max(self._own_due_at - start, timedelta()) * share
        limit = self._row.limit(clock, self._facts.event_class) if self._row is not None else None
        return None if limit is None else self._calendar.moment(start, limit, share)


def _merge_changes(changes: list[_Change], facts: Facts, number: int) -> list[Amendment]:
    """Return the amendments of changes in the order of time; changes of one moment are one amendment."""
    amendments: list[Amendment] = []
    level = facts.level
    for change in changes:
        fields = dict(change.fields)
        if change.escalation is not None:
            level = _level(level, change.escalation)
            fields |= _escalation_fields(change.escalation, level)
        elif level is None:
            level = fields["level_current"] = LADDER[0]
        if amendments and amendments[-1].at == change.at:
            fields = _both(amendments.pop().fields, fields)
        amendments.append(Amendment(change.at, 0, fields))
    return [one._replace(number=number + n) for n, one in enumerate(amendments, 1)]


def _level(level: str | None, escalation: Escalation) -> str | None:
    """Return the level after an escalation; never a lower one."""
    now = LADDER.index(level) if level in LADDER else 0
    if escalation.level is None:
        return level
    if escalation.level == "up":
        return LADDER[max(now, min(now + 1, LADDER.index(_HIGHEST_UP)))]
    return LADDER[max(now, LADDER.index(escalation.level))]


def _escalation_fields(escalation: Escalation, level: str | None) -> dict[str, Any]:
    fields: dict[str, Any] = {"rule_ids": [escalation.id], "last_action": escalation.action}
    if level is not None and escalation.level is not None:
        fields["level_current"] = level
    if escalation.notify:
        fields["notify_levels"] = list(escalation.notify)
    return fields


def _both(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of both changes: the second wins, and lists are joined."""
    both = [name for name in ("rule_ids", "notify_levels") if name in first and name in second]
    lists: dict[str, Any] = {name: [*first[name], *second[name]] for name in both}
    return {**first, **second, **lists}
