"""Parts of the OpenAPI description: operations, parameters, contents."""

from __future__ import annotations

from layers.types import Json
from server.formats.pages import JSONLD
from server.formats.table import offered

REFUSALS = (400, 401, 404, 413, 429, 500, 503)


def operation(name: str, summary: str, tag: str, content: Json, names: tuple[str, ...], *own: Json) -> Json:
    """Return an operation; `names` are shared parameters of the components, `own` its own ones."""
    refused = {str(status): {"$ref": f"#/components/responses/{status}"} for status in REFUSALS}
    return {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "parameters": [*(_shared(name, content) for name in names), *own],
        "responses": {"200": {"description": "OK", "content": content}, **refused},
    }


def _shared(name: str, content: Json) -> Json:
    """Return a shared parameter; `f` lists the representations of this address."""
    if name != "f":
        return {"$ref": f"#/components/parameters/{name}"}
    known = {media.type: media.f for media in offered()}
    forms = [known.get(kind, "json") for kind in content]
    title = "格式，优先于 Accept 头 format, before the Accept header"
    return query_parameter("f", title, {"type": "string", "enum": list(dict.fromkeys(forms))})


def documents(*, ld: bool = False, html: bool = True) -> Json:
    """Return the content of a document in its representations."""
    document: Json = {"application/json": {"schema": {"type": "object"}}}
    return document | ({"text/html": {}} if html else {}) | ({JSONLD.type: {}} if ld else {})


def query_parameter(name: str, description: str, schema: Json) -> Json:
    """Return a parameter of the query string."""
    how = {"in": "query", "required": False, "style": "form", "explode": False}
    return {"name": name, "description": description, **how, "schema": schema}


def path_parameter(name: str, schema: Json) -> Json:
    """Return a parameter in the address."""
    return {"name": name, "in": "path", "required": True, "schema": schema}
