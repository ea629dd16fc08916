"""The moment as of which features are read, and the basis: what was known then, or what was true then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from layers.errors import BadInput

Basis = Literal["known", "phenomenon"]
BASES: tuple[Basis, ...] = get_args(Basis)
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(seconds=5)  # a client's clock may be ahead of ours by a little


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment and its basis.

    Attributes
    ----------
    at
        In UTC; later data do not count.
    basis
        ``known``: the data that had arrived by then, as responses of that time had them. ``phenomenon``: what was true
        then, by all data known today.
    """

    at: datetime
    basis: Basis = "known"


def read_moment(at: str | None, basis: str | None, parameter: str = "at") -> Moment | None:
    """Read the parameters `at` and `basis`; `None`, the present, when neither is given.

    Raises
    ------
    BadInput
        When `at` is not an RFC 3339 time with an offset, or is in the future or before 1900; when `basis` is neither of
        the two, or is given without `at`.
    """
    if at is None:
        if basis is not None:
            raise BadInput("basis is given without at; say which moment is meant", parameter="basis")
        return None
    if basis is not None and basis not in BASES:
        raise BadInput(f"basis is '{basis[:40]}'; allowed are {', '.join(BASES)}", parameter="basis")
    moment = read_time(at, parameter)
    present = datetime.now(UTC)
    if moment > present + _AHEAD:
        raise BadInput(
            f"{parameter} is {at[:40]}, which is not yet; it is {present:%Y-%m-%dT%H:%M:%SZ}", parameter=parameter
        )
    return Moment(min(moment, present), "phenomenon" if basis == "phenomenon" else "known")


def read_time(text: str, parameter: str) -> datetime:
    """Read a time with its offset, and return it in UTC.

    Raises
    ------
    BadInput
        When the text is not a time, has no offset, or is before 1900.
    """
    try:
        read = datetime.fromisoformat(text.strip().replace(" ", "+"))  # a plus sign that was not percent-encoded
    except ValueError:
        read = None
    if read is None or read.tzinfo is None or "T" not in text.upper():
        raise BadInput(
            f"{parameter} is '{text[:60]}'; write a time with its offset, for example 2026-06-08T10:00:00+08:00",
            parameter=parameter,
        )
    if read < _EARLIEST:
        raise BadInput(f"{parameter} is '{text[:60]}'; times begin with the year 1900", parameter=parameter)
    return read.astimezone(UTC)


Facts = Literal["position", "observation", "version"]
"""What feeds told of features: where they were, what they measured, and the versions of events."""
OF_FACTS = "fact_"
"""How the names of fields begin that a fact adds to those of its feature; no layer has one of its own."""


@dataclass(frozen=True, slots=True)
class Throughout(Moment):
    """A span of time whose facts are read one by one; each with its feature as it was at the time of the fact.

    Attributes
    ----------
    at
        The end of the span in UTC, not in it.
    start
        The beginning of the span in UTC.
    facts
        The kind of fact.
    known_at
        In UTC; facts that arrived later do not count. None counts all of them.
    of_few
        Whether few features are asked for, of many facts each: versions of a feature are then joined with the facts of
        their time, and not looked up for each fact.
    """

    start: datetime = _EARLIEST
    facts: Facts = "position"
    known_at: datetime | None = None
    of_few: bool = False
