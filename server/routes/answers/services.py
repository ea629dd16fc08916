"""`/twin/service-sites`: the nearest site that is open for a matter."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from layers.database.connection import in_our_words
from server.audit.touched import touch
from server.dependencies import ActorHere, StateHere
from server.http.caching import PRIVATE_HEADERS
from server.routes.answers.parameters import At, CrsName, Matter, moment_of
from server.surroundings.datum_route import AnswerCrs, DatumRoute
from twin.responsibility.concern import read_matter
from twin.services.sites import SITES, sites_near
from twin.surroundings.nearby import RADIUS_M_MAX
from twin.surroundings.spot import read_spot

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)
_CALENDAR = "workdays"


class ServiceSites(BaseModel):
    """Service sites as GeoJSON, nearest first."""

    type: str = "FeatureCollection"
    at: datetime
    calendar: str | None = Field(description="the calendar of free days; null: only weekends count as free")
    complete: bool = Field(description="没有未查的 false: farther sites were not looked at, which may be open")
    features: list[dict[str, Any]] = Field(description="with distance_m, and open: null where nobody says when")


class SitesParams(BaseModel):
    """A place, a matter and a moment."""

    lon: Annotated[float, Query(description="longitude, or metres east", examples=[113.3316634])]
    lat: Annotated[float, Query(description="latitude, or metres north", examples=[23.1395597])]
    crs: CrsName = "OGC:CRS84"
    matter: Matter = None
    at: At = None
    radius_m: Annotated[float, Query(gt=0, le=RADIUS_M_MAX, description="on the ground")] = RADIUS_M_MAX
    answer_crs: AnswerCrs = "OGC:CRS84"
    open_only: Annotated[bool, Query(description="仅开放者 only those that are open then")] = True
    limit: Annotated[int, Query(ge=1, le=100)] = 5


@router.get("/service-sites", summary="就近可办网点 The nearest service sites that are open")
async def service_sites(
    state: StateHere, response: Response, actor: ActorHere, params: Annotated[SitesParams, Query()]
) -> ServiceSites:
    """Return the sites that handle a matter and are open at the moment, by the holiday calendar, nearest first."""
    spot, matter, at = read_spot(params.lon, params.lat, params.crs), read_matter(params.matter), moment_of(params.at)
    layer = state.catalog.current.visible(SITES, actor)
    calendar = state.rules.read().calendar(_CALENDAR)
    response.headers.update(PRIVATE_HEADERS)
    with in_our_words():
        async with state.pool.acquire() as connection:
            found = await sites_near(connection, layer, actor, spot, params.radius_m, matter, at, calendar)
    wanted = [one for one in found.features if one["properties"]["open"] or not params.open_only]
    shown = wanted[: params.limit]
    is_whole = found.is_whole or len(shown) == params.limit  # those not looked at are farther away
    touch(layer, actor, rows=len(shown))
    return ServiceSites(at=at, calendar=calendar.name if calendar else None, complete=is_whole, features=shown)
