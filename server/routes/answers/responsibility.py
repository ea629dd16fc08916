"""`/twin/responsibility` and `/twin/patrols`: who answers for a place or an object, and who patrols near a place."""

from __future__ import annotations

from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from layers.actor import Actor
from layers.catalog import Catalog
from layers.database.connection import in_our_words
from layers.errors import BadInput
from layers.moment import read_moment
from layers.read.rights import layer_at
from server.audit.touched import touch
from server.dependencies import ActorHere, StateHere
from server.http.caching import PRIVATE_HEADERS
from server.routes.answers.parameters import At, CrsName, Matter, OptionalLat, OptionalLon, moment_of
from server.surroundings.datum_route import IN_ANY_DATUM, DatumRoute
from twin.responsibility.chain import Chain
from twin.responsibility.concern import (
    Concern,
    concern_of_code,
    concern_of_feature,
    concern_of_spot,
    read_matter,
)
from twin.responsibility.patrols import patrols_near
from twin.responsibility.responsible import WORKERS, responsible_for
from twin.surroundings.nearby import RADIUS_M_MAX
from twin.surroundings.spot import read_spot

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)
PATROLS_MAX = 200


class ResponsibilityParams(BaseModel):
    """A place, an area or an object, a matter and a moment; exactly one of the three ways to say where."""

    lon: OptionalLon = None
    lat: OptionalLat = None
    crs: CrsName = "OGC:CRS84"
    grid_code: Annotated[
        str | None, Query(max_length=20, description="网格或上级区划代码 of a grid, community, street or district")
    ] = None
    layer: Annotated[str | None, Query(max_length=63, description="图层 the layer of an object; with id")] = None
    id: Annotated[str | None, Query(max_length=200, description="要素标识 the object; with layer")] = None
    matter: Matter = None
    at: At = None


class Patrols(BaseModel):
    """Workers on duty as GeoJSON, nearest first; a position older than ten minutes is flagged and comes last."""

    type: str = "FeatureCollection"
    number_matched: int
    features: list[dict[str, Any]] = Field(description="with distance_m and position_stale")


@router.get("/responsibility", summary="何处何事谁负责 Who answers for a place, a matter or an object")
async def responsibility(
    state: StateHere, response: Response, actor: ActorHere, params: Annotated[ResponsibilityParams, Query()]
) -> Chain:
    """Return the chain from the grid worker to the district's officer on duty, the most specific match first.

    Names and telephones are shown as the reader may know them; who is on duty comes from the layer `duty_rosters`.
    """
    catalog = state.catalog.current
    response.headers.update(PRIVATE_HEADERS)
    with in_our_words():
        async with state.pool.acquire() as connection:
            concern = await concern_of(connection, catalog, actor, params)
            found, rows = await responsible_for(connection, catalog, actor, concern)
    moment = read_moment(params.at, None)
    for name, number in rows.items():
        touch(catalog.visible(name, actor).as_of(moment), actor, rows=number)
    return found


async def concern_of(
    connection: asyncpg.Connection, catalog: Catalog, actor: Actor, params: ResponsibilityParams
) -> Concern:
    """Return what is asked about.

    Raises
    ------
    BadInput
        When it is said in no way or in several.
    NotFound
        When the actor sees no such object.
    """
    matter, at = read_matter(params.matter), moment_of(params.at)
    given = (params.lon is not None or params.lat is not None, params.grid_code is not None, params.id is not None)
    if sum(given) != 1:
        raise BadInput("say where in one way: lon and lat, or grid_code, or layer and id", parameter="lon")
    if params.grid_code is not None:
        return concern_of_code(params.grid_code, matter, at)
    if params.id is not None:
        if params.layer is None:
            raise BadInput("layer and id belong together", parameter="layer")
        return await concern_of_feature(connection, catalog, actor, (params.layer, params.id), matter, at)
    if params.lon is None or params.lat is None:
        raise BadInput("lon and lat belong together", parameter="lon")
    return await concern_of_spot(connection, catalog, actor, read_spot(params.lon, params.lat, params.crs), matter, at)


@router.get("/patrols", summary="附近在岗的网格员 Who patrols near a place", dependencies=IN_ANY_DATUM)
async def patrols(  # noqa: PLR0917  # the parameters are given by name
    state: StateHere,
    response: Response,
    actor: ActorHere,
    lon: Annotated[float, Query(description="longitude, or metres east", examples=[113.3316634])],
    lat: Annotated[float, Query(description="latitude, or metres north", examples=[23.1395597])],
    crs: CrsName = "OGC:CRS84",
    radius_m: Annotated[float, Query(gt=0, le=RADIUS_M_MAX, description="on the ground")] = 1000.0,
    limit: Annotated[int, Query(ge=1, le=PATROLS_MAX)] = 20,
    at: At = None,
) -> Patrols:
    """Return the grid workers on duty by the distance of their last position, as far as the reader may see them.

    With `at`: who was on duty then, and where he was.
    """
    spot, catalog, moment = read_spot(lon, lat, crs), state.catalog.current, read_moment(at, None)
    workers = layer_at(catalog.visible(WORKERS, actor), actor, moment)
    response.headers.update(PRIVATE_HEADERS)
    with in_our_words():
        async with state.pool.acquire() as connection:
            features, matched = await patrols_near(
                connection, workers, actor, spot, radius_m, limit, moment.at if moment else None
            )
    touch(workers, actor, rows=len(features))
    return Patrols(number_matched=matched, features=features)
