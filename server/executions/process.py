"""Processes: operations of our own HTTP interface under the names and in the form of OGC API Processes.

A process is declared by the operation that it runs. Its title, its inputs and its outputs are those that the
operation's OpenAPI says, so that both faces of one computation never differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from layers.types import Json

VERSION = "1.0.0"
RESULT = "result"
"""The one output of every process."""
_REFERENCE = "#/components/schemas/"
_DEPTH_MAX = 12
_KEPT_OUT = frozenset({"f"})  # a process has one representation, which the client needs not choose


@dataclass(frozen=True, slots=True)
class Process:
    """One process.

    Attributes
    ----------
    method, path
        The operation; inputs with the names of the path's parts go there, those of GET into the query, and those of
        POST into the body.
    media_type
        Of the result.
    """

    id: str
    method: Literal["get", "post"]
    path: str
    media_type: str = "application/json"

    def operation(self, openapi: Json) -> Json:
        """Return the operation in our OpenAPI document.

        Raises
        ------
        KeyError
            When there is no such operation: the declaration is wrong.
        """
        found: Json = openapi["paths"][self.path][self.method]
        return found


GEOJSON = "application/geo+json"
PROCESSES: Mapping[str, Process] = {
    process.id: process
    for process in (
        Process("locate", "get", "/twin/locate"),
        Process("nearby", "get", "/twin/nearby", GEOJSON),
        Process("area-features", "get", "/twin/areas/{code}/features", GEOJSON),
        Process("aggregate", "get", "/twin/aggregate", GEOJSON),
        Process("join", "get", "/twin/join", GEOJSON),
        Process("responsibility", "get", "/twin/responsibility"),
        Process("addresses", "get", "/twin/addresses"),
        Process("service-sites", "get", "/twin/service-sites", GEOJSON),
        Process("patrols", "get", "/twin/patrols"),
        Process("nearest-resources", "post", "/twin/nearest-resources", GEOJSON),
        Process("cameras-seeing", "get", "/twin/cameras-seeing", GEOJSON),
        Process("cameras-along-route", "get", "/twin/cameras-along-route", GEOJSON),
        Process("coverage", "get", "/twin/coverage", GEOJSON),
        Process("population", "post", "/twin/population", GEOJSON),
        Process("broadcast-terminals", "post", "/twin/broadcast-terminals", GEOJSON),
        Process("waterway-stretch-impact", "get", "/twin/waterway-stretch-impact", GEOJSON),
        Process("related", "get", "/twin/features/{layer}/{feature_id}/related"),
        Process("route", "get", "/twin/route", GEOJSON),
        Process("reachable", "get", "/twin/reachable", GEOJSON),
    )
}
"""Every process by id, in the order in which they are listed."""


def summary(process: Process, openapi: Json) -> Json:
    """Return the summary of a process, without links."""
    operation = process.operation(openapi)
    return {
        "id": process.id,
        "title": operation["summary"],
        "description": operation.get("description", operation["summary"]),
        "version": VERSION,
        "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
        "outputTransmission": ["value"],
    }


def description(process: Process, openapi: Json) -> Json:
    """Return the description of a process with the schemas of its inputs and outputs, without links."""
    return summary(process, openapi) | {
        "inputs": inputs_of(process, openapi),
        "outputs": {RESULT: _output(process, openapi)},
    }


def inputs_of(process: Process, openapi: Json) -> dict[str, Json]:
    """Return the inputs of a process by name."""
    operation = process.operation(openapi)
    found = {
        one["name"]: _input(
            one["name"], one.get("schema", {}), one.get("description"), required=bool(one.get("required"))
        )
        for one in operation.get("parameters", ())
        if one["in"] in {"query", "path"} and one["name"] not in _KEPT_OUT
    }
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    body = _inline(content["schema"], openapi) if content else {}
    required = body.get("required", ())
    for name, schema in body.get("properties", {}).items():
        found[name] = _input(name, schema, schema.get("description"), required=name in required)
    return {name: one | {"schema": _inline(one["schema"], openapi)} for name, one in found.items()}


def _input(name: str, schema: Json, text: str | None, *, required: bool) -> Json:
    said = {"title": schema.get("title", name), "schema": schema, "minOccurs": int(required), "maxOccurs": 1}
    return said | ({"description": text} if text else {})


def _output(process: Process, openapi: Json) -> Json:
    content = process.operation(openapi)["responses"]["200"].get("content", {})
    schema = next((one["schema"] for one in content.values() if "schema" in one), {"type": "object"})
    return {
        "title": "结果 Result",
        "description": process.media_type,
        "schema": _inline(schema, openapi) | {"contentMediaType": process.media_type},
    }


def _inline(schema: Any, openapi: Json, depth: int = 0) -> Any:
    """Return a schema with what it refers to in its place, so that a client needs no other document."""
    if depth > _DEPTH_MAX:  # of schemas that refer to themselves
        return {}
    if isinstance(schema, list):
        return [_inline(one, openapi, depth) for one in schema]
    if not isinstance(schema, dict):
        return schema
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith(_REFERENCE):
        found = openapi["components"]["schemas"][reference.removeprefix(_REFERENCE)]
        beside = {name: one for name, one in schema.items() if name != "$ref"}  # default and description of this use
        return {**_inline(found, openapi, depth + 1), **_inline(beside, openapi, depth)}
    nullable = [one for one in schema.get("anyOf", ()) if one == {"type": "null"}]
    kept = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if nullable and len(kept) == 1:  # as OpenAPI 3.0 writes it, which the standard's schemas follow
        rest = {name: one for name, one in schema.items() if name != "anyOf"}
        return {**_inline(kept[0], openapi, depth), **_inline(rest, openapi, depth), "nullable": True}
    return {name: _inline(one, openapi, depth) for name, one in schema.items()}
