"""The frame of a fast path: an ASGI layer that answers some addresses and passes the others on.

Routing and dependency injection of a framework cost more than a query by key or a kept tile.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send


class FastPath[S](ABC):
    """ASGI layer in front of the application.

    Parameters
    ----------
    app
        The application behind.
    state
        Returns the shared parts of the running process; they exist once the application has started.
    """

    def __init__(self, app: ASGIApp, state: Callable[[], S]) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http" or not await self._answers(scope, receive, send):
            await self._app(scope, receive, send)

    @abstractmethod
    async def _answers(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer an HTTP request; False, with nothing read or sent, leaves it to the application."""
