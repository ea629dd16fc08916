"""The definition of limits and escalations, as written in a file."""

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
    """A selection of events: one value of each given condition must fit."""

    sources: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()  # last four digits of the class code, or the first two of them
    severities: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()  # ids of the rules that raised the event

    def fits(self, facts: Facts) -> bool:
        """Whether an event is selected."""
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
        Selections, one of which must fit; an event belongs to the first row that fits.
    accept, dispatch, arrive, handle, verify
        Limit of each step; None is unlimited.
    handle_by_class
        Limits of handling by event class; they replace `handle`.
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
        """Return the limit of a step for an event of a class; None when it is unlimited."""
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
    """A report to the level above that an emergency requires within some time of being known.

    Attributes
    ----------
    done
        Key in the event's `extra` of the time at which the report was made.
    """

    id: str = Field(pattern=NAME)
    title_zh: str
    title_en: str
    within: Span
    done: str = Field(pattern=NAME)


class EscalationCondition(_Frozen):
    """Conditions that escalate an event at once; one of them is enough."""

    severities: frozenset[str] = frozenset()
    casualties_from: int | None = Field(default=None, ge=1)
    streets_from: int | None = Field(default=None, ge=2)
    returned_from: int | None = Field(default=None, ge=1)

    def holds(self, facts: Facts) -> bool:
        """Whether one of the conditions holds."""
        counts = (
            (self.casualties_from, facts.casualties),
            (self.streets_from, facts.streets),
            (self.returned_from, facts.returned),
        )
        return facts.severity in self.severities or any(least is not None and n >= least for least, n in counts)


class Escalation(_Frozen):
    """An escalation: an action when a share of a limit has passed, or when a condition holds.

    Attributes
    ----------
    clock, share
        The limit, and the share of it that must have passed.
    when
        A condition instead of a clock.
    action
        ``remind``, ``yellow``, ``red``, ``level_up``, ``supervise``: the action in the log.
    level
        The level in charge afterwards: a level of the ladder (never lower than now), or ``up`` for the next one, at
        most the district.
    notify
        Levels to be notified.
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
        Name of the calendar of working time.
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
        for entries in (self.rows, self.reports, self.escalations):
            ids = [one.id for one in entries]
            twice = {i for i in ids if ids.count(i) > 1}
            if twice:
                raise ValueError(f"{sorted(twice)} are given twice")
        return self

    def row_of(self, facts: Facts) -> LimitRow | None:
        """Return the row of an event; None when no row fits."""
        return next((row for row in self.rows if any(match.fits(facts) for match in row.match)), None)

    def reports_of(self, facts: Facts) -> tuple[Report, ...]:
        """Return the reports an event requires."""
        return self.reports if any(match.fits(facts) for match in self.reported) else ()
