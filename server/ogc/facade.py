"""The OGC API: pygeoapi's functions behind our own adapter, and the only file that knows `pygeoapi.api`.

One API object an audience is built in memory, at its first visit after the catalogue changed. A request becomes a
`Visit` (`server/ogc/answer.py`), pygeoapi returns its document in a worker thread, the document is corrected
(`server/ogc/documents.py`) and sent as JSON or as a page. In front of it all `server/items/fast.py` answers items.
"""

from __future__ import annotations

import copy
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fastapi import FastAPI
from pygeoapi import api as core
from pygeoapi import linked_data
from pygeoapi.api import API, APIRequest, itemtypes
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from layers.catalog_holder import CatalogHolder
from layers.errors import BadInput, NotFound, OneMapError
from server.formats.geojson import GEOJSON
from server.formats.pages import HTML, JSONLD
from server.front import Front
from server.items.request import ITEM_PARAMETERS
from server.ogc import documents, feature_schema, map_tiles, maps, tiles
from server.ogc.answer import JSON_HTML_LD, Endpoint, OgcResponse, document_response, routes
from server.ogc.config import pygeoapi_config
from server.ogc.edr import endpoints as edr
from server.ogc.html import Page
from server.ogc.moving import endpoints as moving
from server.ogc.openapi import OPENAPI_TYPE, openapi
from server.ogc.process_pages import page_routes
from server.ogc.raster_collections import RasterFirst, raster_first
from server.ogc.request import item_visit, items_visit
from server.ogc.visit import Visit, visiting
from server.settings import Settings
from server.state import state_of

_AUDIENCES_MAX = 32


def hand_over_documents() -> None:
    """Make pygeoapi return its documents instead of their text.

    Its `to_json` writes `a<b` as `a&lt;b` inside JSON; its `render_j2_template` compiles every template at each call
    and keeps one translated configuration for all audiences. With both replaced, we serialise and render the document
    once, after it has been corrected. pygeoapi would also set up logging for the whole process, and log every mistake
    of a client as an error of its own: both are switched off.
    """
    logging.getLogger("pygeoapi").setLevel(logging.CRITICAL)
    for module in (core, itemtypes):
        module.to_json = lambda document, *_: document
        module.render_j2_template = _page
    linked_data.render_j2_template = lambda _config, _paths, _template, data, *_: data
    core.setup_logger = lambda _: None


def _page(_config: Any, _paths: Any, template: str, data: dict[str, Any], *_: Any) -> Page:
    return Page(template, data)


class Pygeoapi:
    """The API objects of the current catalogue, by audience; built at an audience's first visit."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._built: OrderedDict[str, API] = OrderedDict()
        self._followed: CatalogHolder | None = None
        self._generation = 0

    async def of(self, visit: Visit) -> API:
        """Return the API object for a visit, with links that start where the visit's do."""
        self._follow(visit.state.catalog)
        audience = visit.actor.audience
        built = self._built.get(audience) or await self._build(visit, audience)
        if audience in self._built:
            self._built.move_to_end(audience)
        return _with_base(built, visit)

    async def _build(self, visit: Visit, audience: str) -> API:
        generation = self._generation
        built = await run_in_threadpool(_build_api, self._settings, visit)
        if generation == self._generation:  # else it serves this visit and is not kept
            self._built[audience] = built
        if len(self._built) > _AUDIENCES_MAX:
            self._built.popitem(last=False)
        return built

    def _follow(self, holder: CatalogHolder) -> None:
        if self._followed is not holder:
            self._followed = holder
            holder.on_change.append(self._forget)

    def _forget(self) -> None:
        self._generation += 1
        self._built.clear()


def _build_api(settings: Settings, visit: Visit) -> API:
    config = pygeoapi_config(settings, visit.catalog, visit.actor)
    with visiting(visit):
        return API(config, openapi(config, visit))


def _with_base(built: API, visit: Visit) -> API:
    """Return a copy for one request: links start at its base, and JSON-LD's state is its own."""
    api = copy.copy(built)
    api.base_url = visit.ogc
    api.config = {**built.config, "server": {**built.config["server"], "url": visit.ogc}}
    return api


class _FrameworkRequest:
    """The attributes of a web framework's request that pygeoapi reads."""

    def __init__(self, parameters: dict[str, str], path: str) -> None:
        self.query_params = parameters
        self.headers: dict[str, str] = {}
        self.scope = {"path": path}


def _request(api: API, visit: Visit, parameters: dict[str, str]) -> APIRequest:
    """Return pygeoapi's request; we choose format and language, since its own choice fails on `q=0`."""
    chosen = {"f": {HTML: "html", JSONLD: "jsonld"}.get(visit.media, "json"), "lang": visit.language}
    return APIRequest(_FrameworkRequest(parameters | chosen, visit.path), api.locales)


@dataclass(frozen=True, slots=True)
class _Operation:
    """The function of pygeoapi behind one address, and the correction of its document."""

    pygeoapi: Pygeoapi
    function: Callable[..., tuple[dict[str, str], int, Any]]
    correct: Callable[[Visit, dict[str, Any]], dict[str, Any]]
    names: tuple[str, ...] = ()
    media_type: str = "application/json"
    prepare: Callable[[Visit], tuple[Visit, dict[str, str]]] = lambda visit: (visit, {})

    async def __call__(self, visit: Visit, names: Mapping[str, str]) -> OgcResponse:
        visit, parameters = self.prepare(visit)
        api = await self.pygeoapi.of(visit)
        request = _request(api, visit, parameters)
        return await run_in_threadpool(self._answer, api, request, visit, [names[name] for name in self.names])

    def _answer(self, api: API, request: APIRequest, visit: Visit, names: list[str]) -> OgcResponse:
        with visiting(visit):
            headers, status, document = self.function(api, request, *names)
            if status >= 400:
                raise _error_of(status, document)
            found = document.data if isinstance(document, Page) else document
            paging = documents.paging(visit, found)
            if visit.media is not JSONLD:
                found = self.correct(visit, found)
            document = Page(document.template, found) if isinstance(document, Page) else found
            answer = document_response(visit, document, self.media_type)
        kept = {name: value for name, value in headers.items() if name == "Content-Crs"}
        return replace(answer, headers=kept | paging)


def _error_of(status: int, document: Any) -> OneMapError:
    """Return pygeoapi's exception as ours, which has one form everywhere."""
    body = document.data if isinstance(document, Page) else document
    kind = {400: BadInput, 404: NotFound}.get(status)
    if kind is None:
        raise RuntimeError(f"pygeoapi answered {status}: {body}")
    return kind(str(body["description"]))


def _endpoints(pygeoapi: Pygeoapi) -> tuple[Endpoint | RasterFirst, ...]:
    def operation(function: Any, correct: Any, *names: str, **how: Any) -> _Operation:
        return _Operation(pygeoapi, function, correct, names, **how)

    schemas = {"media_type": "application/schema+json"}
    one = "/collections/{collection}"
    described = core.describe_collections
    interface = operation(core.openapi_, documents.interface, media_type=OPENAPI_TYPE)
    items = operation(
        itemtypes.get_collection_items, documents.items, "collection", media_type=GEOJSON.type, prepare=items_visit
    )
    item = operation(
        itemtypes.get_collection_item,
        documents.item,
        "collection",
        "feature",
        media_type=GEOJSON.type,
        prepare=item_visit,
    )
    schema = core.get_collection_schema
    queryables = itemtypes.get_collection_queryables
    return (
        Endpoint("", operation(core.landing_page, documents.landing), formats=JSON_HTML_LD),
        Endpoint("/openapi", interface),
        Endpoint("/api", interface),
        Endpoint("/conformance", operation(core.conformance, documents.conformance)),
        Endpoint("/collections", operation(described, documents.collections), formats=JSON_HTML_LD),
        raster_first(Endpoint(one, operation(described, documents.collection, "collection"), formats=JSON_HTML_LD)),
        Endpoint(f"{one}/schema", operation(schema, documents.schema, "collection", **schemas)),
        Endpoint(f"{one}/queryables", operation(queryables, documents.queryable_schema, "collection", **schemas)),
        Endpoint(f"{one}/sortables", operation(queryables, documents.sortable_schema, "collection", **schemas)),
        Endpoint(f"{one}/items", items, None, JSON_HTML_LD, ("GET", "HEAD", "POST"), timeless=False),
        Endpoint(f"{one}/items/{{feature:path}}", item, ITEM_PARAMETERS, JSON_HTML_LD),
    )


def install(app: FastAPI, settings: Settings) -> None:
    """Add the OGC API to an application, at ``/ogc``."""
    hand_over_documents()
    app.router.routes[:0] = page_routes()
    app.router.routes.extend(
        routes(
            (
                *moving.ENDPOINTS,  # before a feature, whose id may hold slashes
                *_endpoints(Pygeoapi(settings)),
                *feature_schema.ENDPOINTS,
                *tiles.ENDPOINTS,
                *maps.ENDPOINTS,
                *map_tiles.ENDPOINTS,
                *edr.ENDPOINTS,
            )
        )
    )


def slow_app(app: FastAPI) -> ASGIApp:
    """Return the application without the fast path: pygeoapi answers everything itself."""

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await app.router({**scope, "app": app}, receive, send)

    return Front(slow, partial(state_of, app))
