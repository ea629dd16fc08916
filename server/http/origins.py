"""Pages of other origins: who of them may read, who may write, and what a browser is told of it (the Fetch standard).

`server.origins` names them. ``*`` lets a page of anywhere read what everybody may read: it may send no token. A page
that is named may send one, and may write. What no page of another origin may ever do is ride on a cookie.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.types import Scope

from server.errors import problem
from server.http.base_url import base_url

ANYBODY = "*"
EXPOSED = (
    *("Link", "ETag", "Location", "Retry-After", "WWW-Authenticate", "Allow", "Content-Disposition"),
    *("Content-Crs", "Content-Bbox", "Content-Datetime"),
    *("OGC-NumberMatched", "OGC-NumberReturned", "X-OneMap-Limit-Applied"),
)
"""What clients read of an answer, beside what the Fetch standard shows them anyway."""
_READING = ("GET", "HEAD", "OPTIONS")
_WRITING = ("POST", "PUT", "PATCH", "DELETE")
_SENT = (
    *("Accept", "Accept-Language", "Content-Type", "Cache-Control", "Pragma", "Range", "Prefer", "X-Requested-With"),
    *("If-None-Match", "If-Modified-Since", "Last-Event-ID"),
)
_KEPT_SECONDS = 7200  # the longest that browsers keep an answer to a preflight


class Trust(Enum):
    """How far a request is trusted because of the page that makes it."""

    OURS = "ours"  # a page of this server, or no page at all
    NAMED = "named"
    READER = "reader"  # anybody's page, and anybody may read
    STRANGE = "strange"


class Origins:
    """What `server.origins` says.

    Parameters
    ----------
    allowed
        Origins as browsers write them (``https://map.example.gov.cn``), or ``*``.
    public_url
        The address of this server as its clients know it.
    """

    def __init__(self, allowed: Iterable[str], public_url: str | None) -> None:
        self._named = frozenset(allowed) - {ANYBODY}
        self._anybody = ANYBODY in allowed
        self._public_url = public_url

    def trust(self, scope: Scope) -> Trust:
        """Return how far a request is trusted; what is no browser says no origin."""
        found = {name: value for name, value in scope["headers"] if name in {b"origin", b"sec-fetch-site"}}
        origin = found.get(b"origin", b"").decode("latin-1")
        if not origin or found.get(b"sec-fetch-site") == b"same-origin" or self._is_own(origin, scope):
            return Trust.OURS
        if origin in self._named:
            return Trust.NAMED
        return Trust.READER if self._anybody else Trust.STRANGE

    def _is_own(self, origin: str, scope: Scope) -> bool:
        asked, own = urlsplit(origin), urlsplit(base_url(scope, self._public_url))
        return asked.scheme in {"http", "https"} and asked.netloc == own.netloc

    def told(self, scope: Scope) -> dict[str, str]:
        """Return the headers that let a page read an answer, and caches keep answers to two pages apart."""
        origin = _origin(scope)
        if self._anybody:
            return {"access-control-allow-origin": ANYBODY, "access-control-expose-headers": ", ".join(EXPOSED)}
        if not self._named:
            return {}
        if origin not in self._named:
            return {"vary": "Origin"}
        exposed = {"access-control-expose-headers": ", ".join(EXPOSED)}
        return {"access-control-allow-origin": origin, "vary": "Origin", **exposed}

    def answer(self, scope: Scope) -> Response | None:
        """Answer a preflight, and a write that its page may not do; None lets the request pass."""
        if scope["type"] != "http" or not _origin(scope):
            return None
        asks = any(name == b"access-control-request-method" for name, _ in scope["headers"])
        if scope["method"] == "OPTIONS" and asks:
            return self._preflight(scope)
        return self._refusal(scope)

    def _preflight(self, scope: Scope) -> Response:
        """Answer the question a browser asks before a request that a form could not send."""
        trust = self.trust(scope)
        if trust is Trust.STRANGE:
            return _refused(scope)
        methods = (*_READING, *_WRITING) if trust is not Trust.READER else (*_READING, "POST")  # a search is a POST too
        sent = _SENT if trust is Trust.READER else (*_SENT, "Authorization")
        return Response(
            status_code=204,
            headers={
                "Access-Control-Allow-Methods": ", ".join(methods),
                "Access-Control-Allow-Headers": ", ".join(sent),
                "Access-Control-Max-Age": str(_KEPT_SECONDS),
                "Cache-Control": "no-store",
                "Vary": "Access-Control-Request-Method, Access-Control-Request-Headers",
            },
        )

    def _refusal(self, scope: Scope) -> Response | None:
        """Refuse a write from a page that may not write; None lets the request pass."""
        if scope["method"] in _READING or self.trust(scope) in {Trust.OURS, Trust.NAMED} or _is_search(scope["path"]):
            return None
        return _refused(scope)


def _origin(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), "")


def _refused(scope: Scope) -> Response:
    told = f"a page of {_origin(scope)[:200]} may not do this here; the setting server.origins names who may"
    return problem(403, told)


def _is_search(path: str) -> bool:
    """Whether a POST to this address only reads, because what it asks for is too long for an address."""
    of_items = path.startswith("/ogc/collections/") and path.rstrip("/").endswith("/items")
    return of_items or (path.startswith("/raster/") and path.endswith("/statistics"))
