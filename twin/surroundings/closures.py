"""What closes roads now: deep water at flood points, and open events of water on the road.

A reader's routes keep clear of what this reader may see, and of nothing else: a detour would tell of a hidden event.
"""

from __future__ import annotations

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
from layers.read.relation import relation
from layers.read.rights import scoped
from layers.types import Points
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


async def read_closures(
    connection: asyncpg.Connection, catalog: Catalog, actor: Actor
) -> tuple[list[RoadClosure], list[Layer]]:
    """Return what closes roads now, in the order of layers and ids; and the layers that were read."""
    found: list[RoadClosure] = []
    read: list[Layer] = []
    for layer_id in (FLOOD_POINTS, EVENTS):
        layer = catalog.get(layer_id)
        if layer is None or not layer.visible_to(actor):
            continue
        layer = catalog.visible(layer_id, actor)
        text, values = closures_clause(layer, actor).render()
        rows = await connection.fetch(text, *values)
        found += [RoadClosure(layer_id, row[0], np.array([[row[1], row[2]]]), _area(row[3])) for row in rows]
        read.append(layer)
    return found, read


def closures_clause(layer: Layer, actor: Actor) -> Clause:
    """Build the statement: rows `id, lon, lat, area` of what closes roads in one layer."""
    area = plain_value(layer, actor, "area", "jsonb") + "::text" if layer.id == EVENTS else "NULL::text"
    condition = _deep_events(layer, actor) if layer.id == EVENTS else _deep_points(layer, actor)
    matching = scoped(layer, actor, condition, Clause("f.geom IS NOT NULL"))
    return compose(
        f"""SELECT f.id, ST_X(onemap.point_of(f.geom)), ST_Y(onemap.point_of(f.geom)), {area}
        FROM {{}} WHERE {{}} ORDER BY f.id LIMIT {CLOSURES_MAX}""",
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
        return shapely_polygon(orjson.loads(text))
    except BadGeometry:
        return None


def shapely_polygon(geojson: object) -> shapely.Geometry:
    """Return a GeoJSON polygon or multipolygon.

    Raises
    ------
    BadGeometry
        When it is none, or is not valid.
    """
    try:
        found = shapely.from_geojson(orjson.dumps(geojson))
    except (shapely.GEOSException, TypeError) as error:
        raise BadGeometry("a polygon is no GeoJSON; allowed are Polygon and MultiPolygon", parameter="avoid") from error
    if found is None or found.geom_type not in {"Polygon", "MultiPolygon"} or found.is_empty:
        raise BadGeometry("an area to avoid is no polygon; allowed are Polygon and MultiPolygon", parameter="avoid")
    if not found.is_valid:
        raise BadGeometry("an area to avoid crosses itself; send polygons that are valid", parameter="avoid")
    return found
