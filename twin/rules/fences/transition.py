"""What a mover and one fence are to each other: the transition table, as a pure function.

::

                in                near (within the margin)   out
    (none)      entering 1        –                          – (cross, when the way leads through)
    entering n  entering n+1 → inside: enter    –            (none): cross
    inside      inside            inside                     leaving 1
    leaving n   inside            leaving n                  leaving n+1 → (none): exit

With `fixes` = 1 `entering` and `leaving` are passed through at once. Time alone brings `dwell`, once a stay. After a
gap the way between is unknown: nothing was crossed, an entry begins anew, and dwelling is counted anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from twin.rules.fences.definition import FenceAction

type Relation = Literal["in", "near", "out"]
type Phase = Literal["entering", "inside", "leaving"]


class Terms(NamedTuple):
    """The terms of a set of fences: positions in a row, how long dwelling takes, how long a silence may be."""

    fixes: int
    dwell: timedelta | None
    gap: timedelta


class Stay(NamedTuple):
    """A mover that is, or may be, inside a fence; outside there is none.

    Attributes
    ----------
    since
        The first position inside.
    counts_from
        From when dwelling is counted: as `since`, or from the first position after a gap.
    fixes
        Positions in a row inside (entering) or outside (leaving).
    left_at
        The first position outside, while leaving.
    dwelt
        Whether it has been told that it dwells.
    """

    phase: Phase
    since: datetime
    counts_from: datetime
    fixes: int = 1
    left_at: datetime | None = None
    dwelt: bool = False


class FenceReport(NamedTuple):
    """What is told: when it came to be so, and since when the mover was inside."""

    action: FenceAction
    at: datetime
    since: datetime


def step(
    stay: Stay | None,
    relation: Relation,
    at: datetime,
    last_at: datetime | None,
    terms: Terms,
    *,
    through: bool = False,
) -> tuple[Stay | None, list[FenceReport]]:
    """Take a position that is newer than the last.

    Parameters
    ----------
    stay
        The state; None is outside.
    last_at
        Of the mover's last position; None when this is the first.
    through
        Whether the straight way from the last position to this one leads through the fence.

    Returns
    -------
    tuple
        The new state, and what is told in the order of time. A position that is not newer changes nothing.
    """
    if last_at is not None and at <= last_at:
        return stay, []
    stay, told = advance(stay, at, last_at, terms)
    is_gap = last_at is None or at - last_at > terms.gap
    if stay is None:
        after, more = _outside(relation, at, terms, crosses=through and not is_gap)
    elif stay.phase == "entering":
        after, more = _entering(stay, relation, at, terms, is_gap=is_gap)
    else:
        after, more = _inside(stay, relation, at, terms, is_gap=is_gap)
    if after is not None:
        after, dwells = advance(after, at, at, terms)
        more += dwells
    return after, [*told, *more]


def advance(
    stay: Stay | None, until: datetime, last_at: datetime | None, terms: Terms
) -> tuple[Stay | None, list[FenceReport]]:
    """Let time pass: who is inside long enough dwells; a silence longer than the gap proves nothing."""
    at = dwells_at(stay, last_at, terms)
    if stay is None or at is None or at > until:
        return stay, []
    return stay._replace(dwelt=True), [FenceReport("dwell", at, stay.since)]


def dwells_at(stay: Stay | None, last_at: datetime | None, terms: Terms) -> datetime | None:
    """Return when a mover will dwell if nothing more is heard of it; None when it will not."""
    if stay is None or stay.phase != "inside" or stay.dwelt or terms.dwell is None or last_at is None:
        return None
    at = stay.counts_from + terms.dwell
    return at if at <= last_at + terms.gap else None


def ended(stay: Stay, at: datetime) -> list[FenceReport]:
    """Tell what becomes of a mover when the fence is no more: whoever has entered has left."""
    return [] if stay.phase == "entering" else [FenceReport("exit", stay.left_at or max(at, stay.since), stay.since)]


def _outside(relation: Relation, at: datetime, terms: Terms, *, crosses: bool) -> tuple[Stay | None, list[FenceReport]]:
    if relation == "in":
        return _counted(Stay("entering", at, at), at, terms)
    return None, [FenceReport("cross", at, at)] if crosses else []


def _entering(
    stay: Stay, relation: Relation, at: datetime, terms: Terms, *, is_gap: bool
) -> tuple[Stay | None, list[FenceReport]]:
    if is_gap:
        return _outside(relation, at, terms, crosses=False)
    if relation == "in":
        return _counted(stay._replace(fixes=stay.fixes + 1), at, terms)
    if relation == "near":
        return stay, []
    return None, [FenceReport("cross", stay.since, stay.since)]


def _inside(
    stay: Stay, relation: Relation, at: datetime, terms: Terms, *, is_gap: bool
) -> tuple[Stay | None, list[FenceReport]]:
    counts_from = at if is_gap else stay.counts_from
    if relation == "in":
        return stay._replace(phase="inside", fixes=1, left_at=None, counts_from=counts_from), []
    if relation == "near":
        return stay._replace(counts_from=counts_from), []
    if stay.phase == "inside":
        stay = stay._replace(phase="leaving", fixes=0, left_at=at, counts_from=counts_from)
    return _counted(stay._replace(fixes=stay.fixes + 1), at, terms)


def _counted(stay: Stay, at: datetime, terms: Terms) -> tuple[Stay | None, list[FenceReport]]:
    """Make of an entry or a leave what it is when its positions are enough."""
    if stay.fixes < terms.fixes:
        return stay, []
    if stay.phase == "entering":
        return stay._replace(phase="inside", fixes=1), [FenceReport("enter", stay.since, stay.since)]
    return None, [FenceReport("exit", stay.left_at or at, stay.since)]
