"""The cookie of a session: its name, its attributes, and from which pages it counts.

Over https it is `__Host-onemap`: browsers send it to this host alone, on every path, and only over https. Browsers
refuse that prefix without https, so over http the name is `onemap`; a server that is reached over https never
believes that one, because any page of a sibling host could have set it.
"""

from __future__ import annotations

from starlette.types import Message, Scope

from layers.errors import Forbidden
from server.http.base_url import base_url
from server.http.origins import Origins, Trust

SECURE_NAME = "__Host-onemap"
PLAIN_NAME = "onemap"
_TOLD_AT = "/session"
_UNAUTHORIZED = 401
_READING = ("GET", "HEAD", "OPTIONS")


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


def cookie_header(value: str, secure: bool) -> str:
    """Return the Set-Cookie header of a session; the browser forgets it when it is closed.

    Lax, not Strict: a link to the map from another site opens it logged in, and a provider's answer arrives.
    """
    return _header(value, secure)


def clear_cookie_header(secure: bool) -> str:
    """Return the Set-Cookie header that makes a browser forget its session."""
    return _header("", secure) + "; Max-Age=0"


def forget_session(scope: Scope, start: Message, secure: bool) -> None:
    """Clear the cookie of a session that is no more, where the person is told so: at `/session`, or on a page of 401.

    Everywhere else it stays: a page asks for many things at once, and were the first answer of 401 to take the cookie,
    the others would be the public's, and the page would go on as if somebody were logged in.
    """
    if scope["path"] != _TOLD_AT and not (start["status"] == _UNAUTHORIZED and _is_navigation(scope)):
        return
    headers = list(start.get("headers", ()))
    if not any(name.lower() == b"set-cookie" for name, _ in headers):
        start["headers"] = [*headers, (b"set-cookie", clear_cookie_header(secure).encode())]


def _is_navigation(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def _header(value: str, secure: bool) -> str:
    name = SECURE_NAME if secure else PLAIN_NAME
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")


def refuse_forged(scope: Scope) -> None:
    """Check that a page of this server sends a request that changes something and is known by its cookie alone.

    Raises
    ------
    Forbidden
        Without an Origin header; browsers send it with every such request. Another origin's was refused before.
    """
    if scope["type"] != "http" or scope["method"] in _READING:
        return
    if not any(name in {b"origin", b"sec-fetch-site"} for name, _ in scope["headers"]):
        raise Forbidden("a request that changes something by a cookie needs an Origin header; programs send a token")
