"""`/twin/waterway-stretch-impact`: what lies along a stretch of a waterway."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import shapely
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from layers.coordinates.district_crs import to_degrees
from layers.database.connection import in_our_words
from layers.moment import read_moment
from layers.read.rights import layer_at
from layers.types import Json
from server.audit.touched import touch
from server.dependencies import ActorHere, StateHere
from server.routes.surroundings.collection import ComputedCollection, collection
from server.routes.twin import Feature, GeoJson
from server.surroundings.datum_route import DatumRoute
from server.surroundings.questions import StretchParams, split
from twin.surroundings.computed import with_computed
from twin.surroundings.nearby import chosen_layers
from twin.surroundings.waterway_stretch import (
    WATERWAYS,
    Stretch,
    check_offset,
    find_waterway,
    follow_stretch,
    read_stretch,
    stretch_impact,
)

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)


class WaterwayStretch(BaseModel):
    """A part of a waterway."""

    waterway: str
    name: str | None
    chainage_from_m: float
    chainage_to_m: float
    chainage_is_own: bool = Field(
        description="false：从中心线起点计 "
        "false: counted from the start of the line, whose own chainage you may not see, or is not known"
    )
    geometry: dict[str, Any] = Field(description="GeoJSON LineString, CRS84")


class StretchImpact(ComputedCollection):
    """What lies along stretches of waterways; GeoJSON."""

    offset_m: float
    stretches: list[WaterwayStretch]
    complete: bool = Field(description="没有未查的要素和河涌 no feature and no waterway was left out unseen")
    features: list[Feature] = Field(
        description="属性 waterway、chainage_m、offset_m、side（面向下游）、at_edge（凭 1 cm 容差计入）；"
        "避难场所另有 flood_safe in the order of the stretches, then downstream"
    )


@router.get(
    "/waterway-stretch-impact",
    summary="河段影响范围 What lies along a stretch of a waterway",
    response_model=StretchImpact,
    response_class=GeoJson,
)
async def impact(state: StateHere, actor: ActorHere, params: Annotated[StretchParams, Query()]) -> GeoJson:
    """按桩号和离岸距离，两端平齐 (by chainage and offset, with flat ends).

    A feature is within when the place of the centre line that is nearest to it lies within the stretch, and it is no
    further off than `offset_m`. A centimetre more counts as within, and is told by `at_edge`.
    """
    check_offset(params.offset_m)
    catalog, moment = state.catalog.current, read_moment(params.at, None)
    layer = catalog.visible(WATERWAYS, actor)
    chosen = [layer_at(one, actor, moment) for one in chosen_layers(catalog, actor, split(params.layers))]
    with in_our_words():
        async with state.pool.acquire() as connection:
            waterway = await find_waterway(connection, layer, actor, params.waterway)
            stretch = read_stretch(waterway, params.chainage_from_m, params.chainage_to_m)
            along = await follow_stretch(connection, layer, actor, stretch, params.follow, params.follow_m)
            found = await stretch_impact(connection, actor, along.parts, chosen, params.offset_m)
            features = await with_computed(connection, chosen, actor, found)
    touch(layer, actor, rows=len(along.parts))
    for one, number in zip(chosen, found.counts(chosen).values(), strict=True):
        touch(one, actor, rows=number)
    if params.level_m is not None:
        for feature in features:
            _tell_safety(feature["properties"], params.level_m, params.vertical_datum)
    head = {
        "offset_m": params.offset_m,
        "stretches": [_described(one) for one in along.parts],
        "complete": found.is_whole and along.is_whole,
    }
    return collection(features, head)


def _tell_safety(properties: Json, level_m: float, datum: str) -> None:
    """Say of a shelter whether it lies above a level; null where that is not known in the same datum."""
    if properties.get("resource_type") != "shelter":
        return
    elevation_m = properties.get("flood_safe_elevation_m")
    is_comparable = elevation_m is not None and properties.get("vertical_datum") == datum
    properties["flood_safe"] = float(elevation_m or 0) > level_m if is_comparable else None


def _described(stretch: Stretch) -> Json:
    line = np.round(to_degrees(shapely.get_coordinates(stretch.shape)), 7)
    return {
        "waterway": stretch.waterway.id,
        "name": stretch.waterway.name,
        "chainage_from_m": round(stretch.from_m, 2),
        "chainage_to_m": round(stretch.to_m, 2),
        "chainage_is_own": stretch.waterway.start_m is not None,
        "geometry": {"type": "LineString", "coordinates": line.tolist()},
    }
