"""The outermost ASGI layer: the caller of a request, the answer to every error, and the headers of every answer.

It stands around the fast paths and the application. Their errors become answers here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from layers.database.admission import CALLER
from layers.database.faults import in_words
from layers.errors import OneMapError, Unauthenticated
from server.audit.touched import begin_note
from server.audit.watermark import HEADER as WATERMARK
from server.errors import detail_of, respond, respond_to
from server.exports.approval_number import asked_of, take_number
from server.http.body import bounded
from server.http.cost import caller_of
from server.http.crowd import CrowdPlace
from server.http.gateway import client_address
from server.http.headers import complete
from server.http.planes import is_hidden
from server.http.rates import network_of
from server.http.session_cookie import forget_session, is_secure, read_session_cookie, refuse_forged
from server.identity.identity import EndedSession, has_ended_session, keep_identity
from server.page.error_page import asks_for_page, error_page
from server.request_id import HEADER, begin_request
from server.state import State

_SECURE = {"https", "wss"}
_HEALTH = "/health"  # who watches a crowded service must not wait with the crowd
_REFUSED = 400
_FEEDS = "/feeds/"  # senders are known by a signature, the header may be for a proxy; a stream has bounds of its own


def shown(scope: Scope, response: Response, state: State) -> Response:
    """Return an error as who asks wants it: a page for a person with a browser, else as it is."""
    if not asks_for_page(scope):
        return response
    return error_page(scope, response, detail_of(response), state.settings.server)


class Front:
    """ASGI layer around the fast paths and the application.

    Parameters
    ----------
    app
        The layers inside.
    state
        Returns the state of the worker; it exists once the application has started.
    """

    def __init__(self, app: ASGIApp, state: Callable[[], State]) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        state = self._state()
        scope, approval = take_number(state.gateways.resolve(scope))
        begun = False
        more = {**state.origins.headers(scope), HEADER: begin_request()}
        note = begin_note(asked_of(scope), approval)

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                if message["status"] < _REFUSED and await state.exports.judge(note):
                    more[WATERMARK] = note.watermark.text if note.watermark else ""
                await state.audit.before_answer(scope, note, message["status"])
                begun = True
                if has_ended_session(scope):
                    forget_session(scope, message, is_secure(scope, state.settings.server.public_url))
                complete(message, more, is_secure=scope["scheme"] in _SECURE)
            await send(message)

        try:
            await self._serve(scope, receive, sending, state)
        except ClientDisconnect:
            return  # the client is gone
        except Exception as error:
            known = error if isinstance(error, OneMapError) else in_words(error)
            if known is not None:
                state.troubles.note(known)
            if begun or scope["type"] == "websocket":
                raise
            response = shown(scope, respond_to(scope["path"], known or error), state)
            await response(scope, receive, sending)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, state: State) -> None:
        """Answer a request in its turn, or raise."""
        CALLER.set(caller_of(scope))
        if is_hidden(scope, state.settings.server.admin_port):
            await shown(scope, respond(scope["path"], 404, "Not Found"), state)(scope, receive, send)
            return
        await self._identify(scope, state)
        application = state.origins.answer(scope) or self._app
        async with self._admit(scope, state) as place:
            sending = place.leaving(send) if place else send
            await application(scope, self._bounded(scope, receive, state), sending)

    @staticmethod
    def _bounded(scope: Scope, receive: Receive, state: State) -> Receive:
        """Bound the body for every reader; a feed's stream has bounds of its own."""
        if scope["type"] != "http" or scope["path"].startswith(_FEEDS):
            return receive
        return bounded(receive, state.settings.limits.body_bytes)

    @staticmethod
    def _admit(scope: Scope, state: State) -> AbstractAsyncContextManager[CrowdPlace | None]:
        """Count a request with its caller's, and return the place of a stranger's; others need none.

        Raises
        ------
        TooOften
            When the caller sends more than it may.
        """
        caller, is_feed = CALLER.get(), scope["path"].startswith(_FEEDS)
        assert caller is not None  # noqa: S101  # set before
        state.rates.take(caller, feeds=is_feed)
        if caller.known or is_feed or scope["type"] == "websocket" or scope["path"] == _HEALTH:
            return nullcontext()
        return state.crowd.place(network_of(caller.key), caller.cost)

    @staticmethod
    async def _identify(scope: Scope, state: State) -> None:
        """Check the credentials of a request, if there are any, before anything else, and keep its identity.

        Raises
        ------
        TooOften
            When its address has sent too many wrong ones.
        Forbidden
            When a session's cookie alone would change something, and no page of ours asked.
        Unauthenticated
            When a token is wrong, whatever the address: a client with a mistyped token must not take the public answer
            for the whole. For the cookie of an ended session, for feeds and for a WebSocket only what asks for the
            identity is refused.
        """

        def cookie() -> str | None:
            return read_session_cookie(scope, state.origins, state.settings.server.public_url)

        try:
            identity = await state.authenticator.authenticate(scope, client_address(scope), cookie)
        except Unauthenticated as error:
            keep_identity(scope, error)
            lenient = isinstance(error, EndedSession) or scope["path"].startswith(_FEEDS)
            if scope["type"] == "http" and not lenient:
                raise
        else:
            keep_identity(scope, identity)
            if identity.subject.session_id is not None:
                refuse_forged(scope)
            CALLER.set(caller_of(scope, None if identity.is_anonymous else identity.subject.id))
