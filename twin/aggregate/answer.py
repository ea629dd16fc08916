"""Counts by area in the forms of a response: with rates and z-scores, and with small numbers of persons hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from types import MappingProxyType
from typing import Any

import orjson

from layers.spreadsheet import csv_lines
from twin.aggregate.small_counts import BESIDE, suppressed

_REVEALING = ("per_km2", "per_10k_pop")
_COMPARED = ("count_before", "change")
_PARTS = ("open", "overdue", "baseline_mean", "z_score")
COLUMNS = (
    "code", "name", "count", "open", "overdue", "area_km2", "per_km2", "per_10k_pop", "baseline_mean", "z_score",
)  # fmt: skip


@dataclass(frozen=True)
class Counts:
    """Counts by area.

    Attributes
    ----------
    areas
        Rows of the statement of `twin.aggregate.question`, ordered by key.
    matched
        Number of matching features, in and outside of the areas.
    least
        The least count that is shown.
    measures
        Names of what else is told of each area.
    own
        How many of these features the reader may read himself, by key.
    """

    areas: Sequence[Mapping[str, Any]]
    matched: int
    least: int = 1
    measures: tuple[str, ...] = ()
    own: Mapping[str, int] = MappingProxyType({})

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the properties of an area."""
        compares = any(row.get("before") is not None for row in self.areas)
        return (*COLUMNS, *(_COMPARED if compares else ()), *self.measures)

    @cached_property
    def hidden(self) -> Mapping[str, str]:
        """What is shown of the areas whose count is not shown, by key."""
        return suppressed(self.areas, self.least, self.own)

    @property
    def hides(self) -> bool:
        """Whether small counts are hidden; then nothing that would reveal one is shown of any area."""
        return self.least > 1


def properties(counts: Counts, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of an area, in the order of `Counts.columns`.

    `count` is ``"<5"`` where it is small, ``"*"`` where it would give away another, and all values that would reveal
    it are null.
    """
    count, km2, people = row["count"], row["km2"], row["people"]
    mean, squares = row["mean"], row["squares"]
    spread = None if mean is None else sqrt(max(squares - mean * mean, 0.0))
    values = {
        "code": row["key"],
        "name": row["name"],
        "count": count,
        "open": row["open"],
        "overdue": row["overdue"],
        "area_km2": _round(km2),
        "per_km2": _round(count / km2) if km2 else None,
        "per_10k_pop": _round(10_000 * count / people) if people else None,
        "baseline_mean": _round(mean),
        "z_score": _round((count - mean) / spread) if spread else None,
    }
    if row["key"] in counts.hidden:
        values |= {"count": counts.hidden[row["key"]]} | dict.fromkeys(_REVEALING)
    if counts.hides:
        values |= dict.fromkeys(_PARTS)  # parts of a count are small too
        return values | dict.fromkeys(counts.columns[len(COLUMNS) :])
    if (before := row.get("before")) is not None:
        values |= {"count_before": before, "change": _round(count / before - 1) if before else None}
    measured = (row[f"measure_{n}"] for n in range(len(counts.measures)))
    return values | {name: _round(value) for name, value in zip(counts.measures, measured, strict=True)}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def as_json(counts: Counts, head: Mapping[str, Any]) -> bytes:
    """Return the rows as JSON."""
    rows = [properties(counts, row) for row in counts.areas]
    return orjson.dumps({**head, **_totals(counts), "areas": rows})


def as_geojson(counts: Counts, head: Mapping[str, Any]) -> bytes:
    """Return the rows as GeoJSON features, each with its area."""
    features = [
        {
            "type": "Feature",
            "id": row["id"],
            "geometry": orjson.Fragment(row["geometry"] or "null"),
            "properties": properties(counts, row),
        }
        for row in counts.areas
    ]
    return orjson.dumps({"type": "FeatureCollection", **head, **_totals(counts), "features": features})


def as_csv(counts: Counts) -> bytes:
    """Return the rows as CSV."""
    return csv_lines(counts.columns, (properties(counts, row) for row in counts.areas))


def _totals(counts: Counts) -> dict[str, Any]:
    """Return the number of matching features and of their areas; of hidden counts, small ones alone are told of."""
    occupied = sum(1 for row in counts.areas if row["count"] and counts.hidden.get(row["key"]) != BESIDE)
    return {"areas_with_any": occupied} if counts.hides else {"matched": counts.matched, "areas_with_any": occupied}
