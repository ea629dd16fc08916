"""Stored geometries in units of a tile, as SQL.

PostGIS clips and mends each polygon as if it crossed the tile's edge, which takes two thirds of a tile of buildings.
A small one without holes that lies inside is only moved onto the grid of units. Where it is thinner than a unit its
outline may then touch itself, an eighth of a pixel wide, which nobody sees and the format allows.
"""

from __future__ import annotations

from layers.clause import Clause, bind, compose
from tiles.address import BUFFER, EXTENT, TileAddress
from tiles.sheet import MapSheet

_SMALL_POINTS = 32  # of an outline with more, points between two units are worth leaving out, which PostGIS does
_THIN_UNITS2 = 64  # a smaller area may be nothing but its outline, and has to be mended


def fitted(tile: TileAddress | MapSheet, rows: Clause, names: str, *, areas: bool) -> Clause:
    """Build a statement of the rows of another one with `geom` in units of the tile; null where nothing is left of it.

    Parameters
    ----------
    rows
        A statement with a column `geom` in stored coordinates.
    names
        Its other columns, over the alias `c`.
    areas
        Whether the geometries are polygons.
    """
    clipped = compose(f"ST_AsMVTGeom({tile.drawn('c.geom')}, {{}}, {EXTENT}, {BUFFER})", tile.square())
    if not (areas and tile.is_straight):
        return compose(f"SELECT {{}} AS geom, {names} FROM ({{}}) AS c OFFSET 0", clipped, rows)
    return compose(
        f"""SELECT CASE WHEN ST_Area(c.placed) > {_THIN_UNITS2} THEN ST_ForcePolygonCCW(c.placed) ELSE {{}} END AS geom,
            {names}
        FROM ({{}}) AS c OFFSET 0""",
        clipped,
        compose("SELECT c.*, {} AS placed FROM ({}) AS c OFFSET 0", _placed(tile), rows),
    )


def _placed(tile: TileAddress | MapSheet) -> Clause:
    """Write the geometry moved onto the grid of units, if it is small, without holes and inside; null otherwise.

    Units grow southwards, so a ring that goes round to the left here goes round to the right on the screen.
    """
    west, south, east, north = tile.box()
    across, down = EXTENT / (east - west), EXTENT / (south - north)
    numbers = (across, down, -west * across, -north * down)
    return compose(
        f"""CASE WHEN ST_NPoints(c.geom) <= {_SMALL_POINTS} AND ST_NRings(c.geom) = 1 AND c.geom @ {{}}
        THEN ST_SnapToGrid(ST_Affine(c.geom, {{}}, 0, 0, {{}}, {{}}, {{}}), 1) END""",
        tile.square(),
        *(bind(number, "float8") for number in numbers),
    )
