"""`/twin/cameras-seeing`: the cameras that see a place."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from layers.database.connection import in_our_words
from layers.moment import read_moment
from layers.read.rights import layer_at
from server.audit.touched import touch
from server.dependencies import ActorHere, StateHere
from server.routes.surroundings.travel import collection
from server.routes.twin import Feature, GeoJson
from server.surroundings.questions import SightParams
from twin.surroundings.cameras_seeing import CAMERAS, cameras_seeing
from twin.surroundings.computed import with_computed
from twin.surroundings.spot import read_spot

router = APIRouter(prefix="/twin", tags=["twin"])


class CamerasSeeing(BaseModel):
    """Cameras around a place, with whether they see it; GeoJSON."""

    type: str = "FeatureCollection"
    lon: float = Field(description="CGCS2000, degrees")
    lat: float = Field(description="CGCS2000, degrees")
    max_m: float
    occlusion: bool = Field(
        description="已计遮挡；无权看建筑者为 false whether buildings count; false for who may not see them"
    )
    seeing: list[str] = Field(description="看得见者，由近及远 ids of those that see it, the nearest first")
    complete: bool = Field(description="没有未查的摄像机 no camera was left out unseen")
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
            features = await with_computed(connection, [layer], actor, found)
    touch(layer, actor, rows=len(features))
    if buildings is not None:
        touch(buildings, actor, properties=("height_m", "floors_above"))
    head = {
        "lon": spot.lon,
        "lat": spot.lat,
        "max_m": sight.max_m,
        "occlusion": sight.occlusion and "buildings" in catalog.visible_ids(actor),
        "seeing": [one["id"] for one in features if one["properties"]["visible"] is True],
        "complete": found.is_whole,
    }
    return collection(features, head)
