"""Whether buildings stand in the way between an eye and a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import numpy as np
import shapely

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import GEOMETRY, Clause, bind, columns_in, compose
from layers.coordinates.crs import STORED_SRID
from layers.coordinates.district_crs import to_degrees, to_metres
from layers.errors import TooMuch
from layers.read.relation import relation
from layers.read.rights import scoped
from layers.types import Geometries, Mask, Points
from twin.join.metres import Lengths
from twin.surroundings.places import plain_value

BUILDINGS = "buildings"
FLOOR_M = 3.0
OBSTACLES_MAX = 5_000
_GRAZED_M = 0.01  # a sight line that only touches a corner passes: seven decimals of a degree are known to a centimetre
_MOUNTED_M = 5.0  # so much of the building that a camera hangs on, or that a place is at the wall of, does not count


@dataclass(frozen=True, slots=True)
class Obstacles:
    """Buildings.

    Attributes
    ----------
    ids
        `m` ids.
    shapes
        `[m]` footprints in the measuring plane.
    height_m
        `[m]` above the ground; NaN where it is not known.
    """

    ids: tuple[str, ...]
    shapes: Geometries
    height_m: Lengths


@dataclass(frozen=True, slots=True)
class Blocked:
    """The first building in the way; `certain` says whether its height is known."""

    building: str
    certain: bool


async def read_obstacles(
    connection: asyncpg.Connection, catalog: Catalog, actor: Actor, eyes_m: Points, place_m: Points
) -> tuple[Obstacles, Layer | None]:
    """Return the buildings between eyes `[n, 2]` and a place `[1, 2]`, as the actor sees them; and their layer.

    There are none where the actor may not see buildings.

    Raises
    ------
    TooMuch
        When there are more than `OBSTACLES_MAX`: without all of them nobody knows what is seen.
    """
    layer = catalog.find(BUILDINGS, actor)
    if layer is None or not len(eyes_m):
        return Obstacles((), np.zeros(0, dtype=object), np.zeros(0)), None
    text, values = obstacles_clause(layer, actor, sight_lines(eyes_m, place_m)).render()
    rows = await connection.fetch(text, *values)
    if len(rows) > OBSTACLES_MAX:
        raise TooMuch(
            f"more than {OBSTACLES_MAX:,} buildings lie across the sight lines; ask for a smaller max_m, or "
            "occlusion=false",
            parameter="max_m",
        )
    shapes = shapely.from_wkb(np.array([row["wkb"] for row in rows], dtype=object))
    height_m = np.array([row["height_m"] for row in rows], dtype=np.float64)
    return Obstacles(tuple(row["id"] for row in rows), shapely.transform(shapes, to_metres), height_m), layer


def sight_lines(eyes_m: Points, place_m: Points) -> Geometries:
    """Return the lines from eyes `[n, 2]` to one place `[1, 2]`, or to one each, in the measuring plane."""
    ends = np.broadcast_to(place_m, eyes_m.shape)
    lines: Geometries = shapely.linestrings(np.stack([eyes_m, ends], axis=1))
    return lines


def obstacles_clause(layer: Layer, actor: Actor, lines_m: Geometries) -> Clause:
    """Build the statement: rows `id, wkb, height_m` of the buildings that sight lines cross."""
    height, floors = (plain_value(layer, actor, name, "float8") for name in ("height_m", "floors_above"))
    all_lines = shapely.to_wkb(shapely.multilinestrings(list(shapely.transform(lines_m, to_degrees))))
    sights = compose(f"ST_GeomFromWKB({{}}, {STORED_SRID})", bind(all_lines, "bytea"))
    crossing = compose("{} && {} AND ST_Intersects({}, {})", GEOMETRY, sights, GEOMETRY, sights)
    matching = scoped(layer, actor, crossing)
    return compose(
        f"""SELECT f.id, ST_AsBinary(f.geom) AS wkb, coalesce({height}, {floors} * {FLOOR_M}) AS height_m
        FROM {{}} WHERE {{}} ORDER BY f.id LIMIT {OBSTACLES_MAX + 1}""",
        relation(
            layer, actor, crossing, columns_in(matching.text, height, floors) if layer.definition.is_live else None
        ),
        matching,
    )


def first_blocks(
    obstacles: Obstacles, eyes_m: Points, eye_height_m: Lengths, place_m: Points, place_height_m: float
) -> Sequence[Blocked | None]:
    """Return, for each of `n` eyes, the building nearest to it that hides the place; None where nothing does.

    A building hides it where its top is above the sight line. The ground is taken as level.
    """
    lines = sight_lines(eyes_m, place_m)
    found: list[tuple[float, str, bool] | None] = [None] * len(eyes_m)
    if not len(obstacles.ids):
        return [None] * len(eyes_m)
    eye, building = shapely.STRtree(obstacles.shapes).query(lines, predicate="intersects")
    parts, pair = shapely.get_parts(shapely.intersection(lines[eye], obstacles.shapes[building]), return_index=True)
    eye, building = eye[pair], building[pair]
    begin, end, hides = _hiding(parts, eyes_m[eye], shapely.length(lines)[eye])
    height_m, eye_m, rise = obstacles.height_m[building], eye_height_m[eye], place_height_m - eye_height_m[eye]
    lowest_m = eye_m + rise * np.where(rise < 0, end, begin)
    hides &= np.isnan(height_m) | (height_m > lowest_m)
    for n in np.flatnonzero(hides).tolist():
        block = (float(begin[n]), obstacles.ids[building[n]], not np.isnan(height_m[n]))
        known = found[eye[n]]
        found[eye[n]] = block if known is None else min(known, block, key=lambda one: (not one[2], *one))
    return [None if one is None else Blocked(one[1], one[2]) for one in found]


def _hiding(parts: Geometries, eyes_m: Points, lengths_m: Lengths) -> tuple[Lengths, Lengths, Mask]:
    """Return where on its sight line, 0 to 1, each part of a building begins and ends, and which of them can hide.

    A part that only grazes the line hides nothing, nor does a short one at an end of it.
    """
    inside_m = shapely.length(parts)
    xy_m, part = shapely.get_coordinates(parts, return_index=True)
    far_m = np.hypot(*(xy_m - eyes_m[part]).T)
    begin_m, end_m = np.full(len(parts), np.inf), np.zeros(len(parts))
    np.minimum.at(begin_m, part, far_m)
    np.maximum.at(end_m, part, far_m)
    at_an_end = (begin_m <= _GRAZED_M) | (end_m >= lengths_m - _GRAZED_M)
    hides = (inside_m > _GRAZED_M) & ~(at_an_end & (inside_m <= _MOUNTED_M))
    whole_m = np.where(lengths_m > 0, lengths_m, 1)  # of an eye at the place itself nothing hides
    return begin_m / whole_m, end_m / whole_m, hides
