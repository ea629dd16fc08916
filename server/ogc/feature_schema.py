"""The JSON Schema of one GeoJSON feature of a layer, as clients read types from it.

GDAL takes the types of fields from here, and of each member it reads one word: a list of types would be text to it. So
by default a member has the one type it has when it is there; with `nulls=true` it may also be null, and then what
`/items` answers is valid to the letter. An integer of more than 32 bits is a number in the first form, for GDAL's
integers have no more.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from layers.definition import GeometryType
from layers.errors import BadInput
from layers.types import Json
from server.formats.geojson import GEOJSON
from server.ogc.answer import Endpoint, OgcResponse
from server.ogc.schema import SCHEMA_DIALECT, returnables
from server.ogc.visit import Visit

SCHEMA_TYPE = "application/schema+json"
_MULTI: dict[GeometryType, tuple[str, ...]] = {
    "Geometry": (
        *("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"),
        "GeometryCollection",
    )
}


def feature_schema(visit: Visit, *, nulls: bool) -> Json:
    """Describe a feature of the visit's layer as the visit's actor gets it.

    Parameters
    ----------
    nulls
        Whether members may be null, as they are where a feature has no value.
    """
    layer, definition = visit.layer, visit.layer.definition
    members = returnables(layer, visit.actor, visit.catalog, visit.language)
    large = {field.name for field in definition.fields if field.large}
    described = {
        name: _nullable(member) if nulls else _plain(member, large=name in large)
        for name, member in members.items()
        if name not in {"id", "geometry"}
    }
    return {
        "$schema": SCHEMA_DIALECT,
        "$id": f"{visit.ogc}/collections/{layer.id}/schema/feature{'?nulls=true' if nulls else ''}",
        "title": visit.title(definition.title_zh, definition.title_en),
        "type": "object",
        "required": ["type", "id", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "string"},
            "geometry": _geometry(definition.geometry_type),
            "properties": {"type": "object", "properties": described},
        },
    }


def _plain(member: Json, *, large: bool) -> Json:
    return member | {"type": "number"} if large else member


def _nullable(member: Json) -> Json:
    may_be_null = member | {"type": [member["type"], "null"]}
    if "enum" in member:
        may_be_null |= {"enum": [*member["enum"], None], "oneOf": [*member["oneOf"], {"const": None}]}
    return may_be_null


def _geometry(kind: GeometryType) -> Json:
    """Describe the geometry, which is null where a feature has none, `skipGeometry` asks for none, or none is kept."""
    if kind == "None":
        return {"type": "null"}
    shape = {"type": {"type": "string", "enum": list(_MULTI.get(kind, (kind,)))}}
    return {"type": ["object", "null"], "required": ["type"], "properties": shape}


async def _answer(visit: Visit, _names: Mapping[str, str]) -> OgcResponse:
    asked = visit.given.get("nulls", "false")
    if asked not in {"true", "false"}:
        raise BadInput(f"nulls is '{asked[:40]}'; allowed are true, false", parameter="nulls")
    return OgcResponse(orjson.dumps(feature_schema(visit, nulls=asked == "true")), SCHEMA_TYPE)


ENDPOINTS = (Endpoint("/collections/{collection}/schema/feature", _answer, ("f", "lang", "nulls"), formats=(GEOJSON,)),)
