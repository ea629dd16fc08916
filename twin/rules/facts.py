"""The facts of an event that rules use: few fields, read once from its state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from layers.tiers import STREET

_OVER = frozenset({"closed", "voided", "merged", "evaluate"})
_REACHED = {  # steps done when an event is in a stage, where it has no times for them
    "file": ("accept",),
    "dispatch": ("accept",),
    "handle": ("accept", "dispatch"),
    "feedback": ("accept", "dispatch", "handle"),
    "verify": ("accept", "dispatch", "handle"),
}


class Facts(NamedTuple):
    """An event as the rules see it.

    Attributes
    ----------
    known_at
        Time of the report, else of the occurrence: limits count from it.
    said_at
        Time of the newest version.
    event_class
        The last four digits of the class code.
    done
        Times of the steps accept, dispatch, arrive, handle, verify and of reports, where the event has them.
    reached
        Steps that are done by the event's stage.
    own_due_at
        The limit in the event's state.
    is_over
        Whether it is closed, voided, merged or a duplicate.
    """

    event_id: str
    source: str
    known_at: datetime
    said_at: datetime
    event_class: str | None = None
    severity: str | None = None
    stage: str | None = None
    level: str | None = None
    rule_id: str | None = None
    parent_event_id: str | None = None
    done: Mapping[str, datetime] = {}
    reached: tuple[str, ...] = ()
    own_due_at: datetime | None = None
    casualties: int = 0
    streets: int = 0
    returned: int = 0
    is_over: bool = False
    overdue: bool = False


def read_facts(state: Mapping[str, Any], returned: int = 0) -> Facts | None:
    """Return the facts of an event's state.

    Parameters
    ----------
    state
        Fields of the event; times as ISO 8601 text or datetimes.
    returned
        Number of times it was sent back.

    Returns
    -------
    Facts or None
        None when it has no time at all.
    """
    times = {name: _moment(state.get(f"{name}_at")) for name in _TIMES}
    said_at = _moment(state.get("phenomenon_time"))
    known_at = times["reported"] or times["occurred"] or said_at
    if known_at is None:
        return None
    given = state.get("extra")
    extra: dict[str, Any] = given if isinstance(given, dict) else {}
    steps = {step: times[word] for step, word in _DONE.items()}
    steps |= {name.removesuffix("_at"): _moment(value) for name, value in extra.items() if name.endswith("_at")}
    steps["arrive"] = steps.pop("arrived", None)
    stage = state.get("stage")
    is_over = stage in _OVER or times["closed"] is not None or state.get("duplicate_of") is not None
    return Facts(
        event_id=state["id"],
        source=str(state.get("source") or "other"),
        known_at=known_at,
        said_at=said_at or known_at,
        event_class=state.get("event_class") or (state.get("event_class_code") or "")[-4:] or None,
        severity=state.get("severity"),
        stage=stage,
        level=state.get("level_current"),
        rule_id=state.get("rule_id"),
        parent_event_id=state.get("parent_event_id"),
        done={step: at for step, at in steps.items() if at is not None},
        reached=_REACHED.get(stage or "", ()),
        own_due_at=_moment(state.get("due_at")),
        casualties=_count(extra.get("casualties")),
        streets=len({code[: STREET.digits] for code in state.get("area_codes") or () if len(code) >= STREET.digits}),
        returned=returned,
        is_over=is_over,
        overdue=bool(state.get("overdue")),
    )


_DONE = {"accept": "accepted", "dispatch": "dispatched", "handle": "handled", "verify": "verified"}
_TIMES = (*_DONE.values(), "occurred", "reported", "closed", "due")


def _moment(value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < 1e6 else 0
