"""Pieces that the OpenAPI description is put together of: operations, parameters, contents."""

from __future__ import annotations

from layers.types import Json
from server.formats.pages import JSONLD
from server.formats.table import offered

REFUSALS = (400, 401, 404, 413, 429, 500, 503)


def operation(name: str, summary: str, tag: str, content: Json, names: tuple[str, ...], *own: Json) -> Json:
    """Describe an operation; `names` are parameters of the components, `own` its own ones."""
    refused = {str(status): {"$ref": f"#/components/responses/{status}"} for status in REFUSALS}
    return {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "parameters": [*(_shared(name, content) for name in names), *own],
        "responses": {"200": {"description": "OK", "content": content}, **refused},
    }


def _shared(name: str, content: Json) -> Json:
    """Return a parameter of the components; `f` takes the forms that this very address has."""
    if name != "f":
        return {"$ref": f"#/components/parameters/{name}"}
    known = {media.type: media.f for media in offered()}
    forms = [known.get(kind, "json") for kind in content]
    told = "格式，优先于 Accept 头 format, before the Accept header"
    return query_parameter("f", told, {"type": "string", "enum": list(dict.fromkeys(forms))})


def documents(*, ld: bool = False, html: bool = True) -> Json:
    """Describe a document in its forms."""
    document: Json = {"application/json": {"schema": {"type": "object"}}}
    return document | ({"text/html": {}} if html else {}) | ({JSONLD.type: {}} if ld else {})


def query_parameter(name: str, description: str, schema: Json) -> Json:
    """Describe a parameter of the query string."""
    how = {"in": "query", "required": False, "style": "form", "explode": False}
    return {"name": name, "description": description, **how, "schema": schema}


def path_parameter(name: str, schema: Json) -> Json:
    """Describe a part of the address."""
    return {"name": name, "in": "path", "required": True, "schema": schema}
