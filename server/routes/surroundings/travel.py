"""`/twin/nearest-resources`, `/twin/route`, `/twin/reachable`: by the time on the road."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import asyncpg
import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause
from layers.database.connection import in_our_words
from layers.moment import read_moment
from layers.read.rights import layer_at
from server.audit.touched import touch
from server.dependencies import ActorHere, StateHere
from server.http.caching import PRIVATE_HEADERS
from server.routes.surroundings.collection import ComputedCollection, collection
from server.routes.twin import Feature, GeoJson
from server.state import State
from server.surroundings.datum_route import DatumRoute
from server.surroundings.questions import (
    ReachableParams,
    ResourcesBody,
    ResourcesParams,
    RouteParams,
    split,
)
from twin.routing.network import RoadNetwork
from twin.surroundings.computed import written_with_computed
from twin.surroundings.nearby import chosen_layers
from twin.surroundings.reachable import AREA_METHOD, reach, read_minutes
from twin.surroundings.resources import nearest_resources, of_types
from twin.surroundings.spot import Spot, read_spot
from twin.surroundings.travel import Travelling, TravelSearch, begin_search, way_between

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)


class ClosingFeature(BaseModel):
    """A feature that closes the road it stands on."""

    layer: str
    id: str


class TravelFacts(BaseModel):
    """How ways were sought."""

    mode: str
    direction: str | None
    snapped_m: float | None = Field(description="此地到道路的距离 from the place to the road; null beyond 200 m")
    on_road: bool = Field(description="距道路不超过 1 cm within a centimetre of a road")
    fallback: str | None = Field(description="straight_line 此地不在路网上，按直线 the place is not on the network")
    network_version: str | None = Field(description="路网版本 of the roads; null without a road")
    closures: list[ClosingFeature] = Field(description="此时封闭道路者 what closes roads at that time")
    closures_complete: bool = Field(
        description="false：封闭者过多，未全计入 false: more close roads than were read, and ways may lead through them"
    )


class NearestResources(TravelFacts, ComputedCollection):
    """Resources by road time; GeoJSON."""

    lon: float = Field(description="CGCS2000, degrees")
    lat: float = Field(description="CGCS2000, degrees")
    complete: bool = Field(description="没有更近而未查的 no candidate that was left out could be nearer")
    features: list[Feature] = Field(
        description="先按时间，再按直线，最后为不可达 by time; then beside the network; last what no way reaches"
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is sought: how many, in which layers, of which types, as of when."""

    number: int
    layers: Sequence[str]
    types: Sequence[str]
    at: str | None

    def read(self, state: State, actor: Actor) -> list[tuple[Layer, Clause | None]]:
        """Return the layers, each with the condition of the types."""
        catalog, moment = state.catalog.current, read_moment(self.at, None)
        chosen = [layer_at(layer, actor, moment) for layer in chosen_layers(catalog, actor, self.layers)]
        return [(one, of_types(one, catalog, actor, self.types) if self.types else None) for one in chosen]


@router.get(
    "/nearest-resources",
    summary="按道路时间最近的资源 The nearest resources by road time",
    response_model=NearestResources,
    response_class=GeoJson,
)
async def nearest_by_road(state: StateHere, actor: ActorHere, params: Annotated[ResourcesParams, Query()]) -> GeoJson:
    """按行车（步行）时间给出最近的资源，附直线距离、道路距离和路线 (resources by the time on the road).

    Each comes with both distances and its route. One that no way reaches comes last with `reachable: false`; one that
    is more than 200 m from a road is told by its straight line.
    """
    spot = read_spot(params.lon, params.lat, params.crs)
    wanted = _Wanted(params.n, split(params.layers), split(params.types), params.at)
    how = Travelling(params.mode, params.direction, params.avoided, moment=read_moment(params.at, None))
    return await _nearest(state, actor, spot, wanted, how)


@router.post(
    "/nearest-resources",
    summary="同上，可绕开区域 The same, with areas to avoid",
    response_model=NearestResources,
    response_class=GeoJson,
)
async def nearest_by_road_avoiding(question: ResourcesBody, state: StateHere, actor: ActorHere) -> GeoJson:
    """同 GET，另可给出须绕开的面 (the same as GET; the question may name polygons that routes keep clear of)."""
    wanted = _Wanted(question.n, question.layers, question.types, question.at)
    how = Travelling(question.mode, question.direction, question.avoided, moment=read_moment(question.at, None))
    return await _nearest(state, actor, question.spot, wanted, how)


async def _nearest(state: State, actor: Actor, spot: Spot, wanted: _Wanted, how: Travelling) -> GeoJson:
    asked = wanted.read(state, actor)
    chosen = [layer for layer, _ in asked]
    with in_our_words():
        network = await state.roads.current(actor)
        async with state.pool.acquire() as connection:
            travel = await search_ways(state, network, connection, actor, spot, how)
            ranked = await nearest_resources(connection, actor, spot, asked, travel, wanted.number)
            features = await written_with_computed(connection, chosen, actor, ranked)
    for layer in chosen:
        touch(layer, actor, rows=ranked.layers.count(layer.id))
    head = {"lon": spot.lon, "lat": spot.lat, **travel.facts, "complete": ranked.is_whole}
    return collection(features, head)


async def search_ways(
    state: State,
    network: RoadNetwork | None,
    connection: asyncpg.Connection,
    actor: Actor,
    spot: Spot,
    how: Travelling,
) -> TravelSearch:
    """Begin a search for ways, and note what was read for what is closed.

    Parameters
    ----------
    network
        Had before the connection: making one reads roads over another connection of the same pool.
    """
    travel = await begin_search(connection, state.catalog.current, actor, network, spot, how)
    for layer in travel.closures.layers:
        touch(layer, actor, rows=sum(one.layer == layer.id for one in travel.closures.found), fields=False)
    return travel


class RouteProperties(TravelFacts):
    """The way between two places."""

    to_snapped_m: float | None = Field(description="终点到道路的距离 from the other place to the road")
    distance_m: float = Field(description="直线距离 the straight line, geodesic")
    reachable: bool | None = Field(description="null 按直线 where a place is not on the network")
    duration_s: float | None
    road_distance_m: float | None
    roads: list[str] = Field(description="依次经过的道路 id ids of the roads, in the order of travel")


class RouteFeature(BaseModel):
    """A way; GeoJSON."""

    type: str = "Feature"
    geometry: dict[str, Any] | None = Field(description="路线；不可达为 null a LineString; null where no way leads")
    properties: RouteProperties


@router.get(
    "/route",
    summary="两地之间的路线 The way between two places",
    response_model=RouteFeature,
    response_class=GeoJson,
)
async def route(state: StateHere, actor: ActorHere, params: Annotated[RouteParams, Query()]) -> GeoJson:
    """最快路线；不可达时 `reachable` 为 false (the quickest way by road).

    Without a way, `reachable` is false and the geometry null; where a place is more than 200 m from a road, `fallback`
    is `straight_line`.
    """
    begin, other = params.places()
    how = Travelling(params.mode, "outbound", params.avoided, moment=read_moment(params.at, None))
    with in_our_words():
        network = await state.roads.current(actor)
        async with state.pool.acquire() as connection:
            travel = await search_ways(state, network, connection, actor, begin, how)
    way = await asyncio.to_thread(way_between, travel, other)
    way["properties"]["distance_m"] = begin.distance_m(other)
    return GeoJson(orjson.dumps(way), headers=PRIVATE_HEADERS)


class LayerReached(BaseModel):
    """How many features of a layer are reached."""

    id: str
    number_matched: int
    number_returned: int


class Reachable(TravelFacts, ComputedCollection):
    """What is reached within a time; GeoJSON."""

    lon: float = Field(description="CGCS2000, degrees")
    lat: float = Field(description="CGCS2000, degrees")
    minutes: float
    area: dict[str, Any] | None = Field(description="可达道路的外廓 a polygon around the roads that are reached")
    area_method: str = Field(description="concave_hull 凹包外扩 30 m the concave hull, 30 m wider")
    complete: bool = Field(description="没有未查的要素 no feature was left out unseen")
    layers: list[LayerReached]
    features: list[Feature] = Field(description="先到者在前 those that are reached first come first")


@router.get(
    "/reachable",
    summary="若干分钟内可达 What is reached within minutes",
    response_model=Reachable,
    response_class=GeoJson,
)
async def reachable(state: StateHere, actor: ActorHere, params: Annotated[ReachableParams, Query()]) -> GeoJson:
    """若干分钟内可到的要素，以及可达范围 (what a road leads to within a time, and an area around those roads)."""
    spot, limit_s = read_spot(params.lon, params.lat, params.crs), read_minutes(params.minutes)
    wanted = _Wanted(params.limit, split(params.layers), split(params.types), params.at)
    asked = wanted.read(state, actor)
    chosen = [layer for layer, _ in asked]
    how = Travelling(params.mode, params.direction, params.avoided, limit_s, read_moment(params.at, None))
    with in_our_words():
        network = await state.roads.current(actor)
        async with state.pool.acquire() as connection:
            travel = await search_ways(state, network, connection, actor, spot, how)
            found = await reach(connection, actor, spot, asked, travel, wanted.number)
            features = await written_with_computed(connection, chosen, actor, found.ranked)
    returned = found.ranked.counts(chosen)
    for layer in chosen:
        touch(layer, actor, rows=returned[layer.id])
    counts = [
        {"id": name, "number_matched": found.matched[name], "number_returned": number}
        for name, number in returned.items()
    ]
    head = {"lon": spot.lon, "lat": spot.lat, "minutes": params.minutes, **travel.facts, "complete": found.is_whole}
    return collection(features, {**head, "area": found.area, "area_method": AREA_METHOD, "layers": counts})
