"""Which grid each of many points lies in, found in memory; `onemap.place_at` says the same of one, and of all others.

Only what is certain is answered: a point inside a current grid with a code of 15 digits, whose first 12 are its area.
The rest (outside every grid, codes of another kind) is left to the database.
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
        Of each grid its code, null where it is not one of 15 digits.
    version
        The version of the layer `grids` they were read at.
    """

    grids: Areas
    codes: pa.Array
    version: int

    def locate(self, points: Geometries) -> pa.Array:
        """Find the grid of each point `[n]`: the smallest code of those that cover it, null where none surely does."""
        grid = self.grids.first(np.column_stack([shapely.get_x(points), shapely.get_y(points)]))
        known = grid >= 0
        return self.codes.take(pa.array(np.where(known, grid, 0), mask=~known))


def placed_fields(definition: LayerDefinition) -> dict[str, str] | None:
    """Say which fields of a layer are a grid or an area of its point, by what they derive.

    Returns
    -------
    dict or None
        None where the layer derives anything else or nothing, or holds no points: the database does it all.
    """
    derived = {f.derived: f.name for f in definition.fields if f.derived}
    if definition.geometry_type not in {"Point", "Geometry"} or not derived or not derived.keys() <= _FIELDS:
        return None
    return {str(k): v for k, v in derived.items()}


async def read_places(connection: asyncpg.Connection) -> GridIndex | None:
    """Read the current grids; None where there are none."""
    if await connection.fetchval("SELECT to_regclass('layer.grids') IS NULL"):
        return None
    version = await grids_version(connection)
    grids = await read_areas(connection, GRID.layer_id, GRID.code_field)
    if not len(grids):
        return None
    codes = [code if is_grid_code(code) else None for code in grids.codes]
    return GridIndex(grids, pa.array(codes, pa.string()), version)


async def grids_version(connection: asyncpg.Connection) -> int:
    """Tell the version of the layer `grids`; 0 where there is none."""
    return await connection.fetchval("SELECT version FROM onemap.layer WHERE id = 'grids'") or 0
