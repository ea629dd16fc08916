"""What is asked of a layer: rows, moment, columns and order, as the parameters of `items`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Self, get_args

Moment = str | datetime
BBox = Sequence[float]
Datum = Literal["gcj02", "bd09"]
"""A shifted datum of phone maps."""


def datum_of(crs: str | None) -> Datum | None:
    """Return the shifted datum that a client speaks in; None for degrees of CRS84.

    Raises
    ------
    ValueError
        For any other system.
    """
    found: dict[str | None, Datum | None] = {None: None, "OGC:CRS84": None} | {one: one for one in get_args(Datum)}
    if crs not in found:
        raise ValueError(f"crs is {crs!r}; a client speaks in {', '.join(get_args(Datum))} or, by default, OGC:CRS84")
    return found[crs]


def instant(moment: Moment) -> str:
    """Return a moment as RFC 3339; one without an offset is of this machine's time zone.

    >>> from datetime import UTC
    >>> instant(datetime(2026, 6, 8, 2, tzinfo=UTC))
    '2026-06-08T02:00:00+00:00'
    """
    if isinstance(moment, str):
        return moment
    return (moment if moment.tzinfo else moment.astimezone()).isoformat()


NARROWERS = ("where", "bbox", "at", "basis", "during", "columns", "sort", "limit", "geometry")
"""What narrows a question, by the names of `LayerQuestion.refined`."""


@dataclass(frozen=True, slots=True)
class LayerQuestion:
    """The rows and columns that are asked for.

    Attributes
    ----------
    conditions
        CQL2 texts that all hold.
    bbox
        West, south, east, north, in degrees of the datum; None for everywhere.
    moment
        The state as of this moment; None for now.
    basis
        ``known``: what the server knew then; ``phenomenon``: what was so, as known now. None is the server's default.
    period
        The layer's own time, `from/to`; None for any.
    names
        Properties; None for all.
    order
        Properties to sort by, with ``-`` before those that fall.
    rows_max
        None for all rows.
    with_geometry
        False leaves the places out.
    datum
        Of places in the question and in the answer; None is CRS84.
    """

    conditions: tuple[str, ...] = ()
    bbox: tuple[float, ...] | None = None
    moment: str | None = None
    basis: str | None = None
    period: str | None = None
    names: tuple[str, ...] | None = None
    order: tuple[str, ...] = ()
    rows_max: int | None = None
    with_geometry: bool = True
    datum: Datum | None = None

    def refined(
        self,
        *,
        where: str | None = None,
        bbox: BBox | None = None,
        at: Moment | None = None,
        basis: str | None = None,
        during: tuple[Moment | None, Moment | None] | None = None,
        columns: Sequence[str] | None = None,
        sort: str | Sequence[str] | None = None,
        limit: int | None = None,
        geometry: bool | None = None,
    ) -> Self:
        """Return a narrower question; conditions add up, everything else replaces what was there.

        Raises
        ------
        ValueError
            For a box that has not four numbers, or a limit below 1.
        """
        if limit is not None and limit < 1:
            raise ValueError(f"limit is {limit}; a selection has at least one row, or no limit")
        given: dict[str, Any] = {
            "conditions": None if where is None else (*self.conditions, where),
            "bbox": None if bbox is None else _box(bbox),
            "moment": None if at is None else instant(at),
            "basis": basis,
            "period": None if during is None else "/".join(".." if end is None else instant(end) for end in during),
            "names": None if columns is None else tuple(columns),
            "order": (sort,) if isinstance(sort, str) else sort and tuple(sort),
            "rows_max": limit,
            "with_geometry": geometry,
        }
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    @property
    def filter(self) -> str | None:
        """Return the conditions as one CQL2 text; None when there is none."""
        if len(self.conditions) < 2:
            return next(iter(self.conditions), None)
        return " AND ".join(f"({one})" for one in self.conditions)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of `/ogc/collections/{layer}/items`."""
        return {
            "bbox": ",".join(map(repr, self.bbox)) if self.bbox else None,
            "filter": self.filter,
            "at": self.moment,
            "basis": self.basis,
            "datetime": self.period,
            "properties": ",".join(self.names) if self.names is not None else None,
            "sortby": ",".join(self.order) or None,
            "skipGeometry": None if self.with_geometry else "true",
            "crs": self.datum,
            "bbox-crs": self.datum if self.bbox else None,
            "filter-crs": self.datum if self.conditions else None,
        }


def _box(bbox: BBox) -> tuple[float, ...]:
    box = tuple(float(number) for number in bbox)
    if len(box) != 4:
        raise ValueError(f"bbox has {len(box)} numbers; it is west, south, east, north in degrees")
    return box
