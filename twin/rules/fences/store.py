"""Stays and transitions in PostGIS, and the last positions of movers that are not in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import isnan
from typing import Any, cast

import asyncpg

from twin.log.change import FenceChange
from twin.rules.fences.definition import Fence
from twin.rules.fences.tracker import FenceEvent, PositionFix, StayKey, TrackedStay, Tracker
from twin.rules.fences.transition import Stay

KEPT = timedelta(days=90)
_STAYS = "SELECT * FROM twin.fence_stay WHERE fence = $1"
_KEEP = """
INSERT INTO twin.fence_stay (fence, mover, area_id, phase, since, counts_from, fixes, left_at, dwelt, seen_at)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::integer[],
    $8::timestamptz[], $9::boolean[], $10::timestamptz[])
ON CONFLICT (fence, mover, area_id) DO UPDATE SET phase = excluded.phase, since = excluded.since,
    counts_from = excluded.counts_from, fixes = excluded.fixes, left_at = excluded.left_at, dwelt = excluded.dwelt,
    seen_at = excluded.seen_at
"""
_DROP = """
DELETE FROM twin.fence_stay AS kept USING unnest($2::text[], $3::text[]) AS gone (mover, area_id)
WHERE kept.fence = $1 AND kept.mover = gone.mover AND kept.area_id = gone.area_id
"""
_TELL = """
INSERT INTO twin.fence_transition (fence, action, at, since, layer, mover, area_layer, area_id, area_name, lon, lat,
    grid_code, area_code, grade)
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[],
    $7::text[], $8::text[], $9::text[], $10::float8[], $11::float8[], $12::text[], $13::text[], $14::smallint[])
"""
_BEFORE = """
SELECT m.id, p.phenomenon_time, p.lon, p.lat, p.grid_code, p.area_code
FROM unnest($2::text[], $3::timestamptz[]) AS m (id, at)
CROSS JOIN LATERAL (SELECT * FROM twin.position AS h WHERE h.layer = $1 AND h.id = m.id
    AND h.phenomenon_time < m.at AND h.phenomenon_time >= m.at - $4::interval
    ORDER BY h.phenomenon_time DESC LIMIT 1) AS p
"""
_FORGET = "DELETE FROM twin.fence_transition WHERE decided_at < now() - $1::interval"
_COLUMNS = ("fence", "action", "at", "since", "layer", "mover", "area_layer", "area_id", "area_name", "lon", "lat",
            "grid_code", "area_code", "grade")  # fmt: skip


async def read_stays(connection: asyncpg.Connection, fence: str) -> dict[StayKey, TrackedStay]:
    """Return the stays of a set of fences."""
    stays = {}
    for row in await connection.fetch(_STAYS, fence):
        stay = Stay(*(row[name] for name in Stay._fields))
        stays[row["mover"], row["area_id"]] = TrackedStay(stay, row["seen_at"])
    return stays


async def write_stays(connection: asyncpg.Connection, tracker: Tracker) -> None:
    """Write the stays that have changed, in the open transaction."""
    name, changed = tracker.fence.name, sorted(tracker.changed)
    kept = [(*key, *tracker.stays[key].stay, tracker.stays[key].seen_at) for key in changed if key in tracker.stays]
    gone = [key for key in changed if key not in tracker.stays]
    if kept:
        await connection.execute(_KEEP, name, *(list(column) for column in zip(*kept, strict=True)))
    if gone:
        await connection.execute(_DROP, name, *(list(column) for column in zip(*gone, strict=True)))


async def tell(connection: asyncpg.Connection, transitions: Sequence[Mapping[str, Any]]) -> None:
    """Write transitions, in the open transaction."""
    if transitions:
        rows = [[transition[column] for column in _COLUMNS] for transition in transitions]
        await connection.execute(_TELL, *(list(column) for column in zip(*rows, strict=True)))


async def fixes_before(
    connection: asyncpg.Connection, layer: str, first: Mapping[str, datetime], within: timedelta
) -> list[PositionFix]:
    """Return the last position of each mover before a time; movers without one within `within` are left out."""
    rows = await connection.fetch(_BEFORE, layer, list(first), list(first.values()), within)
    return [PositionFix(*row) for row in rows]


def transition_of(fence: Fence, event: FenceEvent, grade: int) -> dict[str, Any]:
    """Return the record of a transition.

    Parameters
    ----------
    grade
        Data grade of the mover; the stricter of it and the fence's counts.
    """
    fix = event.fix
    return {
        "fence": fence.name,
        "action": event.report.action,
        "at": event.report.at,
        "since": event.report.since,
        "layer": fence.movers.layer,
        "mover": fix.mover,
        "area_layer": fence.areas.layer,
        "area_id": event.area.area_id,
        "area_name": event.area.name,
        "lon": None if isnan(fix.lon) else fix.lon,
        "lat": None if isnan(fix.lat) else fix.lat,
        "grid_code": fix.grid_code,
        "area_code": fix.area_code,
        "grade": max(grade, event.area.grade),
    }


def change_of(transition: Mapping[str, Any]) -> FenceChange:
    """Return the entry of the change log: a change of kind `fence` of the mover."""
    moved = {"mover": "id", "at": "phenomenon_time"}
    members = {moved.get(name, name): value for name, value in transition.items()}
    return cast("FenceChange", {"kind": "fence", **members})


async def forget(connection: asyncpg.Connection) -> None:
    """Drop transitions older than 90 days."""
    await connection.execute(_FORGET, KEPT)
