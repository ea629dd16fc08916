"""The JSON Schema of one GeoJSON feature of a layer, from which clients read the types of fields.

GDAL reads one type of each member; a list of types would be text to it. So by default a member has the type of its
values; with `nulls=true` it may also be null, and then every answer of `/items` is valid against the schema. An integer
of more than 32 bits is a number in the default form, since GDAL's integers have no more.
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
    """Return the schema of a feature of the visit's layer, as the visit's actor receives it.

    Parameters
    ----------
    nulls
        Whether members may be null, as they are in a feature without the value.
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
    """Return the schema of the geometry; it is null where there is none, or where `skipGeometry` leaves it out."""
    if kind == "None":
        return {"type": "null"}
    shape = {"type": {"type": "string", "enum": list(_MULTI.get(kind, (kind,)))}}
    return {"type": ["object", "null"], "required": ["type"], "properties": shape}


async def _answer(visit: Visit, _names: Mapping[str, str]) -> OgcResponse:
    nulls = visit.given.get("nulls", "false")
    if nulls not in {"true", "false"}:
        raise BadInput(f"nulls is '{nulls[:40]}'; allowed are true, false", parameter="nulls")
    return OgcResponse(orjson.dumps(feature_schema(visit, nulls=nulls == "true")), SCHEMA_TYPE)


ENDPOINTS = (Endpoint("/collections/{collection}/schema/feature", _answer, ("f", "lang", "nulls"), formats=(GEOJSON,)),)
