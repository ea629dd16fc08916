"""The cookie of a login in progress: it ties the provider's answer to the browser that asked, for ten minutes."""

from __future__ import annotations

from starlette.types import Scope

_SECURE_NAME = "__Host-onemap-login"
_PLAIN_NAME = "onemap-login"


def login_cookie_header(value: str, seconds: int, *, secure: bool) -> str:
    """Return the Set-Cookie header of a login in progress; with 0 seconds the browser forgets it.

    It is sent on the way back from the provider, a navigation from another site: SameSite is Lax.
    """
    name = _SECURE_NAME if secure else _PLAIN_NAME
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{'; Secure' if secure else ''}"


def read_login_cookie(scope: Scope, *, secure: bool) -> str | None:
    """Return the value of the cookie of a login in progress; None without one."""
    wanted = _SECURE_NAME if secure else _PLAIN_NAME
    given = ";".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
    pairs = (part.strip().partition("=") for part in given.split(";"))
    return next((value for name, _, value in pairs if name == wanted and value), None)
