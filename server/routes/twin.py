"""`/twin/locate`, `/twin/nearby`, `/twin/areas`: the areas of a place, its neighbours, the features of an area."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from layers.actor import Actor
from layers.catalog import Layer
from layers.database.connection import in_our_words
from layers.moment import read_moment
from layers.read.rights import layer_at
from layers.tiers import TIER_OF_LAYER
from server.audit.touched import touch
from server.dependencies import ActorHere, StateHere
from server.http.caching import PRIVATE_HEADERS
from server.http.compressed import Compressed
from server.state import State
from server.surroundings.datum_route import IN_ANY_DATUM, DatumRoute
from twin.responsibility.concern import concern_of_located
from twin.responsibility.responsible import responsible_for, responsible_layers
from twin.surroundings.area import area_features, find_area
from twin.surroundings.locate import Located
from twin.surroundings.nearby import RADIUS_M_MAX, NearbyFeatures, chosen_layers, nearby
from twin.surroundings.spot import read_spot

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)
FEATURES_MAX = 1000
PLACES = sorted((*TIER_OF_LAYER, "urban_villages", "buildings", "waterways"))  # what `locate` reads

Lon = Annotated[float, Query(description="longitude, or metres east in a projected crs", examples=[113.3316634])]
Lat = Annotated[float, Query(description="latitude, or metres north in a projected crs", examples=[23.1395597])]
CrsName = Annotated[str, Query(description="of lon and lat: OGC:CRS84, EPSG:4490, EPSG:4547 …, gcj02 or bd09")]
LayerNames = Annotated[str, Query(description="layer ids, separated by commas", examples=["video_points,events"])]
Radius = Annotated[float, Query(description=f"on the ground, more than 0 up to {RADIUS_M_MAX:g}")]
Limit = Annotated[int, Query(ge=1, le=FEATURES_MAX, description="features of each layer")]
At = Annotated[str | None, Query(max_length=60, description="时刻，须带时区 as of this moment; now by default")]


class LayerCount(BaseModel):
    """How much of a layer is in the answer."""

    id: str
    title_zh: str
    title_en: str
    number_matched: int
    number_returned: int


class Feature(BaseModel):
    """A GeoJSON feature; its properties begin with `layer`, and with `distance_m` where a distance was asked for."""

    type: str = "Feature"
    id: str
    geometry: dict[str, Any] | None
    properties: dict[str, Any]


class Features(BaseModel):
    """Features of several layers."""

    type: str = "FeatureCollection"
    features: list[Feature]
    layers: list[LayerCount] = Field(description="in the order they were asked for")


class GeoJson(Compressed, JSONResponse):
    """A GeoJSON collection that is serialised already."""

    media_type = "application/geo+json"

    def render(self, content: bytes) -> bytes:
        """Return the bytes as they are."""
        return content


@router.get("/locate", summary="一处所在的区域 Which areas hold a place", dependencies=IN_ANY_DATUM)
async def locate_place(
    state: StateHere,
    response: Response,
    actor: ActorHere,
    lon: Lon,
    lat: Lat,
    crs: CrsName = "OGC:CRS84",
    at: At = None,
) -> Located:
    """Return district, street, community, grid, urban villages, waterway and nearest building of a place.

    With `at` who was on duty is told as of a moment; the areas are those of today.
    """
    spot, moment = read_spot(lon, lat, crs), read_moment(at, None)
    response.headers.update(PRIVATE_HEADERS)
    catalog = state.catalog.current
    with in_our_words():
        for layer in filter(None, (catalog.find(name, actor) for name in PLACES)):
            touch(layer, actor)
        then = moment.at if moment else datetime.now(UTC)
        return await _with_responsible(state, actor, await state.places.locate(actor, spot), then)


async def _with_responsible(state: State, actor: Actor, found: Located, at: datetime) -> Located:
    """Return a located place with those who answer for it, and who of them is on duty at a moment."""
    catalog = state.catalog.current
    if not responsible_layers(catalog, actor):
        return found
    chain, rows = await responsible_for(state.lookups, catalog, actor, concern_of_located(found, None, at))
    for name, number in rows.items():
        touch(catalog.visible(name, actor), actor, rows=number)
    if not chain.chain:
        return found
    told = {"chain": chain.chain, "chain_complete": chain.complete}
    return found.model_copy(update={"responsible": {**(found.responsible or {}), **told}})


def layers_asked_for(state: StateHere, actor: ActorHere, layers: LayerNames, at: At = None) -> list[Layer]:
    """Return the layers of some names, as of a moment; one whose past the reader may not see is refused."""
    moment = read_moment(at, None)
    return [layer_at(layer, actor, moment) for layer in chosen_layers(state.catalog.current, actor, layers.split(","))]


Chosen = Annotated[list[Layer], Depends(layers_asked_for)]


@router.get(
    "/nearby",
    summary="附近有什么 What is near a place",
    response_model=Features,
    response_class=GeoJson,
    dependencies=IN_ANY_DATUM,
)
async def near_place(
    state: StateHere,
    actor: ActorHere,
    lon: Lon,
    lat: Lat,
    radius_m: Radius,
    chosen: Chosen,
    crs: CrsName = "OGC:CRS84",
    limit: Limit = 100,
) -> GeoJson:
    """Return what lies within a geodesic distance, with `distance_m`, nearest first and then by id; of `at`, or now."""
    spot = read_spot(lon, lat, crs)
    with in_our_words():
        async with state.pool.acquire() as connection:
            return _answer(actor, chosen, await nearby(connection, chosen, actor, spot, radius_m, limit))


@router.get(
    "/areas/{code}/features",
    summary="一个区域里有什么 What is in an area",
    response_model=Features,
    response_class=GeoJson,
    dependencies=IN_ANY_DATUM,
)
async def in_area(
    code: str, state: StateHere, actor: ActorHere, chosen: Chosen, limit: Limit = FEATURES_MAX
) -> GeoJson:
    """Return what is in a grid, community, street, district (by code) or urban village (by id), layer by layer.

    With `at` the features are those of a moment; the area is that of today.
    """
    with in_our_words():
        async with state.pool.acquire() as connection:
            area = await find_area(connection, state.catalog.current, actor, code)
            return _answer(actor, chosen, await area_features(connection, chosen, actor, area, limit))


def _answer(actor: Actor, layers: Sequence[Layer], found: NearbyFeatures) -> GeoJson:
    """Return the features, which PostgreSQL wrote as JSON, as one collection."""
    for layer in layers:
        touch(layer, actor, rows=found.returned[layer.id])
    counts = [
        {
            "id": layer.id,
            "title_zh": layer.definition.title_zh,
            "title_en": layer.definition.title_en,
            "number_matched": found.matched[layer.id],
            "number_returned": found.returned[layer.id],
        }
        for layer in layers
    ]
    parts = [
        b'{"type":"FeatureCollection","layers":',
        orjson.dumps(counts),
        b',"features":[',
        b",".join(found.features),
    ]
    return GeoJson(b"".join([*parts, b"]}"]), headers=PRIVATE_HEADERS)
