"""`/ogc/processes` and `/ogc/jobs` in a browser: the JSON of the same address, as its reader receives it, as a page."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from layers.errors import BadInput
from layers.types import Json
from server.formats.media import Media
from server.formats.pages import HTML
from server.formats.table import choose_format
from server.ogc.answer import Endpoint, OgcResponse, document_response
from server.ogc.html import Page
from server.ogc.visit import Visit

_SCOPE: ContextVar[Scope] = ContextVar("the request for a page of processes")
_OF_PAGES = frozenset({"f", "lang"})
_PLAIN = [(b"accept", b"application/json")]


@dataclass(frozen=True)
class ProcessPage(Endpoint):
    """An address whose JSON is a page too; parameters are those of the JSON."""

    parameters: tuple[str, ...] | None = None
    formats: tuple[Media, ...] = (HTML,)
    timeless: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        _SCOPE.set(scope)
        await super().__call__(scope, receive, send)


def _page(path: str, template: str) -> ProcessPage:
    async def answer(visit: Visit, _: Mapping[str, str]) -> OgcResponse:
        shown = document_response(visit, Page(template, await _document(_SCOPE.get())), HTML.type)
        return OgcResponse(shown.content, shown.media_type, {"Cache-Control": "no-store"})

    return ProcessPage(path, answer)


async def _document(scope: Scope) -> Json:
    """Return the JSON of the same address.

    Raises
    ------
    OneMapError
        Whatever the address raises.
    """
    parts: list[bytes] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def take(message: MutableMapping[str, Any]) -> None:
        parts.append(message.get("body", b""))

    given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    kept = urlencode([(name, value) for name, value in given if name not in _OF_PAGES])
    headers = [*(one for one in scope["headers"] if one[0] != b"accept"), *_PLAIN]
    inner = {**scope, "method": "GET", "headers": headers, "query_string": kept.encode("ascii")}
    inner.pop("route", None)
    await scope["app"].router(inner, receive, take)
    found: Json = orjson.loads(b"".join(parts))
    return found


class _PageRoute(Route):
    """A route for browsers: any other client is answered by the address of the JSON."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return (match, found) if match is Match.NONE or _wants_page(scope) else (Match.NONE, {})


def _wants_page(scope: Scope) -> bool:
    given = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
    accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
    try:
        return scope["method"] in {"GET", "HEAD"} and choose_format(given.get("f"), accept) is HTML
    except BadInput:
        return False


def page_routes() -> list[BaseRoute]:
    """Return the routes of the pages, which stand before those of the JSON."""
    return [
        _PageRoute(f"/ogc{path}", _page(path, template))
        for path, template in (
            ("/processes", "processes/index.html"),
            ("/processes/{process_id}", "processes/process.html"),
            ("/jobs", "processes/jobs.html"),
            ("/jobs/{job_id}", "processes/job.html"),
        )
    ]
