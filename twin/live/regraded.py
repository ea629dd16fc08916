"""Grades that were raised after a change was written: a change that is read late has the stricter grade."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

import asyncpg

from layers.catalog import Catalog
from twin.log.change import Change, is_whole

_GRADES = """
SELECT a.layer, a.id, onemap.grade_now(a.layer, a.id) AS grade FROM unnest($1::text[], $2::text[]) AS a (layer, id)
"""
_KEPT = 4_000  # frames

type Raised = Mapping[tuple[str, str], int]


async def grades_now(connection: asyncpg.Connection, changes: Iterable[Change]) -> Raised:
    """Return the present grades of the features of changes; unknown features are left out."""
    features = list({feature for change in changes if is_whole(change) for feature in _features(change)})
    if not features:
        return {}
    rows = await connection.fetch(_GRADES, *map(list, zip(*features, strict=True)))
    return {(row["layer"], row["id"]): row["grade"] for row in rows if row["grade"] is not None}


def regraded(change: Change, now: Raised) -> Change:
    """Return a change with the stricter of its grade and the present one; the change itself where that is its own."""
    grade = max((now.get(feature, 0) for feature in _features(change)), default=0) if is_whole(change) else 0
    if grade <= change.get("grade", grade):
        return change
    stricter = change.copy()
    stricter["grade"] = grade
    return stricter


def _features(change: Change) -> list[tuple[str, str]]:
    """Return the features of a change; those of a fence's are the mover and the area."""
    found = [(change["layer"], change["id"])]
    area = change.get("area_layer"), change.get("area_id")
    return [*found, area] if isinstance(area[0], str) and isinstance(area[1], str) else found  # type: ignore[list-item]


class Regrading:
    """Present grades by frame of the log, read again when a table of the frame's layers has changed.

    Many watchers that come back at once read the same frames, whose grades are read once.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[Sequence[int], Raised]] = OrderedDict()

    async def of(self, decoded: Sequence[tuple[int, Change]], catalog: Catalog, pool: asyncpg.Pool) -> Raised:
        """Return the present grades of the features of a frame."""
        changes = [change for _, change in decoded]
        layers = sorted({layer for change in changes if is_whole(change) for layer, _ in _features(change)})
        versions = [catalog[name].version if name in catalog else 0 for name in layers]
        first = decoded[0][0] if decoded else 0
        known = self._kept.get(first)
        if known is not None and known[0] == versions:
            return known[1]
        async with pool.acquire() as connection:
            now = await grades_now(connection, changes)
        self._kept[first] = versions, now
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return now
