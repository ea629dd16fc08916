"""What is reached within some minutes: features, and the area around the roads that one gets to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import numpy as np
import shapely

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause
from layers.coordinates.district_crs import to_degrees
from layers.errors import BadInput, TooMuch
from layers.types import Json, Points
from twin.routing.modes import fastest_ms
from twin.routing.reach import reached_points
from twin.routing.snapping import SNAP_M
from twin.surroundings.computed import ComputedFeatures
from twin.surroundings.places import FeaturePlaces, read_places
from twin.surroundings.resources import CANDIDATES_MAX, rank
from twin.surroundings.spot import Spot
from twin.surroundings.travel import TravelSearch

MINUTES_MAX = 60.0
REACHABLE_MAX = 500
AREA_METHOD = "concave_hull"
_BESIDE_ROAD_M = 30.0
_HULL_RATIO = 0.08
_DIGITS = 6


def read_minutes(minutes: float) -> float:
    """Check a time, and return it in seconds.

    Raises
    ------
    BadInput
        When it is not above 0.
    TooMuch
        When it is longer than `MINUTES_MAX`.
    """
    if not minutes > 0:
        raise BadInput(f"minutes is {minutes:g}; allowed are more than 0 up to {MINUTES_MAX:g}", parameter="minutes")
    if minutes > MINUTES_MAX:
        raise TooMuch(f"minutes is {minutes:g}; at most {MINUTES_MAX:g} are searched", parameter="minutes")
    return minutes * 60


@dataclass(frozen=True, slots=True)
class Reach:
    """What is reached.

    Attributes
    ----------
    ranked
        The features, those reached first first; as many as were asked for.
    matched
        Number of features that are reached, by layer.
    is_whole
        Whether no feature was left out unseen.
    area
        A GeoJSON polygon around the reached roads; None where the place is not on the network.
    """

    ranked: ComputedFeatures
    matched: dict[str, int]
    is_whole: bool
    area: Json | None


async def reach(
    connection: asyncpg.Connection,
    actor: Actor,
    spot: Spot,
    layers: Sequence[tuple[Layer, Clause | None]],
    travel: TravelSearch,
    number: int,
) -> Reach:
    """Return the features that are reached within a time by road, and the area."""
    limit_s = travel.how.limit_s
    limit = max(CANDIDATES_MAX // max(len(layers), 1), number)
    within_m = limit_s * fastest_ms(travel.how.mode) + 2 * SNAP_M
    found = []
    if travel.search is not None:
        found = [
            await read_places(connection, layer, actor, spot, limit=limit, where=where, within_m=within_m)
            for layer, where in layers
        ]
    return await asyncio.to_thread(_reached, layers, found, travel, number)


def _reached(
    layers: Sequence[tuple[Layer, Clause | None]], found: Sequence[FeaturePlaces], travel: TravelSearch, number: int
) -> Reach:
    """Return what is reached of some candidates; it takes the processor."""
    reached = [_within(places, travel) for places in found]
    ranked = rank(reached, travel, number)
    matched = {layer.id: 0 for layer, _ in layers} | {places.layer.id: len(places) for places in reached}
    return Reach(ranked, matched, all(places.is_whole for places in found), area_of(travel))


def _within(places: FeaturePlaces, travel: TravelSearch) -> FeaturePlaces:
    """Return the features that a road reaches in time."""
    ends = travel.snap(places.lonlat)
    if travel.search is None or ends is None or not len(places):
        return FeaturePlaces(places.layer, (), np.zeros((0, 2)), ())
    rows = np.flatnonzero(np.round(travel.search.seconds(ends), 1) <= travel.how.limit_s)
    return FeaturePlaces(
        places.layer,
        tuple(places.ids[n] for n in rows),
        places.lonlat[rows],
        tuple(places.distance_m[n] for n in rows),
    )


def area_of(travel: TravelSearch) -> Json | None:
    """Return the area around the roads that are reached: their concave hull, and 30 m beside it."""
    if travel.search is None:
        return None
    xy_m: Points = reached_points(travel.search, travel.how.limit_s)
    points = shapely.multipoints(np.unique(np.round(xy_m), axis=0))
    hull = shapely.concave_hull(points, ratio=_HULL_RATIO)
    area = shapely.simplify(shapely.buffer(hull, _BESIDE_ROAD_M, quad_segs=3), 3)
    polygons = [one for one in shapely.get_parts(area) if not one.is_empty]
    largest = max(polygons, key=shapely.area)
    ring = np.round(to_degrees(shapely.get_coordinates(shapely.get_exterior_ring(largest))), _DIGITS)
    return {"type": "Polygon", "coordinates": [ring.tolist()]}
