"""The data grade of each change, by which streams hide it from subscribers that may not see its feature."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from layers.catalog import Catalog, Layer
from twin.log.change import Change

UNKNOWN = 4  # of features of no layer: nobody may see them
_VERSIONS = "SELECT id, table_version FROM onemap.layer WHERE id = ANY ($1::text[])"


@dataclass(slots=True)
class Grades:
    """Grades of features, read once a process for each version of a layer's table.

    Attributes
    ----------
    exceptions
        By layer: the version at which they were read, and the features whose grade is not their layer's.
    seen
        By layer: the version of its last change; a table is read whole when it is met a second time unchanged.
    """

    exceptions: dict[str, tuple[int, dict[str, int]]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)

    async def assign(self, connection: asyncpg.Connection, catalog: Catalog, changes: Sequence[Change]) -> None:
        """Set `grade` of each change; to be called in the transaction that writes them."""
        by_layer: dict[str, list[Change]] = defaultdict(list)
        for change in changes:
            by_layer[change["layer"]].append(change)
        versions = {row[0]: row[1] for row in await connection.fetch(_VERSIONS, list(by_layer))}
        for layer_id, here in by_layer.items():
            layer, unusual = catalog.get(layer_id), dict[str, int]()
            if layer is not None and "data_grade" in layer.definition.by_name:
                ids = [change["id"] for change in here]
                unusual = await self._unusual(connection, layer, versions.get(layer_id, 0), ids)
            _assign(here, layer, unusual)

    async def _unusual(
        self, connection: asyncpg.Connection, layer: Layer, version: int, ids: Sequence[str]
    ) -> dict[str, int]:
        """Return features whose grade is not the layer's: all of a table that rests, else those of `ids`."""
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


def _assign(changes: Sequence[Change], layer: Layer | None, unusual: Mapping[str, int]) -> None:
    """Set the grade of changes of one layer: the strictest of the feature, the position or property, and the change.

    Parameters
    ----------
    unusual
        Grades of the features whose grade is not their layer's.
    """
    usual, moving, observed = UNKNOWN, UNKNOWN, dict[str, int]()
    if layer is not None:
        motion = layer.definition.motion
        usual, moving = layer.definition.grade, motion.grade if motion else 0
        observed = layer.definition.observed_grades
    for change in changes:
        if change["kind"] == "position":
            own = moving
        else:
            own = observed.get(change["property"], 0) if change["kind"] == "observation" else 0
        grade = unusual.get(change["id"], usual) if unusual else usual
        change["grade"] = max(grade, own, change.get("grade", 0))
