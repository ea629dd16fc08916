"""Compressed responses of routes."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.http.compression import send_bytes


class Compressed(Response):
    """A whole body, compressed when that pays and the client accepts it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # the ASGI signature
        """Send the response."""
        headers = {
            name: value for name, value in self.headers.items() if name not in ("content-length", "content-type")
        }
        await send_bytes(scope, send, bytes(self.body), self.headers["content-type"], headers, self.status_code)
