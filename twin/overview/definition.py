"""Definitions of indicators, lists and trends, as `indicators.yaml` holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from layers.errors import BadInput
from layers.yaml_file import explain, read_yaml

FILE = Path(__file__).with_name("indicators.yaml")
_BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
type Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
type MeasureKind = Literal["count", "share", "max", "median_h"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Indicator(_Frozen):
    """A number of an area.

    Attributes
    ----------
    unit
        UCUM; ``%`` for a share.
    measure
        ``count`` of features; ``share`` of those of `of` in percent; ``max`` of a `field`; ``median_h``, the median of
        the hours between two times.
    where, of
        Names of conditions of the group; all of them hold. None is every feature.
    by
        Fields with codes by which the number is told too.
    grade
        Who does not read the layer up to this grade is not told the number; None is the grade of the layer.
    time
        The field that tells when a feature was observed; None is the moment of the answer.
    main
        Whether it is told of the areas below too.
    compares
        Whether it stands beside its value of a week before.
    """

    id: Id
    title_zh: str
    title_en: str
    unit: str
    formula_zh: str
    formula_en: str
    measure: MeasureKind
    where: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    field: Id | None = None
    between: tuple[Id, Id] | None = None
    by: tuple[Id, ...] = ()
    grade: int | None = Field(default=None, ge=1, le=4)
    time: Id | None = None
    main: bool = False
    compares: bool = True

    @model_validator(mode="after")
    def _fits_its_measure(self) -> Self:
        for name, measure in (("field", "max"), ("between", "median_h")):
            if (getattr(self, name) is not None) != (self.measure == measure):
                raise ValueError(f"{self.id}: '{name}' belongs to the measure {measure}, and to no other")
        if (self.measure == "share") != bool(self.of):
            raise ValueError(f"{self.id}: 'of' belongs to the measure share, and to no other")
        return self

    @property
    def is_additive(self) -> bool:
        """Whether the numbers of areas sum up to that of the area above."""
        return self.measure == "count"


class IndicatorGroup(_Frozen):
    """Indicators of one layer, which one statement answers.

    Attributes
    ----------
    conditions
        CQL2 texts by name.
    from_above
        Whether an area is told of what is said of an area above it too: a warning for the district is in force in each
        of its streets.
    """

    layer: Id
    from_above: bool = False
    conditions: dict[Id, str] = Field(default_factory=dict)
    indicators: tuple[Indicator, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _knows_its_conditions(self) -> Self:
        for one in self.indicators:
            if unknown := {*one.where, *one.of} - self.conditions.keys():
                raise ValueError(f"{one.id} names conditions that are not there: {', '.join(sorted(unknown))}")
        return self

    def condition(self, names: Iterable[str], at: datetime) -> str:
        """Return the CQL2 text of some conditions together at a moment; empty for none."""
        return " AND ".join(f"({at_moment(self.conditions[name], at)})" for name in names)


class FeatureList(_Frozen):
    """The first features of a layer by some order, with a few properties; `from_above` as of an `IndicatorGroup`."""

    id: Id
    title_zh: str
    title_en: str
    layer: Id
    where: str
    sort: str
    properties: tuple[Id, ...] = Field(min_length=1)
    limit: int = Field(default=5, ge=1, le=50)
    grade: int | None = Field(default=None, ge=1, le=4)
    from_above: bool = False


class Trend(_Frozen):
    """The number of features whose `time` lies in each of the last hours."""

    id: Id
    title_zh: str
    title_en: str
    layer: Id
    time: Id
    hours: int = Field(default=24, ge=2, le=168)


class OverviewDefinition(_Frozen):
    """All that an overview tells."""

    groups: tuple[IndicatorGroup, ...]
    lists: tuple[FeatureList, ...] = ()
    trends: tuple[Trend, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [one.id for one in self.indicators]
        if twice := {one for one in ids if ids.count(one) > 1}:
            raise ValueError(f"indicators are given twice: {', '.join(sorted(twice))}")
        return self

    @property
    def indicators(self) -> Iterator[Indicator]:
        """Every indicator, in the order of the file."""
        return (one for group in self.groups for one in group.indicators)


def at_moment(text: str, at: datetime) -> str:
    """Return a CQL2 text with its times written out.

    Examples
    --------
    >>> at_moment("due_at < {now}", datetime.fromisoformat("2026-06-08T10:00:00+08:00"))
    "due_at < TIMESTAMP('2026-06-08T02:00:00Z')"
    """
    midnight = at.astimezone(_BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)
    times = {
        "now": at,
        "day": midnight,
        "hours_2": at - timedelta(hours=2),
        "days_7": at - timedelta(days=7),
    }
    return text.format(**{name: _literal(time) for name, time in times.items()})


def _literal(time: datetime) -> str:
    written = time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f"TIMESTAMP('{written}')"


@cache
def read_overview() -> OverviewDefinition:
    """Read the definitions; they are read once.

    Raises
    ------
    BadInput
        When the file has a fault; the message names it.
    """
    try:
        return OverviewDefinition.model_validate(read_yaml(FILE))
    except ValidationError as error:
        raise BadInput(f"{FILE.name} has a fault: {explain(error)}", parameter=FILE.name) from error
