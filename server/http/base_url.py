"""The address that links start with."""

from __future__ import annotations

import re

from starlette.types import Scope

from server.http.scope import header

HOST = re.compile(r"[A-Za-z0-9.\-_\[\]:]{1,255}")


def base_url(scope: Scope, public_url: str | None) -> str:
    """Return scheme, host and prefix of this server as its clients know it, without a slash at the end.

    A configured public address wins. Otherwise the Host header is repeated, but only if it looks like a host: clients
    may send any text, and it ends up in every link.
    """
    if public_url:
        return public_url.rstrip("/")
    host = header(scope, b"host")
    if not HOST.fullmatch(host):
        address, port = scope.get("server") or ("127.0.0.1", 8000)
        host = f"{address}:{port}"
    return f"{scope.get('scheme', 'http')}://{host}"
