"""The definition of thresholds, and the judgement of a value by them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from twin.rules.alarm import JudgedValue
from twin.rules.limits import NAME, Level
from twin.rules.spans import Span
from twin.rules.trigger import Timing

_IGNORED = frozenset({"missing"})


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class FieldValue(_Frozen):
    """A threshold of each feature's own: the value of a field, plus a constant."""

    field: str = Field(pattern=NAME)
    plus: float = 0.0


type Bound = float | FieldValue


class AlarmLevel(_Frozen):
    """One level: a test of the value, and the severity when it holds."""

    above: Bound | None = None
    below: Bound | None = None
    equals: tuple[float | str, ...] = ()
    severity: str = Field(max_length=20)

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if (self.above is not None) + (self.below is not None) + bool(self.equals) != 1:
            raise ValueError("a level has one of above, below and equals")
        return self


class AlarmEvent(_Frozen):
    """The event of an alarm.

    Attributes
    ----------
    title
        Template with `{name}`, `{id}` and `{value}`.
    on_clear
        ``close`` closes the event when the alarm clears; ``note`` only notes it, because a person must check.
    """

    event_class: str | None = Field(default=None, alias="class", pattern="^[0-9]{2}(?:[0-9]{2})?$")
    title: str = Field(max_length=150)
    level: Level = "community"
    on_clear: Literal["close", "note"] = "close"


class Threshold(_Frozen):
    """A rule that keeps an event open while a value is beyond a bound.

    Attributes
    ----------
    layer, observed
        Layer and property of the observations (``property`` in the file); with ``of: field`` a field of the features.
    only
        Allowed values of fields of the feature, for example of its type.
    needs
        Fields that must have a value; a feature without one is not judged (a water level without its datum).
    levels
        From the mildest to the worst.
    window
        Length of time whose values are summed; the sum is judged.
    hysteresis
        Distance behind the bound at which the alarm clears, in the unit of the property.
    rise, fall
        Durations until the alarm is raised and cleared: ``for`` and ``clear_for`` in the file.
    hold
        Time for which a value counts when no other follows; None for a state that lasts until it changes.
    repeat
        Shortest time between two writings of the counter of an open alarm.
    """

    name: str = Field(pattern=NAME)
    kind: Literal["threshold"]
    title_zh: str
    title_en: str
    enabled: bool = True
    layer: str = Field(pattern=NAME)
    observed: str = Field(pattern=NAME, alias="property")
    of: Literal["observation", "field"] = "observation"
    only: dict[str, tuple[str, ...]] = {}
    needs: tuple[str, ...] = ()
    levels: tuple[AlarmLevel, ...] = Field(min_length=1, max_length=5)
    window: Span | None = None
    hysteresis: float = Field(default=0.0, ge=0)
    rise: Span = Field(default=timedelta(0), alias="for")
    fall: Span = Field(default=timedelta(0), alias="clear_for")
    hold: Span | None = timedelta(minutes=15)
    repeat: Span = timedelta(minutes=5)
    event: AlarmEvent

    @property
    def timing(self) -> Timing:
        """The durations of the alarm."""
        return Timing(self.rise, self.fall, self.hold)

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the feature's fields that the rule uses."""
        bounds = (bound for level in self.levels for bound in (level.above, level.below))
        named = [bound.field for bound in bounds if isinstance(bound, FieldValue)]
        return tuple(dict.fromkeys([*named, *self.needs, *self.only, *([self.observed] if self.of == "field" else [])]))

    def judge(
        self, at: datetime, value: float | str | None, fields: Mapping[str, Any], quality: str | None = None
    ) -> JudgedValue | None:
        """Judge a value.

        Parameters
        ----------
        fields
            Values of the feature's fields, by name.

        Returns
        -------
        JudgedValue or None
            None when there is no value, or a field that the rule needs is empty or not allowed.
        """
        if value is None or quality in _IGNORED or any(fields.get(name) is None for name in self.needs):
            return None
        if any(fields.get(name) not in allowed for name, allowed in self.only.items()):
            return None
        sides = [_sides(level, value, fields, self.hysteresis) for level in self.levels]
        if any(side is None for side in sides):
            return None
        known = [side for side in sides if side is not None]
        return JudgedValue(at, tuple(above for above, _ in known), tuple(below for _, below in known), value)


def _sides(
    level: AlarmLevel, value: float | str, fields: Mapping[str, Any], hysteresis: float
) -> tuple[bool, bool] | None:
    """Return whether a value raises and whether it clears a level; None when it cannot be compared."""
    if level.equals:
        return value in level.equals, value not in level.equals
    bound = _number(level.above if level.above is not None else level.below, fields)
    if bound is None or not isinstance(value, int | float):
        return None
    if level.above is not None:
        return value > bound, value < bound - hysteresis or (hysteresis == 0 and value <= bound)
    return value < bound, value > bound + hysteresis or (hysteresis == 0 and value >= bound)


def _number(bound: Bound | None, fields: Mapping[str, Any]) -> float | None:
    if isinstance(bound, FieldValue):
        value = fields.get(bound.field)
        return value + bound.plus if isinstance(value, int | float) else None
    return bound
