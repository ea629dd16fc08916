"""The data grade of each change: what its feature has, so that streams can keep it from those who may not see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        layer_ids = {change["layer"] for change in changes}
        versions = {row[0]: row[1] for row in await connection.fetch(_VERSIONS, list(layer_ids))}
        known: dict[str, _Known] = {}
        for layer_id in layer_ids:
            layer, unusual = catalog.get(layer_id), dict[str, int]()
            if layer is not None and "data_grade" in layer.definition.by_name:
                wanted = [change["id"] for change in changes if change["layer"] == layer_id]
                version = versions.get(layer_id, 0)
                unusual = await self._unusual(connection, layer, version, wanted)
            known[layer_id] = _Known.of(layer, unusual)
        for change in changes:
            change["grade"] = known[change["layer"]].grade(change)

    async def _unusual(
        self, connection: asyncpg.Connection, layer: Layer, version: int, ids: Sequence[str]
    ) -> dict[str, int]:
        """Return the features that have another grade: all of a table that rests, else those that are asked for."""
        layer_id, table, usual = layer.id, layer.table, layer.definition.grade
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


@dataclass(frozen=True, slots=True)
class _Known:
    """What decides of a layer: the grade of its features, and of what changes say of them.

    Attributes
    ----------
    unusual
        Of the features whose grade is not the layer's.
    observed
        By property, where a graded field shows it.
    """

    usual: int
    unusual: Mapping[str, int]
    moving: int
    observed: Mapping[str, int]

    @classmethod
    def of(cls, layer: Layer | None, unusual: Mapping[str, int]) -> _Known:
        if layer is None:
            return cls(UNKNOWN, unusual, UNKNOWN, {})
        shown = layer.definition
        return cls(shown.grade, unusual, shown.motion.grade if shown.motion else 0, shown.observed_grades)

    def grade(self, change: dict[str, Any]) -> int:
        of_content = self.moving if change["kind"] == "position" else self.observed.get(change.get("property", ""), 0)
        of_feature = self.unusual.get(change["id"], self.usual)
        of_writer: int = change.get("grade", 0)  # known to who writes the change
        return max(of_feature, of_content, of_writer)
