"""`/asyncapi.json`: how messages come in and changes go out. `/schemas/…`: the schemas of the messages."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import orjson
from fastapi import APIRouter, Request, Response

import twin
from layers.errors import NotFound
from server.answers import Compressed
from server.asyncapi import MEDIA, asyncapi
from server.base_url import base_url
from server.state import State

router = APIRouter(tags=["schemas"])
SCHEMAS = Path(twin.__file__).parent / "schemas"
_URN = "urn:onemap:"
_HEADERS = {"Cache-Control": "public, max-age=3600"}


@router.get("/asyncapi.json", summary="How messages come in and changes go out, as AsyncAPI 3")
async def describe_streams(request: Request) -> Response:
    """Describe `/live`, `/live/ws`, feeds, webhooks and brokers."""
    state: State = request.app.state.shared
    base = base_url(request.scope, state.settings.server.public_url)
    return Compressed(orjson.dumps(asyncapi(base, state.build)), media_type=MEDIA, headers=_HEADERS)


@router.get("/schemas/{name}.json", summary="The JSON Schema of a kind of message")
async def schema(name: str, request: Request) -> Response:
    """Return a schema; its own address and those of the ones it refers to are addresses of this server."""
    text = _schemas().get(name)
    if text is None:
        raise NotFound(f"there is no schema '{name[:80]}'; schemas: {', '.join(sorted(_schemas()))}", parameter="name")
    state: State = request.app.state.shared
    base = base_url(request.scope, state.settings.server.public_url)
    for known in _schemas():
        text = text.replace(f'"{_URN}{known}', f'"{base}/schemas/{known}.json')
    return Compressed(text.encode(), media_type="application/schema+json", headers=_HEADERS)


@lru_cache(maxsize=1)
def _schemas() -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(SCHEMAS.glob("*.json"))}
