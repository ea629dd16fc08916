"""What closes roads, now or at a moment: deep water at flood points, and open events of water on the road.

A reader's routes keep clear of what this reader may see, and of nothing else: a detour would tell of a hidden event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import numpy as np
import orjson
import shapely

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import Clause, columns_in, compose
from layers.errors import BadGeometry
from layers.live_source import EVENTS
from layers.moment import Moment
from layers.read.relation import relation
from layers.read.rights import scoped, visible_at
from layers.types import Points
from twin.surroundings.ground import geojson_polygon
from twin.surroundings.places import plain_value

FLOOD_POINTS = "flood_risk_points"
CLOSE_DEPTH_M = 0.3
"""Water this deep closes a road where the point has no closing depth of its own."""
CLOSURES_MAX = 2_000
_WATER_ON_ROAD = "0406"
_DEEP = ("1", "2", "Ⅰ", "Ⅱ", "Ⅲ")  # severities of the rule `flood_depth` above 0.30 m, and of emergencies


@dataclass(frozen=True, slots=True)
class RoadClosure:
    """A feature that closes the road it stands on.

    Attributes
    ----------
    place
        `[1, 2]` CGCS2000 degrees.
    area
        The closed area, where one is known.
    """

    layer: str
    id: str
    place: Points
    area: shapely.Geometry | None = None


@dataclass(frozen=True, slots=True)
class RoadClosures:
    """What closes roads, as far as a reader may see it.

    Attributes
    ----------
    found
        In the order of layers and ids.
    is_whole
        Whether no more features close roads.
    layers
        The layers that were read.
    """

    found: Sequence[RoadClosure] = ()
    is_whole: bool = True
    layers: Sequence[Layer] = ()


async def read_closures(
    connection: asyncpg.Connection, catalog: Catalog, actor: Actor, moment: Moment | None = None
) -> RoadClosures:
    """Return what closes roads now, or did at a moment; at most `CLOSURES_MAX` features of each layer.

    A layer whose past the reader may not see closes nothing in it.
    """
    found: list[RoadClosure] = []
    is_whole = True
    visible = (catalog.find(name, actor) for name in (FLOOD_POINTS, EVENTS))
    layers = [at for one in visible if one is not None and (at := visible_at(one, actor, moment)) is not None]
    for layer in layers:
        text, values = closures_clause(layer, actor).render()
        rows = await connection.fetch(text, *values)
        is_whole = is_whole and len(rows) <= CLOSURES_MAX
        found += [
            RoadClosure(layer.id, row[0], np.array([[row[1], row[2]]]), _area(row[3])) for row in rows[:CLOSURES_MAX]
        ]
    return RoadClosures(found, is_whole, layers)


def closures_clause(layer: Layer, actor: Actor) -> Clause:
    """Build the statement: rows `id, lon, lat, area` of what closes roads in one layer, as of its moment."""
    area = plain_value(layer, actor, "area", "jsonb") + "::text" if layer.id == EVENTS else "NULL::text"
    condition = _deep_events(layer, actor) if layer.id == EVENTS else _deep_points(layer, actor)
    matching = scoped(layer, actor, condition, Clause("f.geom IS NOT NULL"))
    return compose(
        f"""SELECT f.id, ST_X(onemap.point_of(f.geom)), ST_Y(onemap.point_of(f.geom)), {area}
        FROM {{}} WHERE {{}} ORDER BY f.id LIMIT {CLOSURES_MAX + 1}""",
        relation(layer, actor, reads=columns_in(matching.text, area)),
        matching,
    )


def _deep_points(layer: Layer, actor: Actor) -> Clause:
    depth, closes = (plain_value(layer, actor, name, "float8") for name in ("water_depth_m", "close_depth_m"))
    return Clause(f"{depth} >= coalesce({closes}, {CLOSE_DEPTH_M})")


def _deep_events(layer: Layer, actor: Actor) -> Clause:
    kind, severity, stage = (plain_value(layer, actor, name, "text") for name in ("event_class", "severity", "stage"))
    closed_at = plain_value(layer, actor, "closed_at", "timestamptz")
    same = plain_value(layer, actor, "duplicate_of", "text")
    return Clause(
        f"onemap.event_is_open({stage}, {closed_at}) AND {kind} = ?0::text AND {severity} = ANY (?1::text[])"
        f" AND {same} IS NULL",
        (_WATER_ON_ROAD, list(_DEEP)),
    )


def _area(text: str | None) -> shapely.Geometry | None:
    if text is None:
        return None
    try:
        return geojson_polygon(orjson.loads(text), "area")
    except BadGeometry:
        return None
