"""Stored geometries in units of a tile, as SQL.

PostGIS clips and repairs each polygon as if it crossed the tile's edge, which takes two thirds of the time of a tile
of buildings. A small polygon without holes that lies inside is only moved onto the grid of units. Where it is thinner
than a unit, its outline may then touch itself; that is an eighth of a pixel, invisible and allowed by the format.
"""

from __future__ import annotations

from layers.clause import Clause, bind, compose
from tiles.address import BUFFER, EXTENT, TileAddress
from tiles.sheet import MapSheet

_SMALL_POINTS = 32  # with more, it pays to leave out points between two units, as PostGIS does
_THIN_UNITS2 = 64  # a smaller area may collapse to its outline, and has to be repaired


def fit_to_tile(tile: TileAddress | MapSheet, rows: Clause, names: str, *, areas: bool) -> Clause:
    """Build a statement of another statement's rows with `geom` in units of the tile, null where nothing is left of it.

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
        compose("SELECT c.*, {} AS placed FROM ({}) AS c OFFSET 0", _snap(tile), rows),
    )


def _snap(tile: TileAddress | MapSheet) -> Clause:
    """Write the geometry moved onto the grid of units if it is small, without holes and inside; null otherwise.

    Units grow southwards, so a ring that is counter-clockwise here is clockwise on the screen.
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
