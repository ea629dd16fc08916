"""Pages of other origins: which may read, which may write, and the CORS headers (the Fetch standard).

`server.origins` names them. ``*`` lets every page read public data without a token. A named page may send a token and
may write. No page of another origin may ever use a cookie.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.types import Scope

from server.errors import problem
from server.http.base_url import base_url
from server.http.scope import header

ANYBODY = "*"
EXPOSED = (
    *("Link", "ETag", "Location", "Retry-After", "WWW-Authenticate", "Allow", "Content-Disposition"),
    *("Content-Crs", "Content-Bbox", "Content-Datetime"),
    *("OGC-NumberMatched", "OGC-NumberReturned", "X-OneMap-Limit-Applied", "OneMap-Watermark"),
)
"""Headers of an answer that pages may read, beside those of the Fetch standard."""
_READING = ("GET", "HEAD", "OPTIONS")
_WRITING = ("POST", "PUT", "PATCH", "DELETE")
_SENT = (
    *("Accept", "Accept-Language", "Content-Type", "Cache-Control", "Pragma", "Range", "Prefer", "X-Requested-With"),
    *("If-None-Match", "If-Modified-Since", "Last-Event-ID", "OneMap-Approval"),
)
_KEPT_SECONDS = 7200  # the longest time that browsers keep the answer to a preflight


class Trust(Enum):
    """The trust in a request because of the page that sends it."""

    OURS = "ours"  # a page of this server, or no page at all
    NAMED = "named"
    READER = "reader"  # any page, where every page may read
    STRANGE = "strange"


class Origins:
    """The rules of `server.origins`.

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
        """Return the trust in a request; clients that are no browser send no origin."""
        found = {name: value for name, value in scope["headers"] if name in {b"origin", b"sec-fetch-site"}}
        origin = found.get(b"origin", b"").decode("latin-1")
        if not origin or found.get(b"sec-fetch-site") == b"same-origin" or self._is_own(origin, scope):
            return Trust.OURS
        if origin in self._named:
            return Trust.NAMED
        return Trust.READER if self._anybody else Trust.STRANGE

    def _is_own(self, origin: str, scope: Scope) -> bool:
        page, own = urlsplit(origin), urlsplit(base_url(scope, self._public_url))
        return page.scheme in {"http", "https"} and page.netloc == own.netloc

    def headers(self, scope: Scope) -> dict[str, str]:
        """Return the CORS headers of an answer, with a Vary so that caches keep the answers to two pages apart."""
        origin = header(scope, b"origin")
        if self._anybody:
            return {"access-control-allow-origin": ANYBODY, "access-control-expose-headers": ", ".join(EXPOSED)}
        if not self._named:
            return {}
        if origin not in self._named:
            return {"vary": "Origin"}
        exposed = {"access-control-expose-headers": ", ".join(EXPOSED)}
        return {"access-control-allow-origin": origin, "vary": "Origin", **exposed}

    def answer(self, scope: Scope) -> Response | None:
        """Return the answer to a preflight, or the refusal of a forbidden write; None lets the request pass."""
        if scope["type"] != "http" or not header(scope, b"origin"):
            return None
        preflight = any(name == b"access-control-request-method" for name, _ in scope["headers"])
        if scope["method"] == "OPTIONS" and preflight:
            return self._preflight(scope)
        return self._refusal(scope)

    def _preflight(self, scope: Scope) -> Response:
        """Answer a preflight, which browsers send before any request that a form could not send."""
        trust = self.trust(scope)
        if trust is Trust.STRANGE:
            return _forbidden(scope)
        methods = (*_READING, *_WRITING) if trust is not Trust.READER else (*_READING, "POST")  # a search may be a POST
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
        """Return the refusal of a write by a page that may not write; None lets the request pass."""
        if scope["method"] in _READING or self.trust(scope) in {Trust.OURS, Trust.NAMED} or _is_search(scope["path"]):
            return None
        return _forbidden(scope)


def _forbidden(scope: Scope) -> Response:
    detail = (
        f"a page of {header(scope, b'origin')[:200]} may not do this here; the setting server.origins names who may"
    )
    return problem(403, detail)


def _is_search(path: str) -> bool:
    """Whether a POST to this address only reads: its query is too long for an address."""
    of_items = path.startswith("/ogc/collections/") and path.rstrip("/").endswith("/items")
    return of_items or (path.startswith("/raster/") and path.endswith("/statistics"))
