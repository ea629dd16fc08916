"""A mover and one fence: the transition table as a pure function.

::

                in                near (within the margin)   out
    (none)      entering 1        –                          – (cross, when the way leads through)
    entering n  entering n+1 → inside: enter    –            (none): cross
    inside      inside            inside                     leaving 1
    leaving n   inside            leaving n                  leaving n+1 → (none): exit

With `fixes` = 1 `entering` and `leaving` are passed through at once. Time alone causes `dwell`, once per stay. After a
gap the way between is unknown: no fence is crossed, an entry begins again, and dwelling is counted again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from twin.rules.fences.definition import FenceAction

type Relation = Literal["in", "near", "out"]
type Phase = Literal["entering", "inside", "leaving"]


class Terms(NamedTuple):
    """The terms of a set of fences: consecutive positions, time of dwelling, longest gap between positions."""

    fixes: int
    dwell: timedelta | None
    gap: timedelta


class Stay(NamedTuple):
    """A mover that is, or may be, inside a fence; a mover outside has no stay.

    Attributes
    ----------
    since
        Time of the first position inside.
    counts_from
        Start of dwelling: `since`, or the first position after a gap.
    fixes
        Number of consecutive positions inside (entering) or outside (leaving).
    left_at
        Time of the first position outside, while leaving.
    dwelt
        Whether `dwell` was reported.
    """

    phase: Phase
    since: datetime
    counts_from: datetime
    fixes: int = 1
    left_at: datetime | None = None
    dwelt: bool = False


class FenceReport(NamedTuple):
    """A reported action, its time, and the time since which the mover was inside."""

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
    """Take a position of the mover; one that is not newer than the last changes nothing.

    Parameters
    ----------
    stay
        The state; None is outside.
    last_at
        Time of the mover's last position; None when this is the first.
    through
        Whether the straight way from the last position to this one leads through the fence.

    Returns
    -------
    tuple
        The new state, and the reports in the order of time.
    """
    if last_at is not None and at <= last_at:
        return stay, []
    stay, reports = advance(stay, at, last_at, terms)
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
    return after, [*reports, *more]


def advance(
    stay: Stay | None, until: datetime, last_at: datetime | None, terms: Terms
) -> tuple[Stay | None, list[FenceReport]]:
    """Advance the time: a mover that is inside long enough dwells; a longer silence than the gap proves nothing."""
    at = dwells_at(stay, last_at, terms)
    if stay is None or at is None or at > until:
        return stay, []
    return stay._replace(dwelt=True), [FenceReport("dwell", at, stay.since)]


def dwells_at(stay: Stay | None, last_at: datetime | None, terms: Terms) -> datetime | None:
    """Return the time at which a mover dwells without a new position; None when it does not."""
    if stay is None or stay.phase != "inside" or stay.dwelt or terms.dwell is None or last_at is None:
        return None
    at = stay.counts_from + terms.dwell
    return at if at <= last_at + terms.gap else None


def removal_reports(stay: Stay, at: datetime) -> list[FenceReport]:
    """Return the reports of a stay when its fence is removed: a mover that has entered leaves."""
    return [] if stay.phase == "entering" else [FenceReport("exit", stay.left_at or max(at, stay.since), stay.since)]


def _outside(relation: Relation, at: datetime, terms: Terms, *, crosses: bool) -> tuple[Stay | None, list[FenceReport]]:
    if relation == "in":
        return _complete_phase(Stay("entering", at, at), at, terms)
    return None, [FenceReport("cross", at, at)] if crosses else []


def _entering(
    stay: Stay, relation: Relation, at: datetime, terms: Terms, *, is_gap: bool
) -> tuple[Stay | None, list[FenceReport]]:
    if is_gap:
        return _outside(relation, at, terms, crosses=False)
    if relation == "in":
        return _complete_phase(stay._replace(fixes=stay.fixes + 1), at, terms)
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
    return _complete_phase(stay._replace(fixes=stay.fixes + 1), at, terms)


def _complete_phase(stay: Stay, at: datetime, terms: Terms) -> tuple[Stay | None, list[FenceReport]]:
    """Return the stay after an entry or exit, with its report once there are enough positions."""
    if stay.fixes < terms.fixes:
        return stay, []
    if stay.phase == "entering":
        return stay._replace(phase="inside", fixes=1), [FenceReport("enter", stay.since, stay.since)]
    return None, [FenceReport("exit", stay.left_at or at, stay.since)]
