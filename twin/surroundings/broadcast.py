"""The terminals of the emergency broadcast that are heard on a piece of ground, and how much of it they cover."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import asyncpg
import numpy as np
import orjson
import shapely

from layers.actor import Actor
from layers.catalog import Layer
from layers.coordinates.district_crs import to_metres
from layers.errors import BadGeometry
from layers.types import Geometries
from twin.join.metres import MetrePoints
from twin.surroundings.cameras_seeing import OFF
from twin.surroundings.computed import ComputedFeatures
from twin.surroundings.ground import Ground, box_around, geojson_polygon
from twin.surroundings.places import FeaturePlaces, read_places
from twin.surroundings.spot import Spot

TERMINALS = "broadcast_terminals"
TERMINALS_MAX = 2_000
RANGE_M, RANGE_M_MAX = 300.0, 5_000.0
"""How far a terminal is heard whose range nobody knows; and from how far terminals are sought."""
_VALUES = (("coverage", "text"), ("range_m", "float8"), ("online_status", "text"))


@dataclass(frozen=True, slots=True)
class BroadcastCover:
    """Terminals that are heard on a piece of ground.

    Attributes
    ----------
    terminals
        Those that work first, then by how much of the ground they cover.
    share
        Of the ground, where any that works is heard.
    """

    terminals: ComputedFeatures
    share: float


async def terminals_heard(connection: asyncpg.Connection, layer: Layer, actor: Actor, ground: Ground) -> BroadcastCover:
    """Return the terminals whose coverage shares ground; of each `covered_share` and whether it is `usable`.

    A terminal covers the polygon `coverage`, or a circle of `range_m` around its place, as far as the actor sees them.
    At most the `TERMINALS_MAX` nearest to the middle of the ground are looked at.
    """
    middle = shapely.get_coordinates(shapely.point_on_surface(ground.shape))[0]
    shape = shapely.transform(ground.shape, to_metres)
    if not np.isfinite(shapely.bounds(shape)).all():  # far beyond the measuring plane
        return BroadcastCover(ComputedFeatures((), (), (), is_whole=True), 0.0)
    places = await read_places(
        connection,
        layer,
        actor,
        Spot(float(middle[0]), float(middle[1])),
        limit=TERMINALS_MAX,
        where=box_around(shape, RANGE_M_MAX),
        values=_VALUES,
    )
    return await asyncio.to_thread(_cover, places, shape)


def _cover(places: FeaturePlaces, shape: shapely.Geometry) -> BroadcastCover:
    common = shapely.intersection(_coverages(places), shape)
    area = shapely.area(common)
    usable = np.array([values[2] not in OFF for values in places.values], dtype=np.bool_)
    heard = np.flatnonzero(area > 0).tolist()
    order = sorted(heard, key=lambda n: (not usable[n], -round(float(area[n]), 1), places.ids[n]))
    whole = float(shapely.area(shape))
    return BroadcastCover(
        ComputedFeatures(
            (places.layer.id,) * len(order),
            tuple(places.ids[n] for n in order),
            tuple({"covered_share": round(float(area[n]) / whole, 4), "usable": bool(usable[n])} for n in order),
            places.is_whole,
        ),
        float(shapely.area(shapely.union_all(common[usable]))) / whole,
    )


def _coverages(places: FeaturePlaces) -> Geometries:
    """Return where each terminal is heard, in the measuring plane."""
    points = MetrePoints.of(places.lonlat)
    shapes: Geometries = np.empty(len(places), dtype=object)
    for n, (coverage, range_m, _) in enumerate(places.values):
        reach_m = min(float(range_m), RANGE_M_MAX) if isinstance(range_m, float) else RANGE_M
        own = _polygon(coverage)
        shapes[n] = own or shapely.buffer(shapely.Point(points.xy_m[n]), reach_m * float(points.scale[n]))
    return shapes


def _polygon(coverage: object) -> shapely.Geometry | None:
    if not isinstance(coverage, str):
        return None
    try:
        return shapely.transform(geojson_polygon(orjson.loads(coverage), "coverage"), to_metres)
    except BadGeometry:
        return None
