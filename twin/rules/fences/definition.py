"""The definition of a set of fences: the movers, and the layer of areas."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from twin.rules.spans import Span

_NAME = r"^[a-z][a-z0-9_]{0,62}$"
_ACTIONS = ("enter", "exit", "dwell", "cross")

type FenceAction = Literal["enter", "exit", "dwell", "cross"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Movers(_Frozen):
    """The movers: the features of a layer, or those that a CQL2 filter selects."""

    layer: str = Field(pattern=_NAME)
    filter: str | None = Field(default=None, max_length=2000)


class FenceAreas(_Frozen):
    """The areas: every feature of a layer is a fence, or those that a CQL2 filter selects.

    Attributes
    ----------
    radius_m
        Buffer around each feature; points and lines need it, polygons may have it.
    """

    layer: str = Field(pattern=_NAME)
    filter: str | None = Field(default=None, max_length=2000)
    radius_m: float = Field(default=0, ge=0, le=5000)


class Fence(_Frozen):
    """A set of fences.

    Attributes
    ----------
    fixes
        Number of consecutive positions inside that make an entry, and outside that make an exit.
    margin_m
        Distance outside the fence within which a mover has not left: receivers drift by metres.
    dwell
        Length of a stay that counts as dwelling; None for no dwelling.
    gap
        Time without a position after which the way between is unknown.
    actions
        Actions that are reported.
    """

    name: str = Field(pattern=_NAME)
    kind: Literal["fence"]
    title_zh: str
    title_en: str
    enabled: bool = True
    movers: Movers
    areas: FenceAreas
    fixes: int = Field(default=2, ge=1, le=20)
    margin_m: float = Field(default=15, ge=0, le=500)
    dwell: Span | None = None
    gap: Span = timedelta(minutes=5)
    actions: frozenset[FenceAction] = frozenset(_ACTIONS)  # type: ignore[arg-type]  # the four of the type
