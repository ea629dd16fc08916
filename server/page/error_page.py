"""Errors as pages: what a person reads in a browser instead of problem details, with a way home."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from layers.errors import BadInput
from server.formats.accept import accepted_types
from server.page.frame import PageReading, page_response, reading_of
from server.settings import ServerSettings

_HEADINGS = {404: "lost", 500: "broken", 503: "broken"}


def asks_for_page(scope: Scope) -> bool:
    """Whether a request is that of a person who follows a link: it accepts a page before anything of programs.

    Addresses of the OGC API have pages of their own.
    """
    if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
        return False
    if scope["path"] == "/ogc" or scope["path"].startswith("/ogc/"):
        return False
    accept = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept"), "")
    return next(iter(accepted_types(accept)), "") in {"text/html", "application/xhtml+xml"}


def error_page(scope: Scope, response: Response, detail: str, server: ServerSettings) -> Response:
    """Return an error as a page, with the status and the headers of the response that a program gets."""
    reading = _reading(scope, server)
    query = f"?{scope['query_string'].decode('latin-1')}" if scope.get("query_string") else ""
    page = page_response(
        "error.html",
        reading,
        response.status_code,
        heading=_HEADINGS.get(response.status_code, "refused"),
        detail=detail,
        path=scope["path"],
        code=response.status_code,
        login=f"{reading.base}/login?next={quote(scope['path'] + query, safe='')}",
    )
    kept = {"cache-control", "retry-after", "www-authenticate"}
    page.headers.update({name: value for name, value in response.headers.items() if name in kept})
    return page


def _reading(scope: Scope, server: ServerSettings) -> PageReading:
    request = Request(scope)
    try:
        return reading_of(request, server)
    except BadInput:  # the language itself may be what is wrong
        return reading_of(Request({**scope, "query_string": b""}), server)
