"""The working-time calendar: working hours, free days, and the ends of limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cached_property
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from twin.rules.spans import Limit

LOCAL = timezone(timedelta(hours=8))  # one time zone, no summer time
_NEXT_YEAR_FROM_MONTH = 12
_DAYS_MAX = 3660  # the search ends after ten years


class Hours(BaseModel):
    """One interval of work in a day, local time."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    start: time
    end: time

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"work from {self.start} to {self.end} goes backwards")
        return self


class Calendar(BaseModel):
    """Working time.

    Attributes
    ----------
    hours
        Intervals of work in a working day, in order.
    weekend
        Days without work, 1 (Monday) to 7.
    years
        Years whose holidays are known; in other years only weekends are free.
    holidays, working
        Free days outside weekends, and working days on weekends.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    kind: Literal["calendar"]
    title_zh: str
    title_en: str
    standard: str
    standard_version: str
    hours: tuple[Hours, ...] = Field(min_length=1, max_length=10)
    weekend: frozenset[int] = frozenset({6, 7})
    years: frozenset[int]
    holidays: frozenset[date]
    working: frozenset[date]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if any(a.end > b.start for a, b in zip(self.hours, self.hours[1:], strict=False)):
            raise ValueError("the hours overlap or are not in order")
        both = self.holidays & self.working
        if both:
            raise ValueError(f"{sorted(map(str, both))} are both free and worked")
        strange = sorted({d.year for d in self.holidays | self.working} - self.years)
        if strange:
            raise ValueError(f"days of {strange} are listed, which are not among the years {sorted(self.years)}")
        if self.weekend >= set(range(1, 8)):
            raise ValueError("a week needs a working day")
        return self

    def lacking(self, today: date) -> tuple[int, ...]:
        """Return the years without holidays that limits reach into now or soon.

        The notice for the next year is published in autumn; limits of 15 working days begun in December end in it.
        """
        soon = {today.year, today.year + 1} if today.month == _NEXT_YEAR_FROM_MONTH else {today.year}
        return tuple(sorted(soon - self.years))

    @cached_property
    def day_length(self) -> timedelta:
        """Length of a working day."""
        return sum((self._length(h) for h in self.hours), timedelta())

    def is_working_day(self, day: date) -> bool:
        """Whether a day is a working day: by the lists, else by the day of the week."""
        if day in self.working:
            return True
        return day not in self.holidays and day.isoweekday() not in self.weekend

    def due(self, at: datetime, limit: Limit) -> datetime:
        """Return the end, in UTC, of a limit that begins at `at`.

        Natural time runs through. Working time runs only in working hours: the end is the earliest moment by which
        so much has been worked. Of working days the first does not count: the end is the close of work of the n-th
        working day after the day of `at`; 0 working days end at once.

        Raises
        ------
        OverflowError
            When the end is more than ten years away.
        """
        if limit.amount == 0:
            return at.astimezone(UTC)
        if not limit.is_working:
            return (at + limit.span).astimezone(UTC)
        if limit.unit == "wd":
            return self._close_of(at, int(limit.amount))
        return self._worked_until(at, limit.span)

    def moment(self, at: datetime, limit: Limit, share: float) -> datetime:
        """Return the time, in UTC, at which a share of a limit has passed.

        Parameters
        ----------
        share
            0.5 is half of the limit, 2 twice as much. A fraction of a working day is measured in the time worked from
            the close of the last whole day to the close of the next.

        Raises
        ------
        OverflowError
            When the time is more than ten years away.
        """
        if limit.unit != "wd" or share * limit.amount == int(share * limit.amount):
            return self.due(at, limit.times(share))
        whole = int(share * limit.amount)
        first, last = self._close_or(at, whole), self._close_of(at, whole + 1)
        return self._worked_until(first, self.worked(first, last) * (share * limit.amount - whole))

    def worked(self, start: datetime, end: datetime) -> timedelta:
        """Return the working time between two moments; 0 when the second is not later."""
        total, last = timedelta(), end.astimezone(LOCAL).date()
        for begin, finish in self._stretches(start.astimezone(LOCAL).date()):
            if begin.astimezone(LOCAL).date() > last:
                break
            total += max(min(finish, end) - max(begin, start), timedelta())
        return total

    def _close_or(self, at: datetime, days: int) -> datetime:
        return self._close_of(at, days) if days else at

    def _close_of(self, at: datetime, days: int) -> datetime:
        day = at.astimezone(LOCAL).date()
        for _ in range(_DAYS_MAX):
            day += timedelta(days=1)
            days -= self.is_working_day(day)
            if days == 0:
                return _moment(day, self.hours[-1].end)
        raise OverflowError(f"a limit that began on {at} ends beyond the calendar")

    def _worked_until(self, at: datetime, span: timedelta) -> datetime:
        if not span:
            return at.astimezone(UTC)
        for begin, finish in self._stretches(at.astimezone(LOCAL).date()):
            begin = max(begin, at)  # noqa: PLW2901  # the rest of the interval
            if begin >= finish:
                continue
            if span <= finish - begin:
                return (begin + span).astimezone(UTC)
            span -= finish - begin
        raise OverflowError(f"a limit that began on {at} ends beyond the calendar")

    def _stretches(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        for _ in range(_DAYS_MAX):
            if self.is_working_day(day):
                for hours in self.hours:
                    yield _moment(day, hours.start), _moment(day, hours.end)
            day += timedelta(days=1)

    @staticmethod
    def _length(hours: Hours) -> timedelta:
        return datetime.combine(date.min, hours.end) - datetime.combine(date.min, hours.start)


def _moment(day: date, at: time) -> datetime:
    return datetime.combine(day, at, LOCAL).astimezone(UTC)
