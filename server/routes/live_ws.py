"""`/live/ws`: the stream of `/live` over a WebSocket, with a subscription that can be changed."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.datastructures import Headers
from starlette.websockets import WebSocket

from layers.actor import Actor
from layers.errors import OneMapError, Unauthenticated
from server.dependencies import StateHere
from server.http.origins import Trust
from server.identity.auth import Authenticator
from server.live.socket import PROTOCOL, LiveSocket
from server.routes.live import filter_limits, source_of

router = APIRouter()
_BEARER = "bearer."  # prefix of the sub-protocol that carries the token
_POLICY, _AGAIN = 1008, 1013
NO_TOKENS = Authenticator(None)


@router.websocket("/live/ws")
async def live_ws(socket: WebSocket, state: StateHere) -> None:
    """Serve one WebSocket. A browser sets no headers: it sends its token as a sub-protocol or in its first message."""
    trust = state.origins.trust(socket.scope)
    if trust is Trust.STRANGE:
        return await socket.close(_POLICY, "this page is of another origin; server.origins names those that may")
    offered = [name.strip() for name in socket.headers.get("sec-websocket-protocol", "").split(",")]
    authenticator = NO_TOKENS if trust is Trust.READER else state.authenticator  # any page reads what is public
    try:
        actor = _actor(authenticator, socket.headers, offered)
    except Unauthenticated:
        return await socket.close(_POLICY, "unknown token")
    try:
        source = source_of(state)
    except OneMapError:
        return await socket.close(_AGAIN, "too many subscribers")
    await socket.accept(PROTOCOL if PROTOCOL in offered else None)
    await LiveSocket(socket, source, actor, authenticator, filter_limits(state), state.tile_changes).serve()
    return None


def _actor(authenticator: Authenticator, headers: Headers, offered: list[str]) -> Actor:
    token = next((name.removeprefix(_BEARER) for name in offered if name.startswith(_BEARER)), None)
    if token is None:
        return authenticator.actor(headers.raw)
    return authenticator.actor([(b"authorization", b"Bearer " + token.encode())])
