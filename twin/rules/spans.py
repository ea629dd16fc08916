"""Spans of time as written in rules: ``3 min``, ``2 h``; ``5 wh``, five working hours; ``1 wd``, a working day."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator

_WRITTEN = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?(s|min|h|d|wmin|wh|wd)")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "wmin": 60, "wh": 3600}


class Limit(NamedTuple):
    """A limit of time.

    Attributes
    ----------
    amount
        Not negative; a whole number of working days.
    unit
        ``s``, ``min``, ``h``, ``d`` for natural time, ``wmin``, ``wh`` for working time, ``wd`` for working days.
    """

    amount: float
    unit: str

    @property
    def is_working(self) -> bool:
        """Whether nights, weekends and holidays do not count."""
        return self.unit.startswith("w")

    @property
    def span(self) -> timedelta:
        """The length in natural or working time; not defined for working days."""
        return timedelta(seconds=self.amount * _SECONDS[self.unit])

    def times(self, factor: float) -> Limit:
        """Return the limit `factor` times as long."""
        return Limit(self.amount * factor, self.unit)

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"


def read_limit(text: object) -> Limit:
    """Read a limit.

    Raises
    ------
    ValueError
        When the text is not a number with one of the units, or is a fraction of working days.
    """
    if isinstance(text, Limit):
        return text
    found = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is no span; write for example 30 s, 3 min, 2 h, 1 d, 30 wmin, 5 wh or 2 wd")
    limit = Limit(float(found[1]), found[2])
    if limit.unit == "wd" and limit.amount != int(limit.amount):
        raise ValueError(f"{text!r}: working days are whole; write hours as wh")
    return limit


def read_span(text: object) -> timedelta:
    """Read a span of natural time.

    Raises
    ------
    ValueError
        When the text is not a span, or is one of working time.
    """
    if isinstance(text, timedelta):
        return text
    limit = read_limit(text)
    if limit.is_working:
        raise ValueError(f"{text!r} is working time; natural time is needed here: s, min, h or d")
    return limit.span


type Span = Annotated[timedelta, BeforeValidator(read_span)]
type WrittenLimit = Annotated[Limit, BeforeValidator(read_limit)]
