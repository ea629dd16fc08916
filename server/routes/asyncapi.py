"""`/asyncapi.json`: the description of incoming messages and outgoing changes. `/schemas/…`: their JSON Schemas."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import orjson
from fastapi import APIRouter, Response

import twin
from layers.actor import Actor
from layers.errors import NotFound
from server.dependencies import ActorHere, BaseUrlHere, StateHere
from server.descriptions.asyncapi import MEDIA, asyncapi
from server.http.caching import VARIES, Keep, cache_control
from server.http.compressed import Compressed
from server.state import State

router = APIRouter(tags=["schemas"])
SCHEMAS = Path(twin.__file__).parent / "schemas"
_URN = "urn:onemap:"


@router.get("/asyncapi.json", summary="How messages come in and changes go out, as AsyncAPI 3")
async def describe_streams(state: StateHere, base: BaseUrlHere, actor: ActorHere) -> Response:
    """Describe `/live`, `/live/ws`, feeds, webhooks and brokers."""
    return Compressed(orjson.dumps(asyncapi(base, state.build)), media_type=MEDIA, headers=_headers(actor, state))


@router.get("/schemas/{name}.json", summary="The JSON Schema of a kind of message")
async def schema(name: str, state: StateHere, base: BaseUrlHere, actor: ActorHere) -> Response:
    """Return a schema; its own address and those of the ones it refers to are addresses of this server."""
    text = _schemas().get(name)
    if text is None:
        raise NotFound(f"there is no schema '{name[:80]}'; schemas: {', '.join(sorted(_schemas()))}", parameter="name")
    for known in _schemas():
        text = text.replace(f'"{_URN}{known}', f'"{base}/schemas/{known}.json')
    return Compressed(text.encode(), media_type="application/schema+json", headers=_headers(actor, state))


def _headers(actor: Actor, state: State) -> dict[str, str]:
    return {"Cache-Control": cache_control(Keep.STEADY, actor, state.settings), "Vary": VARIES}


@lru_cache(maxsize=1)
def _schemas() -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(SCHEMAS.glob("*.json"))}
