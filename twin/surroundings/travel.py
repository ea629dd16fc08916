"""A question about ways: from where, how, and what is closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg
import numpy as np
import shapely

from layers.actor import Actor
from layers.catalog import Catalog
from layers.errors import BadInput, TooMuch
from layers.moment import Moment
from layers.types import Json, Mask, Points
from twin.routing.arcs import Direction
from twin.routing.closures import closed_edges
from twin.routing.modes import TravelMode
from twin.routing.network import RoadNetwork
from twin.routing.routes import Route, RouteSearch
from twin.routing.snapping import SnappedPoints, snap
from twin.surroundings.closures import RoadClosures, read_closures
from twin.surroundings.spot import Spot

AVOID_ROADS_MAX, AVOID_POLYGONS_MAX, AVOID_VERTICES_MAX = 500, 20, 2_000
ON_THE_ROAD_M = 0.01
"""A place this near to a road is on it: seven decimals of a degree are known to a centimetre."""


@dataclass(frozen=True, slots=True)
class Avoid:
    """What routes keep clear of.

    Attributes
    ----------
    roads
        Ids of roads.
    polygons
        In CGCS2000 degrees.
    live
        Whether also what floods and events close.

    Raises
    ------
    TooMuch
        When there are more than `AVOID_ROADS_MAX` roads, `AVOID_POLYGONS_MAX` polygons or `AVOID_VERTICES_MAX`
        vertices.
    """

    roads: Sequence[str] = ()
    polygons: Sequence[shapely.Geometry] = ()
    live: bool = True

    def __post_init__(self) -> None:
        given = (len(self.roads), len(self.polygons), sum(int(shapely.get_num_coordinates(p)) for p in self.polygons))
        allowed = (AVOID_ROADS_MAX, AVOID_POLYGONS_MAX, AVOID_VERTICES_MAX)
        for number, most, what in zip(given, allowed, ("roads", "polygons", "vertices"), strict=True):
            if number > most:
                raise TooMuch(f"avoid names {number} {what}; at most {most} are taken", parameter="avoid")


@dataclass(frozen=True, slots=True)
class Travelling:
    """How one travels.

    Attributes
    ----------
    direction
        Towards the place or away from it.
    avoid
        What is kept clear of.
    limit_s
        For how long at most.
    moment
        When: what closed roads then is kept clear of. None is now.
    """

    mode: TravelMode
    direction: Direction
    avoid: Avoid
    limit_s: float = np.inf
    moment: Moment | None = None


@dataclass(frozen=True, slots=True)
class TravelSearch:
    """The ways between one place and others, as far as roads lead there.

    Attributes
    ----------
    network
        None where there is no road that everybody may see.
    closures
        What is closed, as far as this reader may see.
    search
        None where the place is not on the network.
    snapped_m
        From the place to the road; None where no road is within reach.
    """

    network: RoadNetwork | None
    how: Travelling
    closures: RoadClosures = field(default_factory=RoadClosures)
    closed: Mask = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    search: RouteSearch | None = None
    snapped_m: float | None = None

    def snap(self, lonlat: Points) -> SnappedPoints | None:
        """Return other places on the network; None when the search has none."""
        return (
            snap(self.network, self.how.mode, lonlat) if self.network is not None and self.search is not None else None
        )

    @property
    def facts(self) -> Json:
        """How the question was answered: for the head of a response."""
        return {
            "mode": self.how.mode,
            "direction": self.how.direction,
            "snapped_m": rounded(self.snapped_m, 3),
            "on_road": self.snapped_m is not None and self.snapped_m <= ON_THE_ROAD_M,
            "fallback": "straight_line" if self.search is None else None,
            "network_version": self.network.version if self.network is not None else None,
            "closures": [{"layer": one.layer, "id": one.id} for one in self.closures.found],
            "closures_complete": self.closures.is_whole,
        }


async def begin_search(
    connection: asyncpg.Connection,
    catalog: Catalog,
    actor: Actor,
    network: RoadNetwork | None,
    spot: Spot,
    how: Travelling,
) -> TravelSearch:
    """Return the ways between a place and others.

    Raises
    ------
    BadInput
        When a road to avoid does not exist.
    """
    if network is None:
        return TravelSearch(None, how)
    avoid = how.avoid
    unknown = sorted(set(avoid.roads).difference(network.road_ids))
    if unknown:
        raise BadInput(f"avoid names the road '{unknown[0][:80]}', which does not exist", parameter="avoid")
    closures = await read_closures(connection, catalog, actor, how.moment) if avoid.live else RoadClosures()
    areas = [*avoid.polygons, *(one.area for one in closures.found if one.area is not None)]
    places = np.concatenate([np.zeros((0, 2)), *(one.place for one in closures.found)])
    closed = closed_edges(network, avoid.roads, areas, places)
    source = snap(network, how.mode, np.array([[spot.lon, spot.lat]]), closed)
    if source.edge[0] < 0:
        return TravelSearch(network, how, closures, closed)
    search = RouteSearch(network, how.mode, how.direction, source, closed, how.limit_s)
    return TravelSearch(network, how, closures, closed, search, float(source.snapped_m[0]))


def line_of(route: Route) -> Json:
    """Return a route as GeoJSON."""
    lonlat = route.lonlat if len(route.lonlat) > 1 else np.repeat(route.lonlat, 2, axis=0)
    return {"type": "LineString", "coordinates": np.round(lonlat, 7).tolist()}


def rounded(value: float | None, digits: int) -> float | None:
    """Return a rounded number; None for None and what is not finite."""
    return None if value is None or not np.isfinite(value) else round(float(value), digits)


def find_way(travel: TravelSearch, end: Spot) -> tuple[Route | None, SnappedPoints | None]:
    """Return the way to (inbound: from) another place, and that place on the network; None where there is none."""
    ends = travel.snap(np.array([[end.lon, end.lat]]))
    if travel.search is None or ends is None or ends.edge[0] < 0:
        return None, ends
    return travel.search.route(ends, 0), ends


def way_between(travel: TravelSearch, end: Spot) -> Json:
    """Return the way to (inbound: from) another place as a GeoJSON feature, without a geometry where there is none."""
    route, ends = find_way(travel, end)
    is_on_network = ends is not None and ends.edge[0] >= 0
    facts = travel.facts
    return {
        "type": "Feature",
        "geometry": line_of(route) if route else None,
        "properties": {
            **facts,
            "to_snapped_m": rounded(float(ends.snapped_m[0]), 3) if ends is not None else None,
            "fallback": None if is_on_network else "straight_line",
            "reachable": (route is not None) if is_on_network else None,
            "duration_s": rounded(route.duration_s, 1) if route else None,
            "road_distance_m": rounded(route.distance_m, 1) if route else None,
            "roads": list(route.roads) if route else [],
        },
    }
