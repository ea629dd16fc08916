"""Redirects to another server. All others lose their host (`server.http.headers`), so that no link leads away."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

_MARK = "onemap.elsewhere"


class Elsewhere(Response):
    """A redirect to an address of the configuration: an identity provider."""

    def __init__(self, address: str) -> None:
        super().__init__(status_code=303, headers={"Location": address, "Cache-Control": "no-store"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, marked as one that may lead elsewhere."""

        async def marked(message: Message) -> None:
            await send({**message, _MARK: True} if message["type"] == "http.response.start" else message)

        await super().__call__(scope, receive, marked)


def leads_elsewhere(start: Message) -> bool:
    """Whether the beginning of a response is that of `Elsewhere`."""
    return start.get(_MARK) is True
