"""Changed areas of layers, by which a cache decides whether its content is still valid.

The database records the boxes of every statement that writes a layer's table (`onemap.changed_area`), by the version
that the statement gave the layer. A drawing of a box at version V is still valid when no later change touches the box.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import asyncpg
import numpy as np
import numpy.typing as npt

from layers.catalog import Layer
from layers.types import BBox

_SLACK_DEG = 2e-5  # PostGIS compares boxes in single precision, rounded outwards: `&&` finds features a metre beyond
KEPT_CHANGES = 20_000  # of a layer, in memory; older changes count as changes anywhere
_READ = """
SELECT version, boxes FROM onemap.changed_area WHERE layer = $1 AND version > $2 ORDER BY version
"""


@dataclass(slots=True)
class _Changes:
    """The changes of one layer up to version `known`; complete since version `anywhere`."""

    known: int = 0
    anywhere: int = 0
    versions: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    boxes: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 4)))
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class ChangedAreas:
    """The changes of all layers, read on demand.

    Parameters
    ----------
    pool
        Connections in the reading role.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._layers: dict[str, _Changes] = {}

    def clear(self) -> None:
        """Drop all changes: their versions are of another database."""
        self._layers.clear()

    async def follow(self, layer: Layer) -> int:
        """Read the changes up to the layer's version, and return the version up to which they are known.

        A drawing made after this call is valid as of the returned version.
        """
        changes = self._layers.setdefault(layer.id, _Changes())
        if changes.known < layer.version:
            async with changes.reading:
                if changes.known < layer.version:
                    await self._read(layer, changes)
        return changes.known

    def is_current(self, layer_id: str, version: int, box: BBox) -> bool:
        """Whether no change after a version touches the box, as far as `follow` has read."""
        changes = self._layers.get(layer_id)
        if changes is None or version < changes.anywhere:
            return False
        if version >= changes.known:
            return True
        newer = changes.boxes[np.searchsorted(changes.versions, version, side="right") :]
        west, south, east, north = box[0] - _SLACK_DEG, box[1] - _SLACK_DEG, box[2] + _SLACK_DEG, box[3] + _SLACK_DEG
        touched = (newer[:, 0] <= east) & (newer[:, 2] >= west) & (newer[:, 1] <= north) & (newer[:, 3] >= south)
        return not bool(touched.any())

    async def _read(self, layer: Layer, changes: _Changes) -> None:
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_READ, layer.id, changes.known)
        versions, boxes = [changes.versions], [changes.boxes]
        for row in rows:
            if row["boxes"] is None:
                changes.anywhere, versions, boxes = row["version"], [], []
                continue
            sides = np.array(row["boxes"], dtype=np.float64).reshape(-1, 4)
            versions.append(np.full(len(sides), row["version"], dtype=np.int64))
            boxes.append(sides)
        changes.versions = np.concatenate(versions) if versions else np.empty(0, np.int64)
        changes.boxes = np.concatenate(boxes) if boxes else np.empty((0, 4))
        changes.known = max(layer.version, rows[-1]["version"] if rows else 0)
        if len(changes.versions) > KEPT_CHANGES:
            surplus = len(changes.versions) - KEPT_CHANGES
            changes.anywhere = int(changes.versions[surplus - 1])
            changes.versions, changes.boxes = changes.versions[surplus:], changes.boxes[surplus:]
