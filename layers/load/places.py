"""The grids of many points, found in memory; `onemap.place_at` is the same for one point, and for all the others.

Only certain answers are given: for a point inside a grid in force with a code of 15 digits, whose first 12 are its
area. The database locates the others (outside every grid, or in a grid with another kind of code).
"""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
import numpy as np
import pyarrow as pa
import shapely

from layers.areas import Areas, read_areas
from layers.definition import LayerDefinition
from layers.tiers import GRID, is_grid_code
from layers.types import Geometries

_FIELDS = {"grid_of_point", "area_of_point"}


@dataclass(frozen=True, slots=True)
class GridIndex:
    """The grids at one moment.

    Attributes
    ----------
    codes
        The code of each grid, null where it has not 15 digits.
    version
        The version of the layer `grids` when they were read.
    """

    grids: Areas
    codes: pa.Array
    version: int

    def locate(self, points: Geometries) -> pa.Array:
        """Return the grid code of each point `[n]`: the smallest of those that cover it, null where none is certain."""
        grid = self.grids.first(np.column_stack([shapely.get_x(points), shapely.get_y(points)]))
        known = grid >= 0
        return self.codes.take(pa.array(np.where(known, grid, 0), mask=~known))


def placed_fields(definition: LayerDefinition) -> dict[str, str] | None:
    """Return the fields of a layer that hold the grid or the area of its point, by their derivation.

    Returns
    -------
    dict or None
        None where the layer derives other fields or none, or holds no points: the database derives them all.
    """
    derived = {f.derived: f.name for f in definition.fields if f.derived}
    if definition.geometry_type not in {"Point", "Geometry"} or not derived or not derived.keys() <= _FIELDS:
        return None
    return {str(k): v for k, v in derived.items()}


async def read_places(connection: asyncpg.Connection) -> GridIndex | None:
    """Read the grids in force; None where there are none."""
    if await connection.fetchval("SELECT to_regclass('layer.grids') IS NULL"):
        return None
    version = await grids_version(connection)
    grids = await read_areas(connection, GRID.layer_id, GRID.code_field)
    if not len(grids):
        return None
    codes = [code if is_grid_code(code) else None for code in grids.codes]
    return GridIndex(grids, pa.array(codes, pa.string()), version)


async def grids_version(connection: asyncpg.Connection) -> int:
    """Return the version of the layer `grids`; 0 where there is none."""
    return await connection.fetchval("SELECT version FROM onemap.layer WHERE id = 'grids'") or 0
