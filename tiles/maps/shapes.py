"""Features as shapes on a map, in pixels, read by the statements of the tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from layers.clause import compose, quote_identifier
from tiles.address import EXTENT
from tiles.sheet import MapSheet
from tiles.vector import Drawing, tile_rows

BYTES_MAX = 6_000_000  # of one layer's shapes on a map, as WKB; later shapes are left out

type StyleSource = tuple[str, str]  # a style's source, and the layer in it
type Shapes = Mapping[StyleSource, Sequence[Shape]]


@dataclass(frozen=True, slots=True)
class Shape:
    """A feature in pixels.

    Attributes
    ----------
    kind
        ``Point``, ``LineString`` or ``Polygon``, also of a multi-part geometry.
    geometry
        In pixels from the upper left corner of the sheet.
    """

    kind: str
    geometry: BaseGeometry
    properties: Mapping[str, Any]


async def read_shapes(pool: asyncpg.Pool, drawing: Drawing) -> dict[StyleSource, list[asyncpg.Record]]:
    """Read the features of a layer on a map, the most important first, as rows with WKB in `shape` for `shapes_of`."""
    found: dict[StyleSource, list[asyncpg.Record]] = {}
    for rows in tile_rows(drawing):
        columns = ", ".join(f"t.{quote_identifier(name)}" for name in rows.columns)
        statement = compose(
            f"SELECT ST_AsBinary(t.geom) AS shape, {columns} FROM ({{}}) AS t WHERE t.geom IS NOT NULL", rows.statement
        )
        text, values = statement.render()
        found[drawing.layer.id, rows.name] = _within_bytes(await pool.fetch(text, *values))
    return found


def _within_bytes(rows: list[asyncpg.Record]) -> list[asyncpg.Record]:
    sizes = np.cumsum([len(row["shape"]) for row in rows])
    return rows[: max(1, int(np.searchsorted(sizes, BYTES_MAX, side="right")))]


def shapes_of(rows: Sequence[asyncpg.Record], sheet: MapSheet) -> list[Shape]:
    """Turn rows into shapes; may take tenths of a second, so call it in a thread."""
    scale = np.array([sheet.area.width, sheet.area.height]) / EXTENT
    geometries = shapely.transform(shapely.from_wkb([row["shape"] for row in rows]), lambda units: units * scale)
    return [
        Shape(
            geometry.geom_type.removeprefix("Multi"),
            geometry,
            {name: value for name, value in row.items() if name != "shape" and value is not None},
        )
        for geometry, row in zip(geometries, rows, strict=True)
    ]
