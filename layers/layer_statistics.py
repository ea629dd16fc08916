"""Statistics and versions of a layer's rows, by data grade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson


@dataclass(frozen=True, slots=True)
class Statistics:
    """Number, extent (degrees: west, south, east, north) and time span of the rows of one data grade."""

    row_count: int
    extent_crs84: tuple[float, float, float, float] | None
    time_span: tuple[datetime, datetime] | None


class LayerVersion(NamedTuple):
    """A version of a layer and the time of its change; the later of two is the greater."""

    version: int
    changed_at: datetime


NEVER = LayerVersion(0, datetime.fromtimestamp(0, UTC))
"""The version of a layer of which an actor has seen no change."""


def statistics_by_grade(text: str) -> Mapping[int, Statistics]:
    """Return the statistics that the catalogue keeps as JSON, by grade."""
    return MappingProxyType({int(grade): _statistics(of) for grade, of in orjson.loads(text).items()})


def _statistics(of: Mapping[str, Any]) -> Statistics:
    span = (datetime.fromisoformat(of["from"]), datetime.fromisoformat(of["to"])) if of["from"] else None
    return Statistics(of["rows"], tuple(of["extent"]) if of["extent"] else None, span)


def merge_statistics(parts: Sequence[Statistics]) -> Statistics:
    """Return the statistics of the rows of several grades together; of none, no rows."""
    extents = [of.extent_crs84 for of in parts if of.extent_crs84]
    spans = [of.time_span for of in parts if of.time_span]
    return Statistics(
        sum(of.row_count for of in parts),
        _around(extents) if extents else None,
        (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None,
    )


def _around(extents: Sequence[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    west, south, east, north = zip(*extents, strict=True)
    return min(west), min(south), max(east), max(north)
