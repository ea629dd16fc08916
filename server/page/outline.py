"""The outline of the district, by audience; it frames the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.database.connection import in_our_words
from layers.read.outline import outline_of

DISTRICTS = "districts"  # the layer of the outline
_KEPT_MAX = 64
type Connection = asyncpg.Connection | asyncpg.Pool


@dataclass(frozen=True, slots=True)
class Outline:
    """The frame of the map; all attributes are None when the actor sees no district.

    Attributes
    ----------
    outline
        GeoJSON polygon or multipolygon, CRS84.
    """

    names: str | None = None
    outline: dict[str, Any] | None = None
    extent_crs84: tuple[float, float, float, float] | None = None


class Outlines:
    """A cache of outlines, by version of the districts and audience."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], Outline] = {}

    async def of(self, connection: Connection, catalog: Catalog, actor: Actor) -> Outline:
        """Return the outline for an actor; empty when the actor sees no district."""
        if DISTRICTS not in catalog.visible_ids(actor):
            return Outline()
        layer = catalog.visible(DISTRICTS, actor)
        if not layer.row_count:
            return Outline()
        key = layer.version, actor.audience
        if key not in self._kept:
            found = await _read(connection, layer, actor)
            if len(self._kept) >= _KEPT_MAX:
                self._kept.clear()
            self._kept[key] = found
        return self._kept[key]


async def _read(connection: Connection, layer: Layer, actor: Actor) -> Outline:
    text, values = outline_of(layer, actor).render()
    with in_our_words():
        row = await connection.fetchrow(text, *values)
    outline = orjson.loads(row["outline"]) if row["outline"] else None
    return Outline(row["names"], outline, layer.extent_crs84)
