"""The outermost ASGI layer: the caller of a request, the answer to every error, and the headers of every answer.

It stands around the fast paths and the application. Their errors become answers here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from layers.database.admission import CALLER
from layers.database.faults import in_words
from layers.errors import OneMapError, TooOften, Unauthenticated
from server.errors import respond_to
from server.http.body import bounded
from server.http.cost import caller_of
from server.http.gateway import client_address
from server.http.guesses import Guesses
from server.http.headers import complete
from server.state import State

_FEEDS = "/feeds/"  # senders are known by a signature, the header may be for a proxy; a stream has bounds of its own


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
        self._guesses = Guesses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        state = self._state()
        scope = state.gateways.resolve(scope)
        begun = False
        cors = state.origins.headers(scope)

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                complete(message, cors)
            await send(message)

        try:
            CALLER.set(caller_of(scope, state.authenticator))
            self._refuse_guesses(scope, state)
            await (state.origins.answer(scope) or self._app)(scope, self._bounded(scope, receive, state), sending)
        except ClientDisconnect:
            return  # the client is gone
        except Exception as error:
            known = error if isinstance(error, OneMapError) else in_words(error)
            if known is not None:
                state.troubles.note(known)
            if begun or scope["type"] == "websocket":
                raise
            await respond_to(scope["path"], known or error)(scope, receive, sending)

    @staticmethod
    def _bounded(scope: Scope, receive: Receive, state: State) -> Receive:
        """Bound the body for every reader; a feed's stream has bounds of its own."""
        if scope["type"] != "http" or scope["path"].startswith(_FEEDS):
            return receive
        return bounded(receive, state.settings.limits.body_bytes)

    def _refuse_guesses(self, scope: Scope, state: State) -> None:
        """Check a token, if there is one, before anything else.

        Raises
        ------
        TooOften
            When its address has sent too many wrong ones.
        Unauthenticated
            When it is wrong, whatever the address: a client with a mistyped token must not take the public answer for
            the whole.
        """
        if not any(name == b"authorization" for name, _ in scope["headers"]):
            return
        address = client_address(scope)
        if not self._guesses.may(address):
            raise TooOften("too many wrong tokens came from your address; wait a minute")
        try:
            state.authenticator.actor(scope["headers"])
        except Unauthenticated:
            self._guesses.wrong(address)
            if scope["type"] == "http" and not scope["path"].startswith(_FEEDS):
                raise
        else:
            self._guesses.right(address)
