"""The polygon in the body of a request, checked against the limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.requests import Request

from layers.errors import BadInput, TooMuch
from server.http.body import read_body
from server.settings import LimitSettings

type _Position = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=2, max_length=4)]
type _Ring = Annotated[list[_Position], Field(min_length=4)]
type _Rings = Annotated[list[_Ring], Field(min_length=1)]


class _Polygon(BaseModel):
    type: Literal["Polygon"]
    coordinates: _Rings


class _MultiPolygon(BaseModel):
    type: Literal["MultiPolygon"]
    coordinates: Annotated[list[_Rings], Field(min_length=1)]


_AREA: TypeAdapter[_Polygon | _MultiPolygon] = TypeAdapter(
    Annotated[_Polygon | _MultiPolygon, Field(discriminator="type")]
)
AREA_BODY = {
    "requestBody": {
        "required": True,
        "description": "面（CRS84） A GeoJSON polygon or multipolygon in CRS84",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["type", "coordinates"],
                    "properties": {
                        "type": {"enum": ["Polygon", "MultiPolygon"]},
                        "coordinates": {"type": "array", "minItems": 1, "items": {"type": "array"}},
                    },
                }
            }
        },
    }
}
"""Its description in OpenAPI."""


async def read_area(request: Request, limits: LimitSettings) -> dict[str, Any]:
    """Return the polygon in a request's body, as GeoJSON in CRS84.

    Raises
    ------
    BadInput
        When the body is no polygon in GeoJSON.
    TooMuch
        When the body or the polygon is larger than allowed.
    """
    body = await read_body(request.receive, limits.body_bytes, request.scope["headers"])
    try:
        area = _AREA.validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"]))[:80] or "body"
        raise BadInput(
            f"the body is no polygon in GeoJSON; {where}: {fault['msg'][:200]}", parameter="geometry"
        ) from error
    polygons = [area.coordinates] if isinstance(area, _Polygon) else area.coordinates
    corners = sum(len(ring) for rings in polygons for ring in rings)
    if corners > limits.filter_vertices:
        raise TooMuch(f"the polygon has {corners} corners; at most {limits.filter_vertices} are read")
    return area.model_dump()
