"""Laws about every route there is: the headers of its answers, and the port that it answers on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import pytest
from fastapi.routing import APIRoute

import server.routes
from server.http.headers import ALWAYS, PAGES, SECURE
from server.http.planes import OPERATORS, OPERATORS_ADDRESSES, PLANE, is_hidden, is_operators
from tests.ogc.service import BASE, Service

ENDLESS = {"/live", "/twin/replay"}
VALUES = {"layer": "grids", "layers": "grids", "z": "3", "x": "6", "y": "3", "row": "3", "col": "6", "name": "light"}
HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
GUARDS = ("require_duty.", "require_operator.")


@pytest.fixture(scope="module")
def service(served_layers_url: str) -> Iterator[Service]:
    running = Service(served_layers_url)
    yield running
    running.close()


def routes() -> list[APIRoute]:
    found = walk_packages(server.routes.__path__, "server.routes.")
    modules = [import_module(one.name) for one in found if not one.ispkg]
    routers = [module.router for module in modules if hasattr(module, "router")]
    return [route for router in routers for route in router.routes if isinstance(route, APIRoute)]


def addresses(service: Service) -> list[str]:
    """Every address that answers GET: our routes, the OGC API with one collection, and some that do not exist."""
    ours = [route.path for route in routes() if "GET" in (route.methods or ())]
    described = service.json("/ogc/openapi?f=json", actor="operator")["paths"]
    ogc = [path for path in described if not path.startswith("/collections/") or path.startswith("/collections/grids")]
    moving = [f"/ogc/collections/vehicles/items/1/{name}" for name in ("tgsequence", "tproperties", "tproperties/a")]
    odd = ["/nothing", "/ogc/nothing", "/ogc/collections/nothing/items", "/ui/none/none.js", "/styles/", "/ogc/"]
    every = [*ours, *(f"/ogc{path}" for path in ogc), *moving, *odd]
    return sorted({re.sub(r"\{(\w+)[^}]*\}", lambda at: VALUES.get(at[1], "1"), path) for path in every} - ENDLESS)


def test_every_answer_has_its_headers_and_every_page_those_of_pages(service: Service):
    pages = []
    for path in addresses(service):
        answer = service.ask(path, headers=HTML, actor=None)
        lacking = [name.decode() for name in ALWAYS if len(answer.headers.get_list(name.decode())) != 1]
        assert lacking == [], path
        assert "strict-transport-security" not in answer.headers, "over http a browser would not believe it"
        if answer.headers.get("content-type", "").startswith("text/html"):
            pages.append(path)
            for name, value in PAGES.items():
                assert answer.headers.get_list(name.decode()) == [value.decode()], (path, name)
            assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/(?:ld\+)?json)", answer.text), path
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=", answer.text), path
    assert {"/", "/docs", "/ogc/", "/guide", "/catalog", "/status", "/nothing"} <= set(pages)
    assert len(pages) > 10


def test_over_tls_every_answer_asks_for_tls(service: Service):
    for path in ("/", "/health", "/ogc", "/nothing", "/tiles/grids/3/6/3.mvt", "/twin/refused"):
        answer = service.ask(BASE.replace("http:", "https:") + path, actor=None)
        assert {name: answer.headers[name.decode()].encode() for name in SECURE} == SECURE, path


def test_no_answer_for_one_reader_is_kept_for_another(service: Service):
    for path in addresses(service):
        answer = service.ask(path, actor=None)
        if "public" in answer.headers["cache-control"] and not path.startswith("/ui/"):
            vary = {part.strip().lower() for part in answer.headers["vary"].split(",")}
            assert {"authorization", "cookie"} <= vary, path


def test_every_route_that_needs_a_duty_is_an_operators():
    """A new one belongs in the table, or its address stays on the public port."""
    guarded = {route.path for route in routes() if any(map(_is_guard, _calls(route.dependant)))}
    assert {"/metrics", "/twin/refused", "/twin/outlets", "/twin/outlets/{name}/resume"} <= guarded
    of_dispatchers = {
        path for path in guarded if path.startswith("/session/elevations")
    }  # break-glass is for the public port
    assert {path for path in guarded if not is_operators(path)} == of_dispatchers


def test_the_operators_port_is_the_only_one_for_them():
    for path in (*OPERATORS_ADDRESSES, *(f"{one}/1/replay" for one in OPERATORS_ADDRESSES)):
        assert is_hidden({"path": path}, 8001)
        assert is_hidden({"path": path, "state": {PLANE: "public"}}, 8001)
        assert not is_hidden({"path": path, "state": {PLANE: OPERATORS}}, 8001)
        assert not is_hidden({"path": path}, None)
    for path in ("/", "/health", "/feeds/demo", "/twin/nearby", "/twin/feedsx", "/metricsx", "/ogc"):
        assert not is_hidden({"path": path}, 8001)


def _calls(dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)


def _is_guard(call: object) -> bool:
    return getattr(call, "__qualname__", "").startswith(GUARDS)
