"""The outline of the district as one reader sees it: it frames the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import compose
from layers.database.connection import in_our_words
from layers.read.rights import scoped

DISTRICTS = "districts"  # the layer whose outlines frame the map
_TOLERANCE_DEG = 0.0001  # about 10 m: the outline is only a frame
_KEPT_MAX = 64
type Connection = asyncpg.Connection | asyncpg.Pool


@dataclass(frozen=True, slots=True)
class Outline:
    """What frames the map; all None when there is no district this reader may see.

    Attributes
    ----------
    outline
        GeoJSON polygon or multipolygon, degrees.
    """

    names: str | None = None
    outline: dict[str, Any] | None = None
    extent_crs84: tuple[float, float, float, float] | None = None


class Outlines:
    """Outlines, read once for each version of the districts and each audience."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], Outline] = {}

    async def of(self, connection: Connection, catalog: Catalog, actor: Actor) -> Outline:
        """Return the outline for a reader."""
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
    text, values = compose(
        f"""SELECT string_agg(f.name, '、' ORDER BY f.id) AS names,
            ST_AsGeoJSON(ST_SimplifyPreserveTopology(ST_Union(f.geom), {_TOLERANCE_DEG}), 5, 0) AS outline
        FROM {layer.table} AS f WHERE {{}}""",
        scoped(layer, actor),
    ).render()
    with in_our_words():
        row = await connection.fetchrow(text, *values)
    outline = orjson.loads(row["outline"]) if row["outline"] else None
    return Outline(row["names"], outline, layer.extent_crs84)
