"""Features with what was computed of them, as these operations answer with them."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from pydantic import BaseModel, Field

from layers.types import Json
from server.http.caching import PRIVATE_HEADERS
from server.routes.twin import Feature, GeoJson
from twin.surroundings.computed import WrittenFeature


class ComputedCollection(BaseModel):
    """Features with what was computed of them; GeoJSON."""

    type: str = "FeatureCollection"
    complete: bool = Field(description="没有遗漏 nothing was left out that belongs to the answer")
    features: list[Feature]


def collection(features: Sequence[Json | WrittenFeature], head: Json) -> GeoJson:
    """Return features as one GeoJSON collection with more members."""
    written = [one.json if isinstance(one, WrittenFeature) else one for one in features]
    return GeoJson(orjson.dumps({"type": "FeatureCollection", **head, "features": written}), headers=PRIVATE_HEADERS)
