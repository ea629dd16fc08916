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
    path, _, query = address.partition("?")
    sent = [(name.encode(), value.encode()) for name, value in {"host": BASE, **headers}.items()]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": sent,
        "client": ("127.0.0.1", 1),
        "server": (BASE, 80),
    }
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
