"""From a request to a visit, and from a document to bytes: the part of the adapter that knows HTTP but not pygeoapi."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Protocol

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from layers.database.faults import in_words
from layers.errors import BadInput, OneMapError
from server.errors import ogc_exception, respond_to
from server.formats.geojson import GEOJSON
from server.formats.media import Media
from server.formats.pages import HTML, JSONLD
from server.formats.table import choose_format
from server.http.base_url import base_url
from server.http.body import read_text
from server.http.caching import Keep, cache_control
from server.http.compression import send_bytes
from server.http.parameters import parameters_of, refuse_unknown
from server.identity.identity import actor_of_request
from server.items.fast import is_filter
from server.ogc.html import Page, render
from server.ogc.visit import Visit, language_of
from server.state import state_of

JSON_HTML = (GEOJSON, HTML)
JSON_HTML_LD = (GEOJSON, HTML, JSONLD)
_HEADERS = {
    "Vary": "Accept, Accept-Encoding, Accept-Language, Authorization",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class OgcResponse:
    """A body, its media type and its other headers."""

    content: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of the OGC API.

    Attributes
    ----------
    path
        Path below ``/ogc``, as starlette writes it; ``{collection}`` is a layer's id.
    answer
        Returns the response to a visit, given the other names in the address.
    parameters
        Query parameters that are read; any other is refused. `None` leaves the check to `answer`.
    timeless
        Whether equal bodies mean that nothing changed, so that the body gives an entity tag.
    listed
        Parameters that may occur several times.
    """

    path: str
    answer: Callable[[Visit, Mapping[str, str]], Awaitable[OgcResponse]]
    parameters: tuple[str, ...] | None = ("f", "lang")
    formats: tuple[Media, ...] = JSON_HTML
    methods: tuple[str, ...] = ("GET", "HEAD")
    timeless: bool = True
    listed: tuple[str, ...] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; an error that a person sees in a browser becomes a page."""
        if scope["method"] not in self.methods:
            await self._no_such_method(scope, receive, send)
            return
        visit = None
        try:
            visit = self._visit_of(scope)
            visit = await self._checked(visit, scope, receive)
            answer = await self.answer(visit, scope["path_params"])
        except Exception as error:
            known = error if isinstance(error, OneMapError) else in_words(error)
            if known is None or visit is None or visit.media is not HTML:
                raise  # which `server.front` answers
            visit.state.troubles.note(known)
            await _send_error_page(known, visit, scope, receive, send)
            return
        await self._send(answer, visit, scope, receive, send)

    async def _no_such_method(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = {"Allow": ", ".join((*self.methods, "OPTIONS"))}
        if scope["method"] == "OPTIONS":
            response = Response(status_code=204, headers=allowed)
        else:
            response = ogc_exception(405, f"{scope['method']} is not allowed here; allowed are {allowed['Allow']}")
            response.headers.update(allowed)
        await response(scope, receive, send)

    def _visit_of(self, scope: Scope) -> Visit:
        """Return the reader, the representation and the language of a request, which an error page needs too."""
        state = state_of(scope["app"])
        headers = dict(scope["headers"])
        given = parameters_of(scope["query_string"].decode("latin-1"), state.settings.limits, self.listed)
        media = self._media(given.get("f"), headers.get(b"accept", b"").decode("latin-1"))
        if media is HTML:  # an empty field of a form is no condition
            given = {name: value for name, value in given.items() if value}
        return Visit(
            state=state,
            actor=actor_of_request(scope),
            catalog=state.catalog.current,
            named=None,
            media=media,
            language=language_of(given.get("lang"), headers.get(b"accept-language", b"").decode("latin-1")),
            base=base_url(scope, state.settings.server.public_url),
            path=scope["path"],
            given=given,
            accept=headers.get(b"accept", b"").decode("latin-1"),
        )

    async def _checked(self, visit: Visit, scope: Scope, receive: Receive) -> Visit:
        if self.parameters is not None:
            refuse_unknown(visit.given, self.parameters)
        collection = scope["path_params"].get("collection")
        if collection is not None:
            visit = replace(visit, named=visit.catalog.visible(collection, visit.actor))
        if scope["method"] != "POST":
            return visit
        limit_bytes = visit.state.settings.limits.body_bytes
        return replace(visit, body=await _filter_of(scope["headers"], receive, limit_bytes))

    def _media(self, f: str | None, accept: str) -> Media:
        media = choose_format(f, accept)
        if media in self.formats:
            return media
        if f is not None:
            raise BadInput(f"f is '{f}'; allowed are {', '.join(m.f for m in self.formats)}", parameter="f")
        return GEOJSON

    async def _send(self, answer: OgcResponse, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        keep = Keep.STEADY if self.timeless else Keep.LIVE
        cached = {"Cache-Control": cache_control(keep, visit.actor, visit.state.settings)}
        headers = {**_HEADERS, **cached, "Content-Language": visit.language, **answer.headers}
        if self.timeless:
            tag = f'W/"{blake2b(answer.content, digest_size=12).hexdigest()}"'
            headers["ETag"] = tag
            if tag in dict(scope["headers"]).get(b"if-none-match", b"").decode("latin-1"):
                await Response(status_code=304, headers=headers)(scope, receive, send)
                return
        await send_bytes(scope, send, answer.content, answer.media_type, headers)


async def _filter_of(headers: list[tuple[bytes, bytes]], receive: Receive, limit_bytes: int) -> str:
    if not is_filter(dict(headers)):
        raise BadInput("the body of a POST is a CQL2 filter; layers cannot be written to here", parameter="body")
    return await read_text(receive, limit_bytes, headers)


async def _send_error_page(error: OneMapError, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
    response = respond_to(scope["path"], error)
    page = Page("exception.html", orjson.loads(response.body))
    body = await run_in_threadpool(render, page, visit)
    kept = {name: value for name, value in response.headers.items() if name in {"cache-control", "retry-after"}}
    await Response(body, response.status_code, kept, "text/html")(scope, receive, send)


def document_response(visit: Visit, document: Page | dict[str, object], media_type: str) -> OgcResponse:
    """Return a document as the page or the JSON that the visit requests."""
    if isinstance(document, Page):
        return OgcResponse(render(document, visit), "text/html; charset=utf-8")
    return OgcResponse(orjson.dumps(document, default=str), JSONLD.type if visit.media is JSONLD else media_type)


class Addressed(Protocol):
    """An application at an address below ``/ogc``."""

    @property
    def path(self) -> str:
        """The path below ``/ogc``, as starlette writes it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""


def routes(endpoints: Iterable[Addressed]) -> list[BaseRoute]:
    """Return the routes below ``/ogc``, each with and without a slash at the end, so that nothing is redirected."""
    found: list[BaseRoute] = []
    for endpoint in endpoints:
        path = f"/ogc{endpoint.path}"
        found.append(Route(path, endpoint))
        if not path.endswith(":path}"):
            found.append(Route(f"{path}/", endpoint))
    return found
