"""A set of fences as a file says it: which things move, against which layer of areas."""

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
    """What moves: a layer, or what of it a CQL2 filter chooses."""

    layer: str = Field(pattern=_NAME)
    filter: str | None = Field(default=None, max_length=2000)


class FenceAreas(_Frozen):
    """The areas: every feature of a layer is a fence, or those that a CQL2 filter chooses.

    Attributes
    ----------
    radius_m
        How far around its feature a fence reaches; points and lines need it, polygons may have it.
    """

    layer: str = Field(pattern=_NAME)
    filter: str | None = Field(default=None, max_length=2000)
    radius_m: float = Field(default=0, ge=0, le=5000)


class Fence(_Frozen):
    """A set of fences.

    Attributes
    ----------
    fixes
        How many positions in a row must be inside to have entered, and outside to have left.
    margin_m
        Who has entered has left only when further than this outside: a receiver wanders by metres.
    dwell
        Who stays for so long dwells; None tells nobody.
    gap
        After so long without a position nothing is known of the way between.
    actions
        Which are told.
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
