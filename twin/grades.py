"""The data grade of each change: what its feature has, so that streams can keep it from those who may not see it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from layers.catalog import Catalog, Layer

UNKNOWN = 4  # what is in no layer is nobody's to see
_VERSIONS = "SELECT id, table_version FROM onemap.layer WHERE id = ANY ($1::text[])"


@dataclass(slots=True)
class Grades:
    """Grades of a process, read once for each version of a layer's table.

    Attributes
    ----------
    exceptions
        Layer to the version it was read at and the features whose grade is not their layer's.
    """

    exceptions: dict[str, tuple[int, dict[str, int]]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)

    async def tell(self, connection: asyncpg.Connection, catalog: Catalog, changes: Sequence[dict[str, Any]]) -> None:
        """Put `grade` into each change; to be called in the transaction that writes them."""
        ids: dict[str, list[str]] = defaultdict(list)
        for change in changes:
            ids[change["layer"]].append(change["id"])
        versions = {row[0]: row[1] for row in await connection.fetch(_VERSIONS, list(ids))}
        usual, unusual = {}, {}
        for layer_id, wanted in ids.items():
            layer = catalog.get(layer_id)
            usual[layer_id] = UNKNOWN if layer is None else layer.definition.grade
            graded = layer is not None and "data_grade" in layer.definition.by_name
            unusual[layer_id] = (
                await self._unusual(
                    connection, layer_id, layer.table, usual[layer_id], versions.get(layer_id, 0), wanted
                )
                if graded and layer is not None
                else {}
            )
        for change in changes:
            layer_id = change["layer"]
            now = unusual[layer_id].get(change["id"], usual[layer_id])
            stricter = change.get("grade", 0)  # known to who writes the change
            change["grade"] = max(now, stricter, _of_content(catalog.get(layer_id), change))

    async def _unusual(
        self, connection: asyncpg.Connection, layer_id: str, table: str, usual: int, version: int, ids: Sequence[str]
    ) -> dict[str, int]:
        """Return the features that have another grade: all of a table that rests, else those that are asked for."""
        known = self.exceptions.get(layer_id)
        if known is not None and known[0] == version:
            return known[1]
        if self.seen.get(layer_id) != version:
            self.seen[layer_id] = version
            rows = await connection.fetch(
                f"SELECT id, data_grade FROM {table} WHERE id = ANY ($1::text[]) AND data_grade <> $2", ids, usual
            )
            return {row[0]: row[1] for row in rows}
        rows = await connection.fetch(f"SELECT id, data_grade FROM {table} WHERE data_grade <> $1", usual)
        found = {row[0]: row[1] for row in rows}
        self.exceptions[layer_id] = version, found
        return found


def _of_content(layer: Layer | None, change: dict[str, Any]) -> int:
    """Return the grade of what a change says: a position, or an observation that a graded field shows."""
    if layer is None:
        return UNKNOWN
    if change["kind"] == "position":
        return layer.definition.motion.grade if layer.definition.motion else 0
    return layer.definition.observed_grades.get(change.get("property", ""), 0)
