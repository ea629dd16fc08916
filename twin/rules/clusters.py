"""Clusters over the log: events are gathered, parents made and closed with the last of their children."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import numpy as np

from twin.join.metres import MetrePoints
from twin.rules.cluster import Cluster, ClusterPoint, ClusterRule, Gathering, is_parent
from twin.rules.facts import Facts
from twin.rules.messages import child_message, closing_message, parent_message
from twin.rules.store import RuleWork, read_states

_PARENT = "parent:"
_CLASS_DIGITS = 4
_OVER = """
SELECT p.id, (SELECT max(coalesce(c.closed_at, c.phenomenon_time)) FROM layer.events AS c
    WHERE c.parent_event_id = p.id) AS closed_at
FROM unnest($1::text[]) AS p (id)
WHERE EXISTS (SELECT FROM layer.events AS c WHERE c.parent_event_id = p.id)
    AND NOT EXISTS (SELECT FROM layer.events AS c WHERE c.parent_event_id = p.id AND c.closed_at IS NULL
        AND coalesce(c.stage, '') NOT IN ('closed', 'voided', 'merged', 'evaluate'))
"""

type Place = tuple[float, float]


class Clusters:
    """Every rule of clusters, with its unclustered events and its open clusters."""

    def __init__(self) -> None:
        self._gatherings: dict[str, Gathering] = {}
        self._spots: dict[str, set[str]] = {}  # taken events by rule; later versions of them are not taken again

    async def use(self, connection: asyncpg.Connection, rules: Mapping[str, ClusterRule]) -> None:
        """Replace the rules; events and clusters are read again."""
        self._gatherings, self._spots = {}, {}
        states = await read_states(connection, list(rules))
        for name, rule in rules.items():
            own = [(subject, state) for of, subject, state, _ in states if of == name]
            clusters = [_read_cluster(state) for subject, state in own if subject.startswith(_PARENT)]
            spots = [(_read_spot(state), state["in"]) for subject, state in own if not subject.startswith(_PARENT)]
            lonely = [spot for spot, parent in spots if parent is None]
            self._gatherings[name] = Gathering(rule, lonely, clusters)
            self._spots[name] = {spot.event_id for spot, _ in spots}

    @property
    def open(self) -> dict[str, int]:
        """Number of open clusters, by rule."""
        return {name: len(gathering.clusters) for name, gathering in self._gatherings.items()}

    async def look(
        self,
        connection: asyncpg.Connection,
        known: Mapping[str, Facts],
        changes: Iterable[Mapping[str, Any]],
        work: RuleWork,
    ) -> None:
        """Take new events of the log in order, and close the parents whose children are all closed."""
        placed = {
            c["id"]: c for c in changes if c["id"] in known and c.get("lon") is not None and c.get("lat") is not None
        }
        if placed:
            metres = _metres([(change["lon"], change["lat"]) for change in placed.values()])
            for (event_id, change), xy_m in zip(placed.items(), metres, strict=True):
                self._take(known[event_id], change, xy_m, work)
        await self._close(connection, known, work)

    def _take(self, facts: Facts, change: Mapping[str, Any], xy_m: Place, work: RuleWork) -> None:
        is_alone = not (facts.is_over or is_parent(facts.event_id) or facts.parent_event_id)
        if facts.event_class is None or len(facts.event_class) != _CLASS_DIGITS or not is_alone:
            return  # two digits are no class: a gas leak and an open manhole are not one incident
        spot = ClusterPoint(facts.event_id, facts.event_class, facts.known_at, *xy_m, change.get("grid_code"))
        for name, gathering in self._gatherings.items():
            fits = not gathering.rule.match or any(match.fits(facts) for match in gathering.rule.match)
            if not fits or facts.event_id in self._spots[name]:
                continue
            self._spots[name].add(facts.event_id)
            found = gathering.take(spot)
            if found is None and spot.event_id in gathering.lonely.get(spot.event_class, {}):
                work.kept[name, spot.event_id] = _write_spot(spot, None), None
            elif found is not None:
                self._found(gathering.rule, *found, (change["lon"], change["lat"]), work)
            for old in gathering.forget(spot.event_class):
                self._spots[name].discard(old)
                work.kept[name, old] = None

    def _found(
        self, rule: ClusterRule, cluster: Cluster, children: Sequence[ClusterPoint], place: Place, work: RuleWork
    ) -> None:
        work.messages.append(parent_message(rule, cluster, place))
        for child in children:
            work.messages.append(child_message(rule, cluster, child))
            work.kept[rule.name, child.event_id] = _write_spot(child, cluster.parent_id), None
        work.kept[rule.name, _PARENT + cluster.parent_id] = _write_cluster(cluster), None

    async def _close(self, connection: asyncpg.Connection, known: Mapping[str, Facts], work: RuleWork) -> None:
        """Close parents by the children in PostGIS; parents of children decided just now wait."""
        parents = {facts.parent_event_id for facts in known.values() if facts.is_over and facts.parent_event_id}
        mine = {
            parent: (name, gathering)
            for name, gathering in self._gatherings.items()
            for parent in parents & gathering.clusters.keys()
        }
        for row in await connection.fetch(_OVER, list(mine)) if mine else []:
            name, gathering = mine[row["id"]]
            cluster = gathering.clusters.pop(row["id"])
            at = max(row["closed_at"], cluster.last_at)
            work.messages.append(closing_message(name, cluster.parent_id, cluster.number + 1, at))
            work.kept[name, _PARENT + cluster.parent_id] = None


def _metres(lonlat: Sequence[Place]) -> list[Place]:
    """Return places in metres of the measuring plane; 200 m differ by a centimetre from the ground."""
    return [(float(x), float(y)) for x, y in MetrePoints.of(np.array(lonlat, dtype=np.float64)).xy_m]


def _write_spot(spot: ClusterPoint, parent: str | None) -> dict[str, Any]:
    return spot._asdict() | {"in": parent}


def _read_spot(state: Mapping[str, Any]) -> ClusterPoint:
    return ClusterPoint(
        **{name: state[name] for name in ClusterPoint._fields} | {"at": datetime.fromisoformat(state["at"])}
    )


def _write_cluster(cluster: Cluster) -> dict[str, Any]:
    return cluster._asdict() | {"anchor": cluster.anchor._asdict()}


def _read_cluster(state: Mapping[str, Any]) -> Cluster:
    times = {name: datetime.fromisoformat(state[name]) for name in ("first_at", "last_at")}
    return Cluster(**{**state, **times, "anchor": _read_spot(state["anchor"])})
