"""The stages of a case and their transitions (GB/T 30428; `event_stage` of the code lists)."""

from __future__ import annotations

from dataclasses import dataclass

from twin.city.chance import around, unit
from twin.city.clock import HOUR, MINUTE

FOLLOWS: dict[str, frozenset[str]] = {
    "collect": frozenset({"file", "voided"}),
    "file": frozenset({"dispatch", "merged"}),
    "dispatch": frozenset({"handle", "returned"}),
    "handle": frozenset({"feedback", "suspended"}),
    "suspended": frozenset({"handle"}),
    "feedback": frozenset({"verify"}),
    "verify": frozenset({"evaluate", "closed", "returned"}),
    "returned": frozenset({"dispatch", "handle"}),
    "evaluate": frozenset({"closed"}),
    "closed": frozenset(),
    "merged": frozenset(),
    "voided": frozenset(),
}
ENDS = frozenset(stage for stage, following in FOLLOWS.items() if not following)
REACHED_AT = {  # field with the time at which a stage was reached
    "collect": "reported_at",
    "file": "accepted_at",
    "dispatch": "dispatched_at",
    "feedback": "handled_at",
    "verify": "verified_at",
    "closed": "closed_at",
    "merged": "closed_at",
    "voided": "closed_at",
}
LIFE_MAX_S = 3 * 24 * HOUR
_WAITS_S = {  # median time before the stage, and the spread of its logarithm
    "collect": (2 * MINUTE, 0.6),
    "file": (10 * MINUTE, 0.7),
    "dispatch": (15 * MINUTE, 0.6),
    "feedback": (4 * HOUR, 0.9),
    "suspended": (2 * HOUR, 0.5),
    "verify": (40 * MINUTE, 0.6),
    "returned": (30 * MINUTE, 0.6),
    "evaluate": (2 * HOUR, 0.5),
    "closed": (HOUR, 0.7),
    "merged": (8 * MINUTE, 0.5),
    "voided": (20 * MINUTE, 0.5),
}
_HANDLE_S = (25 * MINUTE, 0.7)


@dataclass(frozen=True, slots=True)
class StageStep:
    """A stage, and the second at which it is reached."""

    stage: str
    at_s: int


def course(begins: int, pace: float, seed: int, *about: object, ends_merged: bool = False) -> tuple[StageStep, ...]:
    """Return the stages of a case from its report to its end.

    Parameters
    ----------
    begins
        The second at which it happened.
    pace
        Factor of the usual waits: below 1 for urgent cases.
    about
        Key of the case for its random numbers.
    ends_merged
        Whether it is a duplicate of another case.
    """
    steps: list[StageStep] = []
    now_s = float(begins)
    for number, stage in enumerate(_stages(seed, *about, ends_merged=ends_merged)):
        median_s, spread = _WAITS_S.get(stage, _HANDLE_S)
        now_s += max(1.0, pace * around(median_s, spread, seed, "wait", *about, number))
        steps.append(StageStep(stage, min(round(now_s), begins + LIFE_MAX_S + number)))
    return tuple(steps)


def _stages(seed: int, *about: object, ends_merged: bool) -> list[str]:
    if ends_merged:
        return ["collect", "file", "merged"]
    if unit(seed, "void", *about) < 0.02:
        return ["collect", "voided"]
    stages = ["collect", "file", "dispatch"]
    if unit(seed, "not ours", *about) < 0.06:
        stages += ["returned", "dispatch"]
    stages.append("handle")
    if unit(seed, "suspend", *about) < 0.05:
        stages += ["suspended", "handle"]
    stages += ["feedback", "verify"]
    if unit(seed, "again", *about) < 0.05:
        stages += ["returned", "handle", "feedback", "verify"]
    if unit(seed, "evaluate", *about) < 0.15:
        stages.append("evaluate")
    return [*stages, "closed"]
