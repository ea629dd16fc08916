"""`/twin/coverage`: how much of the roads of an area was swept or patrolled."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from layers.database.connection import in_our_words
from server.audit.touched import touch
from server.dependencies import ActorHere, StateHere
from server.routes.surroundings.collection import ComputedCollection, collection
from server.routes.twin import Feature, GeoJson
from server.surroundings.datum_route import DatumRoute
from server.surroundings.questions import CoverageParams, split
from twin.routing.roads import ROADS
from twin.surroundings.area import find_area
from twin.surroundings.computed import ComputedFeatures, written_with_computed
from twin.surroundings.coverage import (
    STEP_M,
    CoveredRoads,
    Tracks,
    cover,
    movers_throughout,
    read_area_roads,
    read_tracks,
)
from twin.surroundings.nearby import chosen_layers
from twin.surroundings.resources import of_types

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)


class RoadCoverage(ComputedCollection):
    """How much of the roads of an area was passed; GeoJSON."""

    method: str = Field(description="道路每 2 m 取样，距轨迹不超过 buffer_m 即为覆盖 samples of the roads every 2 m")
    area: str
    movers: int = Field(description="有轨迹的移动对象数 movers that have a track")
    positions: int
    roads: int
    length_m: float
    covered_m: float
    share: float | None = Field(description="覆盖率 covered_m / length_m; null without a road")
    complete: bool = Field(description="道路俱全 whether features are all of the roads; the totals always are of all")
    features: list[Feature] = Field(
        description="道路，余量大者在前，属性 length_m（在区内）、covered_m、share the most left to do first"
    )


@router.get(
    "/coverage",
    summary="清扫、巡查覆盖率 How much was swept or patrolled",
    response_model=RoadCoverage,
    response_class=GeoJson,
)
async def coverage(state: StateHere, actor: ActorHere, params: Annotated[CoverageParams, Query()]) -> GeoJson:
    """轨迹缓冲区所及的道路长度，除以区内道路长度 (the length of road within reach of any track, by the whole length).

    Of the movers that the reader may look back at, where they were. Whoever sees that only roughly gets no answer.
    """
    catalog, span = state.catalog.current, params.span
    (layer,) = chosen_layers(catalog, actor, [params.layer])
    movers = movers_throughout(layer, actor, span)
    roads = catalog.visible(ROADS, actor)
    types = of_types(movers, catalog, actor, split(params.types)) if params.types else None
    with in_our_words():
        async with state.pool.acquire() as connection:
            area = await find_area(connection, catalog, actor, params.area)
            tracks = await read_tracks(connection, movers, actor, types)
            ids, lines = await read_area_roads(connection, roads, actor, area, split(params.road_class))
            found = await asyncio.to_thread(cover, ids, lines, tracks, span.buffer_m)
            shown = _computed(found, params.limit)
            features = await written_with_computed(connection, [roads], actor, shown)
    touch(movers, actor, rows=tracks.movers)
    touch(roads, actor, rows=len(features))
    return collection(features, {**_totals(found, tracks, area.code), "complete": shown.is_whole})


def _computed(found: CoveredRoads, limit: int) -> ComputedFeatures:
    numbers = range(min(limit, len(found.ids)))
    properties = tuple(
        {
            "length_m": round(float(found.length_m[n]), 1),
            "covered_m": round(float(found.covered_m[n]), 1),
            "share": round(float(found.covered_m[n] / found.length_m[n]), 4),
        }
        for n in numbers
    )
    return ComputedFeatures(
        (ROADS,) * len(numbers), tuple(found.ids[n] for n in numbers), properties, len(numbers) == len(found.ids)
    )


def _totals(found: CoveredRoads, tracks: Tracks, area: str) -> dict[str, object]:
    length_m, covered_m = float(found.length_m.sum()), float(found.covered_m.sum())
    return {
        "method": f"samples_{STEP_M:g}m",
        "area": area,
        "movers": tracks.movers,
        "positions": tracks.positions,
        "roads": len(found.ids),
        "length_m": round(length_m, 1),
        "covered_m": round(covered_m, 1),
        "share": round(covered_m / length_m, 4) if length_m else None,
    }
