"""`/live/ws`: the stream of `/live` over a WebSocket, with a subscription that can be changed."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter
from starlette.websockets import WebSocket

from layers.errors import OneMapError, TooOften, Unauthenticated, Unavailable
from server.dependencies import StateHere
from server.http.gateway import client_address
from server.http.origins import Trust
from server.identity.auth import Authenticator
from server.identity.identity import Identity, actor_of_request
from server.live.notes import Asker
from server.live.socket import PROTOCOL, LiveSocket
from server.routes.live import filter_limits, identity_again, source_of

router = APIRouter()
_BEARER = "bearer."  # prefix of the sub-protocol that carries the token
_POLICY, _AGAIN = 1008, 1013


@router.websocket("/live/ws")
async def live_ws(socket: WebSocket, state: StateHere) -> None:
    """Serve one WebSocket. A browser sets no headers: it sends its token as a sub-protocol or in its first message."""
    trust = state.origins.trust(socket.scope)
    if trust is Trust.STRANGE:
        return await socket.close(_POLICY, "this page is of another origin; server.origins names those that may")
    offered = [name.strip() for name in socket.headers.get("sec-websocket-protocol", "").split(",")]
    strangers = Authenticator(policy=lambda: state.policy.policy)
    tokens = strangers if trust is Trust.READER else state.authenticator  # any page reads what is public

    async def identity_of_token(token: str) -> Identity:
        return await tokens.of_token(token, client_address(socket.scope))

    ask: Asker | None = None
    try:
        token = next((name.removeprefix(_BEARER) for name in offered if name.startswith(_BEARER)), None)
        if token is not None:
            actor, ask = (await identity_of_token(token)).actor, partial(identity_of_token, token)
        elif trust is Trust.READER:
            actor, ask = (await tokens.authenticate(socket.scope, client_address(socket.scope))).actor, None
        else:
            actor, ask = actor_of_request(socket.scope), partial(identity_again, state, socket.scope)
    except (Unauthenticated, TooOften):
        return await socket.close(_POLICY, "unknown token")
    except Unavailable:
        return await socket.close(_AGAIN, "the token cannot be checked now; come again")
    try:
        source = source_of(state)
    except OneMapError:
        return await socket.close(_AGAIN, "too many subscribers")
    await socket.accept(PROTOCOL if PROTOCOL in offered else None)
    await LiveSocket(
        socket,
        source,
        actor,
        identity_of_token,
        filter_limits(state),
        tile_changes=state.tile_changes,
        note_news=state.note_news,
        audit=state.audit,
        exports=state.exports,
        ask=ask,
    ).serve()
    return None
