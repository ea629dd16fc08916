"""`/twin/features/{layer}/{id}/related`: what a feature has to do with others."""

from __future__ import annotations

from fastapi import APIRouter, Response

from layers.database.connection import in_our_words
from layers.moment import read_moment
from server.audit.touched import touch
from server.dependencies import ActorHere, StateHere
from server.http.caching import PRIVATE_HEADERS
from server.routes.answers.parameters import At
from server.surroundings.datum_route import IN_ANY_DATUM, DatumRoute
from twin.relations.related import Related, layers_of, related

router = APIRouter(prefix="/twin/features", tags=["twin"], route_class=DatumRoute)


@router.get("/{layer}/{feature_id}/related", summary="要素的关联 The relations of a feature", dependencies=IN_ANY_DATUM)
async def related_to(
    layer: str, feature_id: str, state: StateHere, response: Response, actor: ActorHere, at: At = None
) -> Related:
    """Return its areas, its events, the cameras that see it, its waterway, and those who answer for it.

    With `at` its place, the events, the cameras and who is on duty are those of a moment; the areas are those of today.
    """
    moment = read_moment(at, None)
    catalog = state.catalog.current
    response.headers.update(PRIVATE_HEADERS)
    with in_our_words():
        async with state.pool.acquire() as connection:
            found, rows = await related(connection, catalog, actor, (layer, feature_id), moment)
    for one, number in layers_of(rows, catalog, actor):
        touch(one.as_of(moment), actor, rows=number)
    return found
