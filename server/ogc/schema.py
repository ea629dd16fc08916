"""Schemas of a layer as an actor receives it: all properties and sortables (Part 5), queryables (Part 3)."""

from __future__ import annotations

from typing import Any

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.cql2 import queryables_of
from layers.definition import CodeList, FieldDefinition, FieldType, GeometryType
from layers.read.rights import visible_fields
from layers.read.sort_keys import sortable_fields
from server.ogc.visit import Language

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: dict[FieldType, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "string_array": {"type": "array", "items": {"type": "string"}},
    "json": {"type": "object"},
}
_GEOMETRY_FORMATS: dict[GeometryType, str] = {
    "Point": "geometry-point",
    "LineString": "geometry-linestring",
    "MultiLineString": "geometry-multilinestring",
    "Polygon": "geometry-polygon",
    "MultiPolygon": "geometry-multipolygon",
    "Geometry": "geometry-any",
}


def returnables(layer: Layer, actor: Actor, catalog: Catalog, language: Language) -> dict[str, dict[str, Any]]:
    """Return the id, every property and the geometry of a feature by name, in the order they are sent."""
    visible = visible_fields(layer, actor)
    described = {
        f.definition.name: _member(f.definition, layer, catalog, language, coded=not f.masked) for f in visible
    }
    members = {"id": _identifier(language), **described, **_geometry(layer, language)}
    for place, member in enumerate(members.values(), start=1):
        member["x-ogc-propertySeq"] = place
    return members


def queryables(layer: Layer, actor: Actor, catalog: Catalog, language: Language) -> dict[str, dict[str, Any]]:
    """Return the properties that a filter of this actor may name."""
    allowed = queryables_of(layer.definition, actor)
    return {name: member for name, member in returnables(layer, actor, catalog, language).items() if name in allowed}


def sortables(layer: Layer, actor: Actor, catalog: Catalog, language: Language) -> dict[str, dict[str, Any]]:
    """Return the properties that `sortby` of this actor may name."""
    allowed = sortable_fields(layer, actor)
    return {name: member for name, member in returnables(layer, actor, catalog, language).items() if name in allowed}


def _identifier(language: Language) -> dict[str, Any]:
    titles = {"zh-CN": "标识", "en": "Id"}
    return {"title": titles[language], "x-onemap-titles": titles, "type": "string", "x-ogc-role": "id"}


def _geometry(layer: Layer, language: Language) -> dict[str, dict[str, Any]]:
    if layer.definition.geometry_type == "None":
        return {}
    titles = {"zh-CN": "几何", "en": "Geometry"}
    geometry = {"title": titles[language], "x-onemap-titles": titles}
    geometry |= {"format": _GEOMETRY_FORMATS[layer.definition.geometry_type], "x-ogc-role": "primary-geometry"}
    return {"geometry": geometry}


def _member(
    field: FieldDefinition, layer: Layer, catalog: Catalog, language: Language, *, coded: bool
) -> dict[str, Any]:
    titles = {"zh-CN": field.title_zh, "en": field.title_en}
    member: dict[str, Any] = {"title": titles[language], "x-onemap-titles": titles, **_TYPES[field.type]}
    if field.description:
        member["description"] = field.description
    if field.unit:
        member |= {"x-ogc-unit": field.unit, "x-ogc-unitLang": "UCUM"}
    if field.standard:
        member["x-onemap-standard"] = field.standard
    if field.grade > 1:
        member["x-onemap-grade"] = field.grade
    if field.type == "string" and field.max_length:
        member["maxLength"] = field.max_length
    if field.name == layer.definition.time:
        member["x-ogc-role"] = "primary-instant"
    code_list = catalog.code_lists.get(field.codes or "")
    return member | (_code_members(field, code_list, language) if code_list and coded else {})


def _code_members(field: FieldDefinition, code_list: CodeList, language: Language) -> dict[str, Any]:
    """Return the values of a coded property with their labels, in the schema's language and in both."""
    values = [int(c.code) if field.type == "integer" else c.code for c in code_list.codes]
    labels = [{"zh-CN": c.label_zh, "en": c.label_en} for c in code_list.codes]
    enumerated: dict[str, Any] = {
        "enum": values,
        "oneOf": [{"const": value, "title": label[language]} for value, label in zip(values, labels, strict=True)],
        "x-onemap-labels": {str(value): label for value, label in zip(values, labels, strict=True)},
        "x-onemap-codelist": f"{code_list.standard} {code_list.standard_version}".strip(),
    }
    if field.type == "string_array":
        return {"items": {"type": "string", **enumerated}}
    return enumerated
