"""Clusters: many events of one class at one place in a short time are one incident.

An event founds a cluster when it and the unclustered events near it reach the number within some interval of the
window's length; it is then the cluster's anchor. A later event near the anchor, at most one window away from the
cluster's first or last event, joins it. An event belongs to at most one cluster, and never changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from math import hypot
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from twin.rules.limits import NAME, EventMatch, Level
from twin.rules.spans import Span

_PARENT = "cluster-"
_LATE_WINDOWS = 4  # an event more than this many windows older than the newest founds and joins no cluster


class ClusterRule(BaseModel):
    """The definition of a cluster.

    Attributes
    ----------
    match
        Selections of the events that count; empty means every event with a class.
    number, radius_m, window
        Least number of events, largest distance on the ground, longest time between them.
    same_grid
        Whether events of one grid count as near at any distance.
    level, severity
        Level in charge and severity of the parent event.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern=NAME)
    kind: Literal["cluster"]
    title_zh: str
    title_en: str
    enabled: bool = True
    match: tuple[EventMatch, ...] = ()
    number: int = Field(default=5, ge=2, le=1000)
    radius_m: float = Field(default=200, gt=0, le=10_000)
    window: Span = timedelta(minutes=30)
    same_grid: bool = True
    level: Level = "street"
    severity: str | None = None


class ClusterPoint(NamedTuple):
    """An event as a point of a cluster, in metres of the measuring plane."""

    event_id: str
    event_class: str
    at: datetime
    x_m: float
    y_m: float
    grid_code: str | None


class Cluster(NamedTuple):
    """An open cluster.

    Attributes
    ----------
    anchor
        The event that founded it; the others are near it.
    size
        Number of its events.
    number
        Number of versions of the parent event.
    """

    parent_id: str
    anchor: ClusterPoint
    first_at: datetime
    last_at: datetime
    size: int
    number: int = 1


def near(a: ClusterPoint, b: ClusterPoint, rule: ClusterRule) -> bool:
    """Whether two events are at one place."""
    if rule.same_grid and a.grid_code is not None and a.grid_code == b.grid_code:
        return True
    return hypot(a.x_m - b.x_m, a.y_m - b.y_m) <= rule.radius_m


def founders(spot: ClusterPoint, lonely: Iterable[ClusterPoint], rule: ClusterRule) -> list[ClusterPoint]:
    """Return the events that form a cluster with `spot`, itself included, in the order of time; empty when too few.

    Of several intervals with the same number of events the earliest counts.
    """
    around = sorted(
        (other for other in lonely if abs(other.at - spot.at) <= rule.window and near(spot, other, rule)),
        key=lambda other: (other.at, other.event_id),
    )
    if len(around) + 1 < rule.number:
        return []
    candidates = sorted([*around, spot], key=lambda other: (other.at, other.event_id))
    intervals = (
        [other for other in candidates if first.at <= other.at <= first.at + rule.window]
        for first in candidates
        if first.at <= spot.at
    )
    most = max(intervals, key=len)
    return most if len(most) >= rule.number else []


def joins(spot: ClusterPoint, clusters: Iterable[Cluster], rule: ClusterRule) -> Cluster | None:
    """Return the cluster an event joins, of several the one with the smallest id; None when there is none."""
    fitting = (
        cluster
        for cluster in clusters
        if cluster.anchor.event_class == spot.event_class
        and cluster.first_at - rule.window <= spot.at <= cluster.last_at + rule.window
        and near(spot, cluster.anchor, rule)
    )
    return min(fitting, key=lambda cluster: cluster.parent_id, default=None)


class Gathering:
    """The events of one rule that may still found or join clusters.

    Attributes
    ----------
    lonely
        Unclustered events, by class and id.
    clusters
        Open clusters by the id of the parent event.
    """

    def __init__(
        self, rule: ClusterRule, lonely: Iterable[ClusterPoint] = (), clusters: Iterable[Cluster] = ()
    ) -> None:
        self.rule = rule
        self.lonely: dict[str, dict[str, ClusterPoint]] = {}
        self.clusters = {cluster.parent_id: cluster for cluster in clusters}
        self._newest: dict[str, datetime] = {}
        for spot in lonely:
            self._keep(spot)
        for cluster in self.clusters.values():
            self._note(cluster.anchor.event_class, cluster.last_at)

    def take(self, spot: ClusterPoint) -> tuple[Cluster, Sequence[ClusterPoint]] | None:
        """Take a new event.

        Returns
        -------
        tuple or None
            The cluster as it is now and its new events; None when the event stays unclustered.
        """
        newest = self._newest.get(spot.event_class)
        if newest is not None and spot.at < newest - _LATE_WINDOWS * self.rule.window:
            return None
        joined = joins(spot, self.clusters.values(), self.rule)
        if joined is not None:
            return self._join(joined, spot)
        found = founders(spot, self.lonely.get(spot.event_class, {}).values(), self.rule)
        if not found:
            self._keep(spot)
            return None
        for other in found:
            self.lonely.get(spot.event_class, {}).pop(other.event_id, None)
        self._note(spot.event_class, spot.at)
        cluster = Cluster(parent_of(self.rule, spot.event_id), spot, found[0].at, found[-1].at, len(found))
        self.clusters[cluster.parent_id] = cluster
        return cluster, found

    def forget(self, event_class: str) -> list[str]:
        """Drop events of a class that are too old for any event still to come; return their ids."""
        newest = self._newest.get(event_class)
        known = self.lonely.get(event_class, {})
        if newest is None:
            return []
        before = newest - (_LATE_WINDOWS + 1) * self.rule.window
        old = [event_id for event_id, spot in known.items() if spot.at < before]
        for event_id in old:
            del known[event_id]
        return old

    def _join(self, cluster: Cluster, spot: ClusterPoint) -> tuple[Cluster, Sequence[ClusterPoint]]:
        self._note(spot.event_class, spot.at)
        cluster = cluster._replace(
            first_at=min(cluster.first_at, spot.at),
            last_at=max(cluster.last_at, spot.at),
            size=cluster.size + 1,
            number=cluster.number + 1,
        )
        self.clusters[cluster.parent_id] = cluster
        return cluster, [spot]

    def _keep(self, spot: ClusterPoint) -> None:
        self.lonely.setdefault(spot.event_class, {})[spot.event_id] = spot
        self._note(spot.event_class, spot.at)

    def _note(self, event_class: str, at: datetime) -> None:
        self._newest[event_class] = max(at, self._newest.get(event_class, at))


def parent_of(rule: ClusterRule, anchor_id: str) -> str:
    """Return the id of a parent event; it follows from the rule and the founding event, so it is always the same."""
    return f"{_PARENT}{rule.name}-{anchor_id}"[:200]


def is_parent(event_id: str) -> bool:
    """Whether an event is the parent of a cluster."""
    return event_id.startswith(_PARENT)
