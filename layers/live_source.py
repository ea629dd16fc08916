"""Sources of live values, as definition files declare them.

A field with `live` is computed when it is read: from the newest position or observation of the feature, or from the
events in it. With `stored` the table also has a column of that name, which counts until a live value is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from layers.tiers import TIERS, URBAN_VILLAGES

CODE = r"^[a-z][a-z0-9_]{0,62}$"
SILENT_INTERVALS = 3
"""A device that is silent for more than so many of its intervals is stale and offline (`domain.md` 2.3)."""
INTERVAL_S = 86_400
"""The interval of a device that names none, so that it too becomes stale."""


EVENTS = "events"
"""The layer whose features are events."""
AREA_CODE_FIELDS: dict[str, str | None] = {
    **{tier.layer_id: tier.code_field for tier in TIERS},
    URBAN_VILLAGES: None,  # events name villages by their ids
}
"""The layers whose features have numbers of events, and the field that holds an area's code."""
_OVERDUE_FIELDS = {"stage": "string", "closed_at": "datetime", "due_at": "datetime"}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ValueClass(_Frozen):
    """A class of numbers above a bound (`above`), or at least as large as a bound (`least`)."""

    code: str
    above: float | str | None = None  # a number, or the name of a field that holds it
    least: float | str | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.above is None) == (self.least is None):
            raise ValueError(f"step '{self.code}' needs one of above and least")
        return self


class Live(_Frozen):
    """The source of a live value: exactly one of the attributes from `position` on names it.

    Attributes
    ----------
    stored
        Whether the table also has a column of this name.
    position
        Of the newest position: a number, its time, or whether it is older than `stale_after_s`.
    observation
        Code of an observed property; `take` selects the newest value, its time or its quality.
    over_s
        Yields the change of the value in the last so many seconds, instead of the value.
    sum_s
        Yields the sum of the values of the last so many seconds, null without values, instead of the value.
    steps, otherwise
        Yields the code of the first step that holds, or `otherwise`, instead of the number.
    any_observation
        Of any property of the device: the time of the last observation, or whether the device has been silent for more
        than `SILENT_INTERVALS` of the interval in the field `interval`.
    status
        The status of a device: the observed property of that code as text, offline when silent. With `interval` a
        device that never sent anything is unknown, whatever its stored status is.
    air
        The air quality index of a station's measurements (`layers.air_index`), or a value derived from it; an index
        that the station sends itself counts until there is a newer measurement.
    events
        Number of events in the area.
    overdue
        Of an event: whether it is open and past its limit.
    needs
        Of an event: what is missing before it can be handled, its place or its class.
    """

    stored: bool = False
    position: Literal["speed_kmh", "heading_deg", "phenomenon_time", "stale"] | None = None
    stale_after_s: int = Field(default=600, gt=0)
    observation: str | None = Field(default=None, pattern=CODE)
    take: Literal["value", "time", "quality"] = "value"
    over_s: int | None = Field(default=None, gt=0)
    sum_s: int | None = Field(default=None, gt=0)
    steps: tuple[ValueClass, ...] = ()
    otherwise: str | None = None
    any_observation: Literal["time", "stale"] | None = None
    interval: str | None = None
    status: str | None = Field(default=None, pattern=CODE)
    air: Literal["index", "level", "primary", "time"] | None = None
    events: Literal["open", "overdue", "today"] | None = None
    overdue: bool = False
    needs: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = (
            self.position, self.observation, self.any_observation, self.status, self.air, self.events,
            self.overdue or None, self.needs or None,
        )  # fmt: skip
        if sum(source is not None for source in given) != 1:
            raise ValueError(
                "live needs one of position, observation, any_observation, status, air, events, overdue and needs"
            )
        if self.any_observation == "stale" and self.interval is None:
            raise ValueError("stale needs the name of the field that holds the interval")
        return self

    @property
    def observed(self) -> str | None:
        """Code of the observed property that the field shows; None when it shows none."""
        sent = "primary_pollutant" if self.air == "primary" else "aqi" if self.air else None
        return self.observation or self.status or sent

    @property
    def derives(self) -> bool:
        """Whether an observed value is not shown itself, but what follows from it: a change, a sum or a class."""
        return bool(self.over_s or self.sum_s or self.steps)

    @property
    def ages(self) -> bool:
        """Whether the value changes with time alone, when nothing happens."""
        stale = "stale" in {self.position, self.any_observation} or (self.status is not None and self.interval)
        return bool(stale or self.sum_s or self.events in {"overdue", "today"} or self.overdue)

    @property
    def fields(self) -> set[str]:
        """Names of the other stored fields that it reads."""
        bounds = {bound for step in self.steps for bound in (step.above, step.least) if isinstance(bound, str)}
        return bounds | ({self.interval} if self.interval else set())

    @property
    def types(self) -> tuple[str, ...]:  # noqa: PLR0911  # one answer a kind
        """Types that a field with this value may have."""
        if "stale" in {self.position, self.any_observation} or self.overdue:
            return ("boolean",)
        if self.position == "phenomenon_time" or self.any_observation == "time":
            return ("datetime",)
        if self.observation and self.take != "value":
            return ("datetime",) if self.take == "time" else ("string",)
        if self.needs:
            return ("string_array",)
        if self.air:
            return {"index": ("integer", "number"), "time": ("datetime",)}.get(self.air, ("string",))
        if self.status or self.steps:
            return ("string",)
        plain = self.observation and not (self.sum_s or self.over_s)
        return ("number", "integer", "string") if plain else ("number", "integer")

    def columns(self, layer_id: str) -> dict[str, tuple[str, ...]]:
        """Return the allowed types of the other columns that it reads, by name."""
        needed: dict[str, tuple[str, ...]] = dict.fromkeys(self.fields, ("number", "integer"))
        if self.events and (code := AREA_CODE_FIELDS.get(layer_id)):
            needed[code] = ("string",)
        return needed | ({name: (kind,) for name, kind in _OVERDUE_FIELDS.items()} if self.overdue else {})

    def fault(self, layer_id: str, kind: str, columns: Mapping[str, str]) -> str | None:  # noqa: PLR0911  # one a fault
        """Return why a field cannot show this value; `None` when it can.

        Parameters
        ----------
        kind
            Type of the field.
        columns
            Type of every column of the layer's table, by name.
        """
        if kind not in self.types:
            return f"is of type {kind}, and its live value of type {' or '.join(self.types)}"
        if self.events and layer_id not in AREA_CODE_FIELDS:
            return f"counts events, which are known of {', '.join(AREA_CODE_FIELDS)} only"
        if self.needs and layer_id != EVENTS:
            return "says what an event lacks, which only the layer events knows"
        if self.air and columns.get("station_level", "string") != "string":
            return "depends on 'station_level', which must be of type string"
        if self.overdue and not self.stored:
            return "is overdue by what was stored when nothing else is known: it needs stored"
        for name, types in self.columns(layer_id).items():
            if columns.get(name) not in types:
                found = columns.get(name, "not stored")
                return f"reads '{name}', which must be a column of type {' or '.join(types)} and is {found}"
        return None


class Motion(_Frozen):
    """The motion of a layer's features: their place is that of their newest position.

    Attributes
    ----------
    grade
        Data grade of a position; an actor with less clearance sees the stored place and nothing of the position.
    """

    grade: int = Field(default=1, ge=1, le=4)
