"""The cookie of a session: its name, its attributes, and from which pages it counts.

Over https it is `__Host-onemap`: browsers send it to this host alone, on every path, and only over https. Browsers
refuse that prefix without https, so over http the name is `onemap`; a server that is reached over https never
believes that one, because any page of a sibling host could have set it.
"""

from __future__ import annotations

from starlette.types import Scope

from server.http.base_url import base_url
from server.http.origins import Origins, Trust

SECURE_NAME = "__Host-onemap"
PLAIN_NAME = "onemap"


def read_session_cookie(scope: Scope, origins: Origins, public_url: str | None) -> str | None:
    """Return the value of the cookie of a session; None without one, and for requests of pages of other origins."""
    given = [value for name, value in scope["headers"] if name == b"cookie"]
    if not given or origins.trust(scope) is not Trust.OURS:
        return None
    wanted = SECURE_NAME if is_secure(scope, public_url) else PLAIN_NAME
    for part in ";".join(value.decode("latin-1") for value in given).split(";"):
        name, _, value = part.strip().partition("=")
        if name == wanted and value:
            return value
    return None


def is_secure(scope: Scope, public_url: str | None) -> bool:
    """Whether the client reaches this server over https."""
    return base_url(scope, public_url).startswith(("https:", "wss:"))


def cookie_header(value: str, secure: bool) -> str:  # as `clear_cookie_header`
    """Return the Set-Cookie header of a new session; it ends with the browser, or earlier on the server."""
    name = SECURE_NAME if secure else PLAIN_NAME
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"


def clear_cookie_header(secure: bool) -> str:  # as `cookie_header`
    """Return the Set-Cookie header with which the browser forgets its session."""
    return cookie_header("", secure) + "; Max-Age=0"
