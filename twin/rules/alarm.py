"""The alarm of one rule and one device: a pure function (state, value) → (state', actions).

An alarm has one `Trigger` per level; its level is the number of raised triggers. It is open from the first raised to
the last cleared, so one rule and device never have two alarms. Every alert meanwhile is counted into it. Time advances
by observations or by a clock; the frequency of the clock changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from twin.rules.trigger import CALM, Timing, Trigger, take, turn, turns_at

type Step = Literal["raise", "level", "repeat", "clear"]


class JudgedValue(NamedTuple):
    """A judged value: for each level whether it is above the bound, and whether it is below the hysteresis."""

    at: datetime
    above: tuple[bool, ...]
    below: tuple[bool, ...]
    value: float | str | None = None


class Alarm(NamedTuple):
    """The state of one rule and device.

    Attributes
    ----------
    triggers
        One per level, the lowest first.
    seen_at, value
        The newest value and its time; older values are ignored.
    began_at
        Time since which the value has been above the lowest level; None while the alarm is not open.
    alerts, alerted_at
        Number of values above a level since the alarm opened, and the time of the last.
    number, told_at
        Number of actions since the alarm opened, and the time of the last: actions never go back in time.
    """

    triggers: tuple[Trigger, ...]
    seen_at: datetime | None = None
    value: float | str | None = None
    began_at: datetime | None = None
    alerts: int = 0
    alerted_at: datetime | None = None
    number: int = 0
    told_at: datetime | None = None

    @property
    def level(self) -> int:
        """Number of raised levels; 0 while the alarm is not open."""
        return sum(trigger.raised for trigger in self.triggers)

    @property
    def is_calm(self) -> bool:
        """Whether nothing but the newest time needs to be stored."""
        return all(trigger.is_calm for trigger in self.triggers)


class Action(NamedTuple):
    """An action of an alarm: it becomes a version of the alarm's event.

    Attributes
    ----------
    at
        Time of the action.
    level
        Level after the action; 0 when the alarm has cleared.
    began_at, number
        With rule and device the identity of the action.
    rose
        Whether the level is higher than before.
    """

    step: Step
    at: datetime
    level: int
    began_at: datetime
    number: int
    alerts: int
    alerted_at: datetime
    value: float | str | None
    rose: bool = False


def calm(levels: int) -> Alarm:
    """Return the state of a device without values."""
    return Alarm((CALM,) * levels)


def advance(alarm: Alarm, until: datetime, timing: Timing) -> tuple[Alarm, list[Action]]:
    """Advance the time: return the alarm and the actions that the held value causes up to and including `until`."""
    actions: list[Action] = []
    while (turns := _next_turn(alarm, timing)) is not None and turns <= until:
        alarm, action = _turn(alarm, turns, timing)
        actions.append(action)
    return alarm, actions


def observe(alarm: Alarm, value: JudgedValue, timing: Timing, repeat: timedelta) -> tuple[Alarm, list[Action]]:
    """Take a value after advancing to its time; a value that is not newer changes nothing.

    Parameters
    ----------
    repeat
        Shortest time between two actions that only repeat the counter of an open alarm.
    """
    if alarm.seen_at is not None and value.at <= alarm.seen_at:
        return alarm, []
    alarm, before = advance(alarm, value.at, timing)
    held_until = _held_until(alarm, timing)
    is_continuous = held_until is None or value.at <= held_until
    triggers = tuple(
        take(trigger, value.at, above=above, below=below, is_continuous=is_continuous)
        for trigger, above, below in zip(alarm.triggers, value.above, value.below, strict=True)
    )
    was_open, number = alarm.level > 0, alarm.number
    alarm = alarm._replace(triggers=triggers, seen_at=value.at, value=value.value)
    if was_open and any(value.above):
        alarm = alarm._replace(alerts=alarm.alerts + 1, alerted_at=value.at)
    alarm, after = advance(alarm, value.at, timing)
    is_due = alarm.told_at is not None and value.at - alarm.told_at >= repeat
    if was_open and any(value.above) and alarm.number == number and is_due:
        alarm, action = _act(alarm, "repeat", value.at)
        after.append(action)
    return alarm, [*before, *after]


def wakes_at(alarm: Alarm, timing: Timing) -> datetime | None:
    """Return the time at which the alarm changes without a new value; None when it does not."""
    return _next_turn(alarm, timing)


def _held_until(alarm: Alarm, timing: Timing) -> datetime | None:
    if alarm.seen_at is None or timing.hold is None:
        return None
    return alarm.seen_at + timing.hold


def _next_turn(alarm: Alarm, timing: Timing) -> datetime | None:
    held_until = _held_until(alarm, timing)
    turns = (turns_at(trigger, held_until, timing) for trigger in alarm.triggers)
    return min((at for at in turns if at is not None), default=None)


def _turn(alarm: Alarm, at: datetime, timing: Timing) -> tuple[Alarm, Action]:
    """Turn every trigger that turns at this time, as one action."""
    before, held_until = alarm.level, _held_until(alarm, timing)
    turning = [turns_at(trigger, held_until, timing) == at for trigger in alarm.triggers]
    began_at = _first(alarm.triggers) if before == 0 else alarm.began_at
    pairs = zip(alarm.triggers, turning, strict=True)
    alarm = alarm._replace(triggers=tuple(turn(trigger) if now else trigger for trigger, now in pairs))
    if before == 0:
        alarm = alarm._replace(began_at=began_at, alerts=1, alerted_at=alarm.seen_at, number=0, told_at=None)
        return _act(alarm, "raise", at, rose=True)
    if alarm.level > 0:
        return _act(alarm, "level", at, rose=alarm.level > before)
    alarm, action = _act(alarm, "clear", at)
    return alarm._replace(began_at=None, alerts=0, alerted_at=None, number=0, told_at=None), action


def _first(triggers: Sequence[Trigger]) -> datetime | None:
    return min((trigger.since for trigger in triggers if trigger.since is not None), default=None)


def _act(alarm: Alarm, step: Step, at: datetime, *, rose: bool = False) -> tuple[Alarm, Action]:
    at = at if alarm.told_at is None else max(at, alarm.told_at)
    alarm = alarm._replace(number=alarm.number + 1, told_at=at)
    assert alarm.began_at is not None  # noqa: S101  # an alarm that acts has begun
    assert alarm.alerted_at is not None  # noqa: S101
    facts = (alarm.began_at, alarm.number, alarm.alerts, alarm.alerted_at, alarm.value)
    return alarm, Action(step, at, alarm.level, *facts, rose)
