"""The table of limits and the rules of escalation, as a file says them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from twin.rules.facts import Facts
from twin.rules.spans import Limit, Span, WrittenLimit

type Clock = Literal["accept", "dispatch", "arrive", "handle", "verify"]
type Level = Literal["community", "street", "district", "city"]

LADDER: tuple[Level, ...] = ("community", "street", "district", "city")
NAME = r"^[a-z][a-z0-9_]{0,62}$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EventMatch(_Frozen):
    """Which events are meant: all that is given must fit, of each one of the values."""

    sources: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()  # the last four digits of the class code, or the first two of those
    severities: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()  # ids of the rules that raised the event

    def fits(self, facts: Facts) -> bool:
        """Whether an event is meant."""
        kind = facts.event_class or ""
        return (
            (not self.sources or facts.source in self.sources)
            and (not self.classes or kind in self.classes or kind[:2] in self.classes)
            and (not self.severities or facts.severity in self.severities)
            and (not self.rules or facts.rule_id in self.rules)
        )


class LimitRow(_Frozen):
    """One row of the table.

    Attributes
    ----------
    match
        One of these must fit; an event belongs to the first row that fits.
    accept, dispatch, arrive, handle, verify
        How long each may take; None is not limited.
    handle_by_class
        Limits of handling that go before `handle`, by event class.
    """

    id: str = Field(pattern=NAME)
    title_zh: str
    title_en: str
    match: tuple[EventMatch, ...] = Field(min_length=1)
    accept: WrittenLimit | None = None
    dispatch: WrittenLimit | None = None
    arrive: WrittenLimit | None = None
    handle: WrittenLimit | None = None
    verify: WrittenLimit | None = None
    handle_by_class: dict[str, WrittenLimit] = {}

    def limit(self, clock: Clock, event_class: str | None) -> Limit | None:
        """Return how long something may take for an event of a class."""
        if clock == "handle" and event_class in self.handle_by_class:
            return self.handle_by_class[event_class]
        limits: dict[Clock, Limit | None] = {
            "accept": self.accept,
            "dispatch": self.dispatch,
            "arrive": self.arrive,
            "handle": self.handle,
            "verify": self.verify,
        }
        return limits[clock]


class Report(_Frozen):
    """A report to the level above that an emergency needs, counted from when it was known.

    Attributes
    ----------
    done
        The key in the event's `extra` that says when it was made.
    """

    id: str = Field(pattern=NAME)
    title_zh: str
    title_en: str
    within: Span
    done: str = Field(pattern=NAME)


class EscalationCondition(_Frozen):
    """What makes an event go up at once; one of these is enough."""

    severities: frozenset[str] = frozenset()
    casualties_from: int | None = Field(default=None, ge=1)
    streets_from: int | None = Field(default=None, ge=2)
    returned_from: int | None = Field(default=None, ge=1)

    def holds(self, facts: Facts) -> bool:
        """Whether one of them is so."""
        counts = (
            (self.casualties_from, facts.casualties),
            (self.streets_from, facts.streets),
            (self.returned_from, facts.returned),
        )
        return facts.severity in self.severities or any(least is not None and n >= least for least, n in counts)


class Escalation(_Frozen):
    """One rule: when a share of a limit has gone, or when something is so, then this is done.

    Attributes
    ----------
    clock, share
        Of which limit, and how much of it has gone.
    when
        Instead of a clock: what must be so.
    action
        ``remind``, ``yellow``, ``red``, ``level_up``, ``supervise``: what the log says.
    level
        The level in charge then: one of the ladder (never downwards), or ``up`` for the next, to the district at most.
    notify
        Levels that are told.
    """

    id: str = Field(pattern=NAME)
    title_zh: str
    title_en: str
    clock: Clock | None = None
    share: float = Field(default=1.0, gt=0, le=10)
    when: EscalationCondition | None = None
    action: Literal["remind", "yellow", "red", "level_up", "supervise"]
    level: Level | Literal["up"] | None = None
    notify: tuple[Level, ...] = ()

    @model_validator(mode="after")
    def _one_cause(self) -> Self:
        if (self.clock is None) == (self.when is None):
            raise ValueError(f"{self.id}: give either clock or when")
        return self


class Limits(_Frozen):
    """A table of limits with its rules of escalation.

    Attributes
    ----------
    calendar
        Name of the calendar that working time is counted by.
    """

    name: str = Field(pattern=NAME)
    kind: Literal["limits"]
    title_zh: str
    title_en: str
    standard: str
    standard_version: str
    enabled: bool = True
    calendar: str
    rows: tuple[LimitRow, ...]
    reported: tuple[EventMatch, ...] = ()
    reports: tuple[Report, ...] = ()
    escalations: tuple[Escalation, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for what in (self.rows, self.reports, self.escalations):
            ids = [one.id for one in what]
            twice = {i for i in ids if ids.count(i) > 1}
            if twice:
                raise ValueError(f"{sorted(twice)} are given twice")
        return self

    def row_of(self, facts: Facts) -> LimitRow | None:
        """Return the row an event belongs to; None when nothing limits it."""
        return next((row for row in self.rows if any(match.fits(facts) for match in row.match)), None)

    def reports_of(self, facts: Facts) -> tuple[Report, ...]:
        """Return the reports an event needs."""
        return self.reports if any(match.fits(facts) for match in self.reported) else ()
