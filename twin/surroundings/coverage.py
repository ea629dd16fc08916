"""How much of the roads of an area was swept or patrolled: the roads within reach of the tracks of movers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import numpy as np
import shapely

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, all_of, compose
from layers.coordinates.district_crs import to_metres
from layers.errors import BadInput, Forbidden, TooMuch
from layers.read.facts import position_fields, throughout
from layers.read.relation import relation
from layers.read.rights import rights_at, scoped, visible_fields
from layers.types import Geometries, Positions
from twin.join.metres import Lengths, MetrePoints
from twin.surroundings.area import KnownArea, within
from twin.surroundings.places import plain_value

POSITIONS_MAX = 200_000
ROADS_MAX = 20_000
SPAN_MAX = timedelta(days=7)
BUFFER_M_MAX = 100.0
STEP_M = 2.0
"""Roads are looked at every so many metres; the error of a piece is below that at each of its ends."""
_GAP = timedelta(minutes=5)
_JUMP_M = 500.0


@dataclass(frozen=True, slots=True)
class CoverageSpan:
    """When, and how wide one sweeps.

    Raises
    ------
    BadInput, TooMuch
        When it ends before it begins, is longer than `SPAN_MAX`, or wider than `BUFFER_M_MAX`.
    """

    start: datetime
    end: datetime
    buffer_m: float

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise BadInput("to is not after from; allowed are later times", parameter="to")
        if self.end - self.start > SPAN_MAX:
            raise TooMuch(f"from and to are {self.end - self.start} apart; at most {SPAN_MAX}", parameter="to")
        if not 0 < self.buffer_m <= BUFFER_M_MAX:
            raise BadInput(
                f"buffer_m is {self.buffer_m:g}; allowed are more than 0 up to {BUFFER_M_MAX:g}", parameter="buffer_m"
            )


@dataclass(frozen=True, slots=True)
class Tracks:
    """The ways of movers.

    Attributes
    ----------
    lines
        `[k]` LineStrings, or single points, in the measuring plane; a way is cut where nothing is known for 5 minutes.
    movers, positions
        Their numbers.
    """

    lines: Geometries
    movers: int
    positions: int


@dataclass(frozen=True, slots=True)
class CoveredRoads:
    """The roads of an area, those with the most left to do first.

    Attributes
    ----------
    ids
        `n` ids.
    length_m, covered_m
        `[n]` metres on the ground within the area.
    """

    ids: tuple[str, ...]
    length_m: Lengths
    covered_m: Lengths


def movers_throughout(layer: Layer, actor: Actor, span: CoverageSpan) -> Layer:
    """Return a layer of movers of which the positions of a span are read, as the actor may look back at them.

    Raises
    ------
    BadInput
        When its features do not move.
    Forbidden
        When the actor may not look back at where they were, or is shown it roughly.
    """
    if layer.definition.motion is None:
        raise BadInput(f"'{layer.id}' does not move; ask for vehicles or grid_workers", parameter="layer")
    past = throughout(layer, actor, "position", span.start, span.end)
    time = position_fields(past.definition)["phenomenon_time"]
    if any(case.geometry != "full" or case.showing(time) != "full" for case in rights_at(past, actor).cases):
        raise Forbidden(f"you may see only roughly where '{layer.id}' was, or when", parameter="layer")
    return past


async def read_tracks(connection: asyncpg.Connection, past: Layer, actor: Actor, types: Clause | None) -> Tracks:
    """Read where movers were, as far as the actor may look back at each: of some of them, or in some areas.

    Parameters
    ----------
    past
        The layer throughout a span (`movers_throughout`).
    types
        A condition on movers; None is all.

    Raises
    ------
    TooMuch
        When there are more than `POSITIONS_MAX` positions.
    """
    text, values = tracks_clause(past, actor, types).render()
    row = await connection.fetchrow(text, *values)
    ids, times = np.array(row["id"] or [], dtype=object), np.array(row["at"] or [], dtype=np.float64)
    if len(ids) > POSITIONS_MAX:
        raise TooMuch(f"there are more than {POSITIONS_MAX} positions; ask for a shorter time", parameter="to")
    lonlat = np.array([row["lon"] or [], row["lat"] or []], dtype=np.float64).T
    return Tracks(_lines(ids, times, lonlat), len(set(ids.tolist())), len(ids))


def tracks_clause(past: Layer, actor: Actor, types: Clause | None) -> Clause:
    """Build the statement: one row of arrays `id, at` (seconds) `, lon, lat` in the order of ways."""
    shown = {field.definition.name: field.expression for field in visible_fields(past, actor)}
    time = shown[position_fields(past.definition)["phenomenon_time"]]
    where = all_of((Clause("f.geom IS NOT NULL"), types or EMPTY))
    return compose(
        f"""SELECT array_agg(r.id) AS id, array_agg(r.at) AS at, array_agg(r.lon) AS lon, array_agg(r.lat) AS lat
        FROM (SELECT f.id, extract(epoch FROM {time})::float8 AS at, ST_X(f.geom) AS lon, ST_Y(f.geom) AS lat
            FROM {{}} WHERE {{}} ORDER BY f.id, at LIMIT {POSITIONS_MAX + 1}) AS r""",
        relation(past, actor, where),
        scoped(past, actor, where),
    )


def _lines(ids: Positions, at_s: Lengths, lonlat: Lengths) -> Geometries:
    """Return the ways between positions that follow each other."""
    if not len(ids):
        return np.zeros(0, dtype=object)
    xy_m = to_metres(lonlat)
    far = np.hypot(*np.diff(xy_m, axis=0).T) > _JUMP_M
    new = np.append(True, (ids[1:] != ids[:-1]) | (np.diff(at_s) > _GAP.total_seconds()) | far)
    way = np.cumsum(new) - 1
    twice = np.repeat(np.arange(len(ids)), np.where(np.bincount(way)[way] == 1, 2, 1))  # a line needs two places
    lines: Geometries = shapely.linestrings(xy_m[twice], indices=way[twice])
    return lines


async def read_area_roads(
    connection: asyncpg.Connection, layer: Layer, actor: Actor, area: KnownArea, classes: Sequence[str]
) -> tuple[tuple[str, ...], Geometries]:
    """Return the ids and the lines of the roads of an area, within it, in the measuring plane.

    Raises
    ------
    TooMuch
        When there are more than `ROADS_MAX`.
    """
    kind = plain_value(layer, actor, "road_class", "text")
    chosen = Clause(f"{kind} = ANY (?0::text[])", (list(classes),)) if classes else EMPTY
    where = all_of((within(layer, area), chosen))
    text, values = compose(
        f"""SELECT f.id, ST_AsBinary(ST_Intersection(f.geom, {{}})) AS wkb FROM {{}} WHERE {{}}
        ORDER BY f.id LIMIT {ROADS_MAX + 1}""",
        area.geometry,
        relation(layer, actor, where),
        scoped(layer, actor, where),
    ).render()
    rows = await connection.fetch(text, *values)
    if len(rows) > ROADS_MAX:
        raise TooMuch(f"there are more than {ROADS_MAX} roads; ask for a smaller area", parameter="area")
    lines = shapely.from_wkb(np.array([row["wkb"] for row in rows], dtype=object))
    return tuple(row["id"] for row in rows), shapely.transform(lines, to_metres)


def cover(ids: Sequence[str], lines: Geometries, tracks: Tracks, buffer_m: float) -> CoveredRoads:
    """Return how much of each road lies within `buffer_m` of any way; what was passed twice counts once."""
    parts, road = shapely.get_parts(lines, return_index=True)
    usable = shapely.length(parts) > 0
    parts, road = parts[usable], road[usable]
    plane_m = shapely.length(parts)
    count = np.maximum(np.ceil(plane_m / STEP_M).astype(np.int64), 1)
    part = np.repeat(np.arange(len(parts)), count)
    number = np.arange(len(part)) - np.repeat(np.cumsum(count) - count, count)
    middles = shapely.line_interpolate_point(parts[part], (number + 0.5) / count[part], normalized=True)
    xy_m = shapely.get_coordinates(middles)
    scale = MetrePoints.scale_at(xy_m)
    is_near = np.zeros(len(part), dtype=np.bool_)
    if len(tracks.lines) and len(part):
        near, _ = _pieces(tracks.lines).query(middles, predicate="dwithin", distance=buffer_m * scale)
        is_near[near] = True
    each_m = plane_m[part] / count[part] / scale
    length_m = np.bincount(road[part], each_m, minlength=len(ids))
    covered_m = np.bincount(road[part], each_m * is_near, minlength=len(ids))
    order = sorted(range(len(ids)), key=lambda n: (-round(float(length_m[n] - covered_m[n]), 1), ids[n]))
    order = [n for n in order if length_m[n] > 0]
    return CoveredRoads(tuple(ids[n] for n in order), length_m[order], covered_m[order])


def _pieces(lines: Geometries) -> shapely.STRtree:
    """Index ways by their straight pieces: a long way has a large box."""
    xy_m, way = shapely.get_coordinates(lines, return_index=True)
    follows = np.flatnonzero(way[:-1] == way[1:])
    return shapely.STRtree(shapely.linestrings(np.stack([xy_m[follows], xy_m[follows + 1]], axis=1)))
