"""Parts of an ASGI scope."""

from __future__ import annotations

from starlette.types import Scope


def raw_path(scope: Scope) -> str:
    """Return the path as it was sent, percent-encoded and without the query string."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("latin-1").partition("?")[0]


def header(scope: Scope, name: bytes) -> str:
    """Return the first header of a name in lower case; empty when there is none."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
