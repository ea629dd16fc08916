"""The chain of those who answer for a concern, from the grid worker to the district's officer on duty.

The most specific match comes first: the keeper of the object, then grid and matter, community and matter, street and
matter, district and matter; after these, in the same order of areas, who answers for whatever is not about a single
matter. Of two with equal areas the longer prefix of the matter counts, then the priority, then the id.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from layers.tiers import AREA_CODE, AREA_DIGITS, GRID_CODE, parse_code
from twin.responsibility.concern import Concern

type ResponsibilityLevel = Literal[
    "object", "grid_worker", "grid_head", "community", "street", "department", "district"
]
LEVELS: tuple[ResponsibilityLevel, ...] = (
    "object",
    "grid_worker",
    "grid_head",
    "community",
    "street",
    "department",
    "district",
)
_GRID_HEAD = "grid_head"
_PRIORITY_LAST = 1 << 30
type Properties = dict[str, Any]


class DutyShift(BaseModel):
    """Who is on duty for a post; name and phone as far as the reader may know."""

    layer: str = Field(examples=["duty_rosters"])
    id: str
    person: str | None = None
    phone: str | None = None
    duty_phone: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class Responsible(BaseModel):
    """One who answers; name and phone as far as the reader may know."""

    layer: str = Field(description="the layer of this feature", examples=["responsibilities", "grid_workers"])
    id: str
    level: ResponsibilityLevel
    match: str = Field(description="why: object, grid+matter, community, …", examples=["street+matter"])
    name: str | None = None
    org_name: str | None = None
    matter_prefix: str | None = None
    post: str | None = None
    person: str | None = None
    phone: str | None = None
    duty_phone: str | None = None
    on_duty: list[DutyShift] = Field(default_factory=list, description="at the moment that was asked about")


class Rung(BaseModel):
    """A level of the chain, with all who answer there, the most specific first; none is empty."""

    level: ResponsibilityLevel
    responsible: list[Responsible]


class Chain(BaseModel):
    """Who answers for a concern."""

    at: datetime
    matter: str | None
    grid_code: str | None
    area_code: str | None = Field(description="of the finest area that is known")
    first: Responsible | None = Field(description="the most specific match")
    chain: list[Rung] = Field(description="from the grid worker to the district's officer on duty")
    complete: bool = Field(description="没有遗漏 false: more answer for it than were read, first may be another one")


type Ranked = tuple[tuple[object, ...], Responsible]


def ranked(concern: Concern, feature_id: str, row: Properties, shifts: Sequence[DutyShift]) -> Ranked | None:
    """Return one row of `responsibilities` that matches, and its place in the order of specificity.

    None for a row of a level that is not in the chain.
    """
    if row.get("level") not in LEVELS:
        return None
    kind, place = _place_of(row)
    matter = row.get("matter_prefix") or ""
    order = (
        0 if kind == "object" else 1 if matter else 2,
        place,
        -len(matter),
        _PRIORITY_LAST if row.get("priority") is None else row["priority"],
        feature_id,
    )
    told = {name: row.get(name) for name in Responsible.model_fields if name in row and name != "level"}
    match = f"{kind}+matter" if matter and concern.matter else kind
    found = Responsible(
        layer="responsibilities", id=feature_id, level=row["level"], match=match, on_duty=list(shifts), **told
    )
    return order, found


def _place_of(row: Properties) -> tuple[str, int]:
    """Return the kind of the place of a row, and its rank: the smaller, the more specific."""
    if row.get("feature_id"):
        return "object", 0
    if row.get(GRID_CODE):
        return "grid", 1
    coded = parse_code(str(row.get(AREA_CODE) or ""))
    digits = len(coded[1]) if coded else 0
    return {AREA_DIGITS: ("community", 2), 9: ("street", 3), 6: ("district", 4)}.get(digits, ("everywhere", 5))


def ranked_worker(concern: Concern, feature_id: str, row: Properties) -> Ranked:
    """Return a worker of the grid, who answers for whatever is not about a single matter."""
    head = row.get("role_code") == _GRID_HEAD
    shifts = [_worker_shift(feature_id, row)] if is_at_work(row, concern.at) else []
    found = Responsible(
        layer="grid_workers",
        id=feature_id,
        level="grid_head" if head else "grid_worker",
        match="grid",
        org_name=row.get("org_name"),
        person=row.get("name"),
        phone=row.get("phone"),
        on_duty=shifts,
    )
    return (2, 1, 0, 0 if shifts else 1, feature_id), found


def is_at_work(row: Properties, at: datetime) -> bool:
    """Whether a worker is on duty at a moment: within the shift where the reader is told of it, else by the flag."""
    begins, ends = (_moment(row.get(name)) for name in ("duty_from", "duty_to"))
    if begins is None or ends is None:
        return row.get("on_duty") is True
    return begins <= at < ends


def _worker_shift(feature_id: str, row: Properties) -> DutyShift:
    begins, ends = (_moment(row.get(name)) for name in ("duty_from", "duty_to"))
    return DutyShift(
        layer="grid_workers",
        id=feature_id,
        person=row.get("name"),
        phone=row.get("phone"),
        starts_at=begins,
        ends_at=ends,
    )


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def chain_of(concern: Concern, found: Sequence[Ranked], *, is_whole: bool = True) -> Chain:
    """Return the chain of all who match, each level in the order of specificity.

    Parameters
    ----------
    is_whole
        Whether all who match were found.
    """
    ordered = [one for _, one in sorted(found, key=lambda pair: pair[0])]
    rungs = [Rung(level=level, responsible=[one for one in ordered if one.level == level]) for level in LEVELS]
    return Chain(
        at=concern.at,
        matter=concern.matter,
        grid_code=concern.grid_code,
        area_code=concern.area_codes[0] if concern.area_codes else None,
        first=ordered[0] if ordered else None,
        chain=[rung for rung in rungs if rung.responsible],
        complete=is_whole,
    )
