"""Requests to an application in the same loop, without a client between: the matrix asks some ten thousand of them."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

BASE = "map.test"


async def get(app, address, headers, *, enough=lambda _: False):
    """Return the status, the headers by name in small letters and the body of an address.

    Parameters
    ----------
    enough
        Whether a body that goes on for ever is long enough; the connection is then closed.
    """
    scope = _scope("http", address, headers) | {"method": "GET", "scheme": "http"}
    started, body, closed, asked = {}, bytearray(), asyncio.Event(), []

    async def receive():
        if not asked:
            asked.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}
        await closed.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if message["type"] == "http.response.start":
            started.update(message)
        else:
            body.extend(message.get("body", b""))
            if not message.get("more_body") or enough(body):
                closed.set()

    await app(scope, receive, send)
    given = {name.decode().lower(): value.decode() for name, value in started["headers"]}
    return started["status"], given, bytes(body)


async def converse(app, address, headers, said, *, enough):
    """Return the texts that a WebSocket sends after a message, until they are enough or it closes."""
    scope = _scope("websocket", address, headers) | {"scheme": "ws", "subprotocols": []}
    coming, closed, heard = asyncio.Queue(), asyncio.Event(), []
    coming.put_nowait({"type": "websocket.connect"})
    coming.put_nowait({"type": "websocket.receive", "text": said})

    async def receive():
        if not coming.empty():
            return coming.get_nowait()
        await closed.wait()
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(message):
        if message["type"] == "websocket.send":
            heard.append(message["text"])
        if message["type"] == "websocket.close" or enough("".join(heard).encode()):
            closed.set()

    await app(scope, receive, send)
    return heard


def _scope(kind, address, headers):
    path, _, query = address.partition("?")
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in {"host": BASE, **headers}.items()],
        "client": ("127.0.0.1", 1),
        "server": (BASE, 80),
    }
