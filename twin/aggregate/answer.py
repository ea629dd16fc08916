"""Counts by area in the forms of a response: with rates and z-scores, and with small numbers of persons hidden."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import orjson

from layers.actor import Actor
from layers.catalog import Layer
from layers.spreadsheet import cell

PERSON_LAYERS = frozenset({"grid_workers"})
"""Layers whose features are persons: neighbours could identify each of a few in one place."""
OFFICER_CLEARANCE = 3
SMALL = range(1, 5)
HIDDEN = "<5"
COLUMNS = (
    "code", "name", "count", "open", "overdue", "area_km2", "per_km2", "per_10k_pop", "baseline_mean", "z_score",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts by area.

    Attributes
    ----------
    areas
        Rows of the statement of `twin.aggregate.question`, ordered by key.
    matched
        Number of matching features, in and outside of the areas.
    """

    areas: Sequence[Mapping[str, Any]]
    matched: int


def hides_small(layer: Layer, actor: Actor) -> bool:
    """Whether counts of 1 to 4 are hidden from this actor."""
    return layer.id in PERSON_LAYERS and actor.clearance < OFFICER_CLEARANCE


def properties(row: Mapping[str, Any], *, hide: bool) -> dict[str, Any]:
    """Return the properties of an area, in the order of `COLUMNS`.

    `count` is ``"<5"`` where it is hidden, and all values that would reveal it are null.
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
    if hide and count in SMALL:
        revealing = dict.fromkeys(("open", "overdue", "per_km2", "per_10k_pop", "z_score"))
        return {**values, "count": HIDDEN, **revealing}
    return values


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def as_json(counts: Counts, head: Mapping[str, Any], *, hide: bool) -> bytes:
    """Return the rows as JSON."""
    rows = [properties(row, hide=hide) for row in counts.areas]
    return orjson.dumps({**head, **_totals(counts, hide=hide), "areas": rows})


def as_geojson(counts: Counts, head: Mapping[str, Any], *, hide: bool) -> bytes:
    """Return the rows as GeoJSON features, each with its area."""
    features = [
        {
            "type": "Feature",
            "id": row["id"],
            "geometry": orjson.Fragment(row["geometry"] or "null"),
            "properties": properties(row, hide=hide),
        }
        for row in counts.areas
    ]
    return orjson.dumps({"type": "FeatureCollection", **head, **_totals(counts, hide=hide), "features": features})


def as_csv(counts: Counts, *, hide: bool) -> bytes:
    """Return the rows as CSV in UTF-8 with a byte order mark, which spreadsheets need to read Chinese."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in counts.areas:
        writer.writerow([cell(value) for value in properties(row, hide=hide).values()])
    return b"\xef\xbb\xbf" + lines.getvalue().encode()


def _totals(counts: Counts, *, hide: bool) -> dict[str, Any]:
    """Return the number of matching features and of their areas; empty where that would reveal a hidden count."""
    occupied = sum(1 for row in counts.areas if row["count"])
    return {"areas_with_any": occupied} if hide else {"matched": counts.matched, "areas_with_any": occupied}
