"""The current areas of a layer in memory, and which of them cover each of many points."""

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
    """Tell where there is no text."""
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
        When the first of them ceases to be valid; None when none is known to.
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
        """Find every area that covers a point, edges included.

        Parameters
        ----------
        lonlat
            `[n, 2]` degrees; NaN lies nowhere.

        Returns
        -------
        tuple
            `[k]` positions of points and `[k]` positions of areas, pair by pair.
        """
        point, area = self.tree.query(shapely.points(lonlat))  # boxes; the prepared surfaces decide
        inside = shapely.intersects_xy(self.polygons[area], lonlat[point, 0], lonlat[point, 1])
        return point[inside], area[inside]

    def first(self, lonlat: Points) -> Positions:
        """Find the one area each point `[n, 2]` belongs to: of those that cover it the smallest code; -1 for none."""
        point, area = self.covering(lonlat)
        smallest = np.full(len(lonlat), _UNCOVERED)
        np.minimum.at(smallest, point, area)
        smallest[smallest == _UNCOVERED] = -1
        return smallest


async def read_areas(connection: asyncpg.Connection, layer_id: str, code_field: str | None) -> Areas:
    """Read the current areas of a layer.

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
