"""What lies along a stretch of a waterway: by chainage, with flat ends, upstream or downstream from there too.

Chainage and side are computed from the places that the reader sees, also for layers that have no chainage of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import asyncpg
import numpy as np
import shapely
from shapely.ops import substring

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, compose
from layers.coordinates.district_crs import to_degrees, to_metres
from layers.errors import BadInput, NotFound, TooMuch
from layers.read.relation import relation
from layers.read.rights import scoped
from layers.types import Json, Texts
from twin.join.metres import MetrePoints
from twin.join.waterways import Waterways
from twin.surroundings.computed import ComputedFeatures
from twin.surroundings.ground import box_around
from twin.surroundings.places import plain_value, read_places
from twin.surroundings.spot import Spot

WATERWAYS = "waterways"
OFFSET_M_MAX, FOLLOW_M_MAX = 2_000.0, 50_000.0
FEATURES_MAX = 1_000
WATERWAYS_MAX = 50
EDGE_M = 0.01
"""What lies outside of the stretch by no more counts as inside: seven decimals are known to a centimetre."""

type Follow = Literal["none", "downstream", "upstream"]


@dataclass(frozen=True)
class RiverLine:
    """A waterway as a reader sees it.

    Attributes
    ----------
    line
        In CGCS2000 degrees, digitised downstream.
    start_m, width_m
        Chainage of its first vertex and its width; None where it is not known or hidden: chainage then begins at 0.
    downstream
        The id of the waterway that it flows into.
    """

    id: str
    name: str | None
    line: shapely.LineString
    start_m: float | None
    width_m: float | None
    downstream: str | None

    @cached_property
    def line_m(self) -> shapely.LineString:
        """Its line in the measuring plane."""
        return shapely.transform(self.line, to_metres)

    @cached_property
    def plane(self) -> Waterways:
        """The same alone in the measuring plane, to measure along it."""
        ids: Texts = np.array([self.id], dtype=object)
        line = np.array([self.line_m], dtype=object)
        half_m = max((self.width_m or 0) / 2, 0.5)
        return Waterways.of(ids, line, np.array([self.start_m or 0.0]), np.array([half_m]))

    @cached_property
    def ends_m(self) -> tuple[float, float]:
        """The chainage of its first and its last vertex."""
        start_m = self.start_m or 0.0
        return start_m, start_m + float(shapely.length(self.line_m))


@dataclass(frozen=True)
class Stretch:
    """A part of a waterway, by chainage."""

    waterway: RiverLine
    from_m: float
    to_m: float

    @cached_property
    def shape(self) -> shapely.LineString:
        """The part as a line in the measuring plane."""
        line, first_m = self.waterway.line_m, self.waterway.ends_m[0]
        return substring(line, max(self.from_m - first_m, 0), max(self.to_m - first_m, 0))


async def find_waterway(connection: asyncpg.Connection, layer: Layer, actor: Actor, waterway_id: str) -> RiverLine:
    """Return a waterway by its id or its river code.

    Raises
    ------
    NotFound
        When there is none that the actor may see.
    """
    code = plain_value(layer, actor, "river_code", "text")
    found, _ = await _read(connection, layer, actor, Clause(f"?0::text IN (f.id, {code})", (waterway_id,)))
    if not found:
        raise NotFound(f"there is no waterway '{waterway_id[:80]}'", parameter="waterway")
    return found[0]


async def _read(
    connection: asyncpg.Connection, layer: Layer, actor: Actor, where: Clause
) -> tuple[list[RiverLine], bool]:
    """Return waterways in the order of their ids, and whether there are no more."""
    names = (("name", "text"), ("chainage_start_m", "float8"), ("width_m", "float8"), ("downstream_code", "text"))
    values = ", ".join(f"{plain_value(layer, actor, name, kind)} AS {name}" for name, kind in names)
    text, bound = compose(
        f"""SELECT f.id, ST_AsBinary(f.geom) AS wkb, {values} FROM {{}} WHERE {{}}
        ORDER BY f.id COLLATE "C" LIMIT {WATERWAYS_MAX + 1}""",
        relation(layer, actor),
        scoped(layer, actor, where, Clause("ST_GeometryType(f.geom) = 'ST_LineString' AND NOT ST_IsEmpty(f.geom)")),
    ).render()
    rows = await connection.fetch(text, *bound)
    lines = [RiverLine(r["id"], r["name"], shapely.from_wkb(r["wkb"]), *tuple(r)[3:]) for r in rows[:WATERWAYS_MAX]]
    return lines, len(rows) <= WATERWAYS_MAX


def read_stretch(waterway: RiverLine, from_m: float | None, to_m: float | None) -> Stretch:
    """Return a part of a waterway; None is its end.

    Raises
    ------
    BadInput
        When it is empty, or beside the waterway.
    """
    first_m, last_m = waterway.ends_m
    begin_m, end_m = first_m if from_m is None else from_m, last_m if to_m is None else to_m
    allowed = f"{waterway.id} runs from {first_m:.0f} to {last_m:.0f} m"
    if not begin_m < end_m:
        raise BadInput(
            f"chainage_from_m is {begin_m:g} and chainage_to_m {end_m:g}; {allowed}", parameter="chainage_to_m"
        )
    if end_m < first_m or begin_m > last_m:
        raise BadInput(f"{begin_m:g} to {end_m:g} m is beside the waterway; {allowed}", parameter="chainage_from_m")
    return Stretch(waterway, max(begin_m, first_m), min(end_m, last_m))


@dataclass(frozen=True, slots=True)
class FollowedStretches:
    """A stretch, and what lies downstream or upstream of it.

    Attributes
    ----------
    is_whole
        Whether no waterway was left out; there are at most `WATERWAYS_MAX`.
    """

    parts: Sequence[Stretch]
    is_whole: bool


async def follow_stretch(
    connection: asyncpg.Connection, layer: Layer, actor: Actor, stretch: Stretch, follow: Follow, follow_m: float
) -> FollowedStretches:
    """Return a stretch, and what lies downstream or upstream of it within some metres, by `downstream_code`.

    Raises
    ------
    TooMuch
        When `follow_m` is longer than `FOLLOW_M_MAX`.
    """
    if follow_m > FOLLOW_M_MAX:
        raise TooMuch(f"follow_m is {follow_m:g}; at most {FOLLOW_M_MAX:g} is followed", parameter="follow_m")
    parts, is_whole = [stretch], True
    if follow != "none":
        go_on = _downstream if follow == "downstream" else _upstream
        parts, is_whole = await go_on(connection, layer, actor, stretch, follow_m)
    return FollowedStretches([part for part in parts if part.to_m > part.from_m], is_whole)


async def _downstream(
    connection: asyncpg.Connection, layer: Layer, actor: Actor, stretch: Stretch, follow_m: float
) -> tuple[list[Stretch], bool]:
    parts, seen, left_m, here = [stretch], {stretch.waterway.id}, follow_m, stretch
    while left_m > 0:
        last_m = here.waterway.ends_m[1]
        parts[-1] = Stretch(here.waterway, here.from_m, min(here.to_m + left_m, last_m))
        left_m -= last_m - here.to_m
        below = here.waterway.downstream
        if left_m <= 0 or below is None or below in seen:
            break
        found, _ = await _read(connection, layer, actor, Clause("f.id = ?0::text", (below,)))
        if not found:
            break
        if len(parts) >= WATERWAYS_MAX:
            return parts, False
        seen.add(below)
        mouth_m = _mouth(found[0], here.waterway)
        here = Stretch(found[0], mouth_m, mouth_m)
        parts.append(here)
    return parts, True


async def _upstream(
    connection: asyncpg.Connection, layer: Layer, actor: Actor, stretch: Stretch, follow_m: float
) -> tuple[list[Stretch], bool]:
    first_m, is_whole = stretch.waterway.ends_m[0], True
    parts = [Stretch(stretch.waterway, max(stretch.from_m - follow_m, first_m), stretch.to_m)]
    seen, open_parts = {stretch.waterway.id}, [(parts[0], stretch.from_m - follow_m)]
    code = plain_value(layer, actor, "downstream_code", "text")
    while open_parts:
        below, limit_m = open_parts.pop(0)
        found, all_read = await _read(connection, layer, actor, Clause(f"{code} = ?0::text", (below.waterway.id,)))
        is_whole = is_whole and all_read
        for one in found:
            mouth_m = _mouth(below.waterway, one)
            if one.id in seen or not below.from_m <= mouth_m <= below.to_m:
                continue
            if len(parts) >= WATERWAYS_MAX:
                return parts, False
            seen.add(one.id)
            start_m, end_m = one.ends_m
            left_m = min(mouth_m, stretch.from_m if below.waterway.id == stretch.waterway.id else mouth_m) - limit_m
            part = Stretch(one, max(end_m - left_m, start_m), end_m)
            parts.append(part)
            open_parts.append((part, end_m - left_m))
    return parts, is_whole


def _mouth(main: RiverLine, tributary: RiverLine) -> float:
    """Return the chainage on one waterway at which another flows into it."""
    line, other = (shapely.transform(one.line, to_metres) for one in (main, tributary))
    return main.ends_m[0] + float(shapely.line_locate_point(line, shapely.get_point(other, -1)))


def check_offset(offset_m: float) -> None:
    """Check how far beside a waterway features are sought.

    Raises
    ------
    BadInput, TooMuch
        When it is not above 0, or above `OFFSET_M_MAX`.
    """
    if not offset_m > 0:
        raise BadInput(
            f"offset_m is {offset_m:g}; allowed are more than 0 up to {OFFSET_M_MAX:g}", parameter="offset_m"
        )
    if offset_m > OFFSET_M_MAX:
        raise TooMuch(f"offset_m is {offset_m:g}; at most {OFFSET_M_MAX:g} is searched", parameter="offset_m")


async def stretch_impact(
    connection: asyncpg.Connection,
    actor: Actor,
    stretches: Sequence[Stretch],
    layers: Sequence[Layer],
    offset_m: float,
) -> ComputedFeatures:
    """Return the features whose nearest place on a waterway lies within its stretch, and that are near enough.

    In the order of the stretches, then downstream, then by distance and id. A feature of several stretches is told by
    the nearest one. At most `FEATURES_MAX` of each layer are read for each stretch.
    """
    best: dict[tuple[str, str], tuple[float, int, Json]] = {}
    is_whole = True
    for number, stretch in enumerate(stretches):
        middle, box = shapely.get_coordinates(to_spot(stretch))[0], box_around(stretch.shape, offset_m)
        spot = Spot(float(middle[0]), float(middle[1]))
        for layer in layers:
            places = await read_places(connection, layer, actor, spot, limit=FEATURES_MAX, where=box)
            is_whole = is_whole and places.is_whole
            for feature_id, facts in _inside(stretch, places.ids, MetrePoints.of(places.lonlat), offset_m):
                key, found = (layer.id, feature_id), (facts["offset_m"], number, facts)
                if key not in best or found[:2] < best[key][:2]:
                    best[key] = found
    order = sorted(best, key=lambda key: (best[key][1], best[key][2]["chainage_m"], best[key][0], key[1], key[0]))
    return ComputedFeatures(
        tuple(key[0] for key in order), tuple(key[1] for key in order), tuple(best[key][2] for key in order), is_whole
    )


def to_spot(stretch: Stretch) -> shapely.Point:
    """Return the middle of a stretch in CGCS2000 degrees."""
    return shapely.transform(shapely.line_interpolate_point(stretch.shape, 0.5, normalized=True), to_degrees)


def _inside(stretch: Stretch, ids: Sequence[str], points: MetrePoints, offset_m: float) -> list[tuple[str, Json]]:
    along = stretch.waterway.plane.along(points, offset_m + EDGE_M)
    found = []
    for n in np.flatnonzero(along.waterway >= 0).tolist():
        chainage_m, distance_m = float(along.chainage_m[n]), float(along.distance_m[n])
        if not stretch.from_m - EDGE_M <= chainage_m <= stretch.to_m + EDGE_M:
            continue
        if _is_beyond(stretch.waterway, points, n, chainage_m):
            continue
        is_edge = not (stretch.from_m <= chainage_m <= stretch.to_m and distance_m <= offset_m)
        facts: Json = {
            "waterway": stretch.waterway.id,
            "chainage_m": chainage_m,
            "offset_m": distance_m,
            "side": str(along.bank[n]),
            "at_edge": is_edge,
        }
        found.append((ids[n], facts))
    return found


def _is_beyond(waterway: RiverLine, points: MetrePoints, n: int, chainage_m: float) -> bool:
    """Whether a place lies beyond the end of the waterway: there, too, the end is flat."""
    first_m, last_m = waterway.ends_m
    if first_m + EDGE_M < chainage_m < last_m - EDGE_M:
        return False
    xy = shapely.get_coordinates(waterway.line_m)
    end, inner = (xy[0], xy[1]) if chainage_m <= first_m + EDGE_M else (xy[-1], xy[-2])
    ahead = (end - inner) / max(float(np.hypot(*(end - inner))), 1e-9)
    return bool(np.dot(points.xy_m[n] - end, ahead) > EDGE_M)
