"""Pieces that the OpenAPI description is put together of: operations, parameters, contents."""

from __future__ import annotations

from typing import Any

from server.media import JSONLD

type Json = dict[str, Any]


def operation(name: str, summary: str, tag: str, content: Json, names: tuple[str, ...], *own: Json) -> Json:
    """Describe an operation; `names` are parameters of the components, `own` its own ones."""
    refused = {str(status): {"$ref": f"#/components/responses/{status}"} for status in (400, 401, 404, 413, 500, 503)}
    return {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "parameters": [*({"$ref": f"#/components/parameters/{name}"} for name in names), *own],
        "responses": {"200": {"description": "OK", "content": content}, **refused},
    }


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
