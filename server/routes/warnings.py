"""`/twin/warnings`: the warnings in force, each with its area."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from layers.clause import Clause
from layers.database.connection import in_our_words
from layers.live_source import EVENTS
from layers.read.query import ItemsQuery, find_features
from server.dependencies import ActorHere, StateHere
from server.http.caching import PRIVATE_HEADERS
from server.surroundings.datum_route import IN_ANY_DATUM, DatumRoute

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)
WARNINGS_MAX = 1000
_IN_FORCE = Clause("f.cap IS NOT NULL AND f.stage IS DISTINCT FROM 'closed' AND (f.due_at IS NULL OR f.due_at > now())")


class Warnings(BaseModel):
    """Warnings as GeoJSON; the geometry is the area, or a point where no area is known."""

    type: str = "FeatureCollection"
    complete: bool = Field(description="没有遗漏 whether no more are in force")
    features: list[dict[str, Any]]


@router.get("/warnings", summary="生效预警 Warnings in force", response_model=Warnings, dependencies=IN_ANY_DATUM)
async def warnings(state: StateHere, actor: ActorHere) -> Response:
    """Return the warnings that are neither cancelled nor expired, with their areas as geometries."""
    layer = state.catalog.current.visible(EVENTS, actor)
    with in_our_words():
        found = await find_features(state.pool, ItemsQuery(layer, actor, _IN_FORCE, limit=WARNINGS_MAX))
    features = [_with_area(feature) for feature in found.features]
    body = orjson.dumps({"type": "FeatureCollection", "complete": found.is_whole, "features": features})
    return Response(body, media_type="application/geo+json", headers=PRIVATE_HEADERS)


def _with_area(feature: dict[str, Any]) -> dict[str, Any]:
    area = feature["properties"].pop("area", None)
    return {**feature, "geometry": area or feature["geometry"]}
