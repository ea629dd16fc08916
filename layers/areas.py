"""The areas of a layer that are in force, in memory, and those of them that cover each of many points."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg
import numpy as np
import shapely

from layers.clause import quote_identifier
from layers.schema.tables import table_of
from layers.tiers import in_force
from layers.types import Geometries, Mask, Points, Positions, Texts

_UNCOVERED = np.iinfo(np.int64).max


def missing(texts: Texts) -> Mask:
    """Mark the missing texts."""
    return np.asarray(texts == np.array(None), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Areas:
    """Areas at one moment.

    Attributes
    ----------
    codes
        `[m]` their codes in the order of the C collation.
    polygons
        `[m]` their surfaces in CGCS2000 degrees, prepared.
    ends_at
        The earliest end of validity of any of them; None when none has an end.
    """

    codes: Texts
    polygons: Geometries
    tree: shapely.STRtree
    ends_at: datetime | None = None

    @classmethod
    def of(cls, codes: Texts, polygons: Geometries, ends_at: datetime | None = None) -> Areas:
        """Index areas that are in the order of their codes."""
        shapely.prepare(polygons)
        return cls(codes, polygons, shapely.STRtree(polygons), ends_at)

    def __len__(self) -> int:
        return len(self.codes)

    def covering(self, lonlat: Points) -> tuple[Positions, Positions]:
        """Return every pair of a point and an area that covers it, edges included.

        Parameters
        ----------
        lonlat
            `[n, 2]` degrees; NaN lies nowhere.

        Returns
        -------
        tuple
            `[k]` positions of points and `[k]` positions of areas, pair by pair.
        """
        point, area = self.tree.query(shapely.points(lonlat))  # by boxes; the exact test follows
        inside = shapely.intersects_xy(self.polygons[area], lonlat[point, 0], lonlat[point, 1])
        return point[inside], area[inside]

    def first(self, lonlat: Points) -> Positions:
        """Return the one area of each point `[n, 2]`: the smallest code of those that cover it; -1 for none."""
        point, area = self.covering(lonlat)
        smallest = np.full(len(lonlat), _UNCOVERED)
        np.minimum.at(smallest, point, area)
        smallest[smallest == _UNCOVERED] = -1
        return smallest


async def read_areas(connection: asyncpg.Connection, layer_id: str, code_field: str | None) -> Areas:
    """Read the areas of a layer that are in force.

    Parameters
    ----------
    layer_id
        A layer with the fields `valid_to` and `superseded_at`.
    code_field
        The field that holds an area's code; where it is null, or None is given, the id is the code.
    """
    code = f"coalesce({quote_identifier(code_field)}, id)" if code_field else "id"
    rows = await connection.fetch(
        f"""SELECT {code} AS code, valid_to, ST_AsBinary(geom) AS wkb FROM {table_of(layer_id)} AS f
        WHERE {in_force().text} AND NOT ST_IsEmpty(geom)
        ORDER BY {code} COLLATE "C", id"""
    )
    codes = np.array([row["code"] for row in rows], dtype=object)
    polygons = shapely.from_wkb(np.array([row["wkb"] for row in rows], dtype=object))
    ends = [row["valid_to"] for row in rows if row["valid_to"] is not None]
    return Areas.of(codes, polygons, min(ends, default=None))
