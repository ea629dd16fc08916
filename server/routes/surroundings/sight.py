"""`/twin/cameras-seeing`: the cameras that see a place."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from layers.database.connection import in_our_words
from layers.moment import read_moment
from layers.read.rights import layer_at
from server.audit.touched import touch
from server.dependencies import ActorHere, StateHere
from server.routes.surroundings.collection import ComputedCollection, collection
from server.routes.surroundings.travel import ClosingFeature, search_ways
from server.routes.twin import Feature, GeoJson
from server.surroundings.datum_route import DatumRoute
from server.surroundings.questions import AlongRouteParams, SightParams
from twin.surroundings.along_route import cameras_along
from twin.surroundings.cameras_seeing import CAMERAS, cameras_seeing
from twin.surroundings.computed import written_with_computed
from twin.surroundings.spot import read_spot
from twin.surroundings.travel import Travelling, find_way, line_of, rounded

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)


class CamerasSeeing(ComputedCollection):
    """Cameras around a place, with whether they see it; GeoJSON."""

    lon: float = Field(description="CGCS2000, degrees")
    lat: float = Field(description="CGCS2000, degrees")
    max_m: float
    occlusion: bool = Field(
        description="已计遮挡；无权看建筑者为 false whether buildings count; false for who may not see them"
    )
    seeing: list[str] = Field(description="看得见者，由近及远 ids of those that see it, the nearest first")
    features: list[Feature] = Field(
        description="属性 visible（true、false、unknown）、can_turn_to、reason、blocked_by、bearing_deg；"
        "先见者，再可转者、不见者、不明者，离线在末 those that see it first; those that are off last"
    )


@router.get(
    "/cameras-seeing",
    summary="看得见此处的摄像机 The cameras that see a place",
    response_model=CamerasSeeing,
    response_class=GeoJson,
)
async def seeing(state: StateHere, actor: ActorHere, params: Annotated[SightParams, Query()]) -> GeoJson:
    """按距离、方位和建筑遮挡判断 (by reach, direction, and buildings in the way).

    What a reader may not see of a camera, its direction or its exact place, is not known to this answer either: such
    a camera is `unknown`.
    """
    spot, sight, catalog = read_spot(params.lon, params.lat, params.crs), params.sight, state.catalog.current
    layer = layer_at(catalog.visible(CAMERAS, actor), actor, read_moment(params.at, None))
    with in_our_words():
        async with state.pool.acquire() as connection:
            found, buildings = await cameras_seeing(connection, catalog, actor, layer, spot, sight)
            features = await written_with_computed(connection, [layer], actor, found)
    touch(layer, actor, rows=len(features))
    if buildings is not None:
        touch(buildings, actor, properties=("height_m", "floors_above"))
    head = {
        "lon": spot.lon,
        "lat": spot.lat,
        "max_m": sight.max_m,
        "occlusion": sight.occlusion and "buildings" in catalog.visible_ids(actor),
        "seeing": [one.id for one in features if one.computed["visible"] is True],
        "complete": found.is_whole,
    }
    return collection(features, head)


class CamerasAlong(ComputedCollection):
    """A route, and the cameras beside it; GeoJSON."""

    route: dict[str, Any] | None = Field(description="路线；不可达为 null a LineString; null where no way leads")
    reachable: bool
    duration_s: float | None
    road_distance_m: float | None
    network_version: str | None
    closures: list[ClosingFeature] = Field(description="此时封闭道路者 what closes roads at that time")
    closures_complete: bool = Field(description="false：封闭者过多，未全计入 false: more close roads than were read")
    features: list[Feature] = Field(
        description="沿途次序，属性 along_m、offset_m、sees_route（true、false、unknown）、sees_from_m、sees_to_m "
        "in the order of travel"
    )


@router.get(
    "/cameras-along-route",
    summary="沿途摄像机 The cameras along a route",
    response_model=CamerasAlong,
    response_class=GeoJson,
)
async def along(state: StateHere, actor: ActorHere, params: Annotated[AlongRouteParams, Query()]) -> GeoJson:
    """最快路线沿途的摄像机，及其看得见的路段 (those beside the quickest way, and the part of it that each sees)."""
    (begin, end), sight, catalog = params.places(), params.sight, state.catalog.current
    moment = read_moment(params.at, None)
    layer = layer_at(catalog.visible(CAMERAS, actor), actor, moment)
    how = Travelling(params.mode, "outbound", params.avoided, moment=moment)
    with in_our_words():
        network = await state.roads.current(actor)
        async with state.pool.acquire() as connection:
            travel = await search_ways(state, network, connection, actor, begin, how)
            route, _ = await asyncio.to_thread(find_way, travel, end)
            features, is_whole = [], True
            if route is not None and len(route.lonlat) > 1:
                found, buildings = await cameras_along(connection, catalog, actor, layer, route.lonlat, sight)
                features, is_whole = await written_with_computed(connection, [layer], actor, found), found.is_whole
                if buildings is not None:
                    touch(buildings, actor, properties=("height_m", "floors_above"))
    touch(layer, actor, rows=len(features))
    facts = travel.facts
    head = {
        "route": line_of(route) if route else None,
        "reachable": route is not None,
        "duration_s": rounded(route.duration_s, 1) if route else None,
        "road_distance_m": rounded(route.distance_m, 1) if route else None,
        "network_version": facts["network_version"],
        "closures": facts["closures"],
        "closures_complete": facts["closures_complete"],
        "complete": is_whole,
    }
    return collection(features, head)
