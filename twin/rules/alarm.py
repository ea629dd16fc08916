"""The alarm of one rule and one device: a pure function (state, what is seen) → (state', actions).

An alarm has one `Trigger` a level; its level is how many of them are raised. It is open from the first that is raised
to the last that clears, so there is never a second one of the same rule and device. Everything that alerts meanwhile
is counted into it. Time may be told by observations or by a clock: how often the clock ticks changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from twin.rules.trigger import CALM, Timing, Trigger, seen, turned, turns_at

type Step = Literal["raise", "level", "repeat", "clear"]


class JudgedValue(NamedTuple):
    """A value as a rule judges it: for each level whether it is above it, and whether it is below its hysteresis."""

    at: datetime
    above: tuple[bool, ...]
    below: tuple[bool, ...]
    value: float | str | None = None


class Alarm(NamedTuple):
    """The state of one rule and device.

    Attributes
    ----------
    triggers
        One a level, the lowest first.
    seen_at, value
        Of the newest value; older ones are passed over.
    began_at
        Since when the value of the open alarm has been above its lowest level; None while none is open.
    alerts, alerted_at
        How many values were above a level since it opened, and the last of them.
    number, told_at
        How many actions there were in the alarm's life, and when the last was: actions never go back in time.
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
        """How many levels are raised; 0 while no alarm is open."""
        return sum(trigger.raised for trigger in self.triggers)

    @property
    def is_calm(self) -> bool:
        """Whether there is nothing to remember but the newest time."""
        return all(trigger.is_calm for trigger in self.triggers)


class Action(NamedTuple):
    """What is to be told of an alarm.

    Attributes
    ----------
    at
        When it came to be so.
    level
        After it; 0 when the alarm has cleared.
    began_at, number
        Together with rule and device the identity of the action.
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
    """Return the state of a device of which nothing is known."""
    return Alarm((CALM,) * levels)


def advance(alarm: Alarm, until: datetime, timing: Timing) -> tuple[Alarm, list[Action]]:
    """Let time pass: whatever the held value brings about up to and including `until`."""
    actions: list[Action] = []
    while (turns := _next_turn(alarm, timing)) is not None and turns <= until:
        alarm, action = _turn(alarm, turns, timing)
        actions.append(action)
    return alarm, actions


def observe(alarm: Alarm, value: JudgedValue, timing: Timing, repeat: timedelta) -> tuple[Alarm, list[Action]]:
    """Take a value: first the time until then passes, then it counts. One that is not newer changes nothing.

    Parameters
    ----------
    repeat
        How often at most the counter of an open alarm is told.
    """
    if alarm.seen_at is not None and value.at <= alarm.seen_at:
        return alarm, []
    alarm, before = advance(alarm, value.at, timing)
    held_until = _held_until(alarm, timing)
    is_continuous = held_until is None or value.at <= held_until
    triggers = tuple(
        seen(trigger, value.at, above=above, below=below, is_continuous=is_continuous)
        for trigger, above, below in zip(alarm.triggers, value.above, value.below, strict=True)
    )
    was_open, told = alarm.level > 0, alarm.number
    alarm = alarm._replace(triggers=triggers, seen_at=value.at, value=value.value)
    if was_open and any(value.above):
        alarm = alarm._replace(alerts=alarm.alerts + 1, alerted_at=value.at)
    alarm, after = advance(alarm, value.at, timing)
    is_due = alarm.told_at is not None and value.at - alarm.told_at >= repeat
    if was_open and any(value.above) and alarm.number == told and is_due:
        alarm, action = _tell(alarm, "repeat", value.at)
        after.append(action)
    return alarm, [*before, *after]


def wakes_at(alarm: Alarm, timing: Timing) -> datetime | None:
    """Return when time alone will bring something about; None when it will not."""
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
    """Turn every trigger that turns at this moment, as one action."""
    before, held_until = alarm.level, _held_until(alarm, timing)
    turning = [turns_at(trigger, held_until, timing) == at for trigger in alarm.triggers]
    began_at = _first(alarm.triggers) if before == 0 else alarm.began_at
    pairs = zip(alarm.triggers, turning, strict=True)
    alarm = alarm._replace(triggers=tuple(turned(trigger) if now else trigger for trigger, now in pairs))
    if before == 0:
        alarm = alarm._replace(began_at=began_at, alerts=1, alerted_at=alarm.seen_at, number=0, told_at=None)
        return _tell(alarm, "raise", at, rose=True)
    if alarm.level > 0:
        return _tell(alarm, "level", at, rose=alarm.level > before)
    alarm, action = _tell(alarm, "clear", at)
    return alarm._replace(began_at=None, alerts=0, alerted_at=None, number=0, told_at=None), action


def _first(triggers: Sequence[Trigger]) -> datetime | None:
    return min((trigger.since for trigger in triggers if trigger.since is not None), default=None)


def _tell(alarm: Alarm, step: Step, at: datetime, *, rose: bool = False) -> tuple[Alarm, Action]:
    at = at if alarm.told_at is None else max(at, alarm.told_at)
    alarm = alarm._replace(number=alarm.number + 1, told_at=at)
    assert alarm.began_at is not None  # noqa: S101  # an alarm that speaks has begun
    assert alarm.alerted_at is not None  # noqa: S101
    told = (alarm.began_at, alarm.number, alarm.alerts, alarm.alerted_at, alarm.value)
    return alarm, Action(step, at, alarm.level, *told, rose)
