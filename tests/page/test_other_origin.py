"""Tests of a page of another origin, in a real browser: it draws the map, reads features and receives changes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from server.page.assets import MODULES
from tests.page.conftest import COARSE, TOKEN
from tests.page.test_pages import snippets
from tests.running_app import running_for_operator

DISTRICT = [113.2, 23.0, 113.5, 23.3]
PAGE = b"""<!doctype html><meta charset=utf-8><link rel=stylesheet href=/dist/maplibre-gl.css>
<div id=map style="width:800px;height:600px"></div>"""
READ = """async ([server, token]) => {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const answer = await fetch(`${server}/ogc/collections/roads/items?limit=3&f=csv`, { headers });
  const whole = await fetch(`${server}/ogc/collections/roads/items?limit=1000&f=csv`, { headers });
  const tiles = await (await fetch(`${server}/tiles/roads.json`, { headers })).json();
  return {
    status: answer.status,
    rows: (await answer.text()).trim().split("\\n").length - 1,
    next: answer.headers.get("link"),
    matched: whole.headers.get("ogc-numbermatched"),
    etag: answer.headers.get("etag"),
    crs: answer.headers.get("content-crs"),
    tiles: tiles.tiles[0],
  };
}"""
DRAW = """async (server) => {
  const maplibre = await import("/dist/maplibre-gl.mjs");
  const errors = [];
  const map = new maplibre.Map({ container: "map", style: `${server}/styles/light.json`, bounds: %s });
  map.on("error", (event) => errors.push(String(event.error)));
  await new Promise((resolve) => map.once("idle", resolve));
  const drawn = map.queryRenderedFeatures().map((feature) => feature.source);
  return { errors, drawn: [...new Set(drawn)] };
}"""
RUN = """async (code) => {
  const maplibregl = await import("/dist/maplibre-gl.mjs");
  const map = new Function("maplibregl", `${code}; return map`)(maplibregl);
  const errors = [];
  map.on("error", (event) => errors.push(String(event.error)));
  await new Promise((resolve) => map.once("load", resolve));
  await new Promise((resolve) => map.once("idle", resolve));
  return { errors, drawn: [...new Set(map.queryRenderedFeatures().map((feature) => feature.layer.id))] };
}"""
HEAR = """(server) => new Promise((resolve, reject) => {
  const source = new EventSource(`${server}/live?layers=events`);
  source.onerror = () => reject(new Error("the stream was refused"));
  source.onopen = () => { source.close(); resolve("open"); };
})"""
TALK = """([server, token]) => new Promise((resolve) => {
  const socket = new WebSocket(`${server.replace("http", "ws")}/live/ws`, "onemap.live.v1");
  const message = { type: "subscribe", layers: ["grids"], ...(token ? { token } : {}) };
  socket.onopen = () => socket.send(JSON.stringify(message));
  socket.onmessage = (message) => { socket.close(); resolve(JSON.parse(message.data).type); };
  socket.onclose = (event) => resolve(`closed ${event.code}`);
})"""
WRITE = """async ([server, token]) => {
  try {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    return (await fetch(`${server}/twin/refused/1/discard`, { method: "POST", headers })).status;
  } catch (error) {
    return String(error);
  }
}"""


class _Elsewhere(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/dist/"):
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


_Elsewhere.extensions_map = {**_Elsewhere.extensions_map, ".mjs": "text/javascript"}


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """Origin of another server, with a page and MapLibre."""
    handler = partial(_Elsewhere, directory=str(MODULES / "maplibre-gl"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="elsewhere")
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def serving(page_database: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Serve the small district to pages of the given origins."""

    def serve(*origins: str) -> Any:
        home: Path = tmp_path_factory.mktemp("home")
        return running_for_operator(home, page_database, server={"origins": origins})

    return serve


@pytest.fixture
def page(browser, elsewhere: str) -> Iterator[Page]:
    tab = browser.new_page(device_scale_factor=COARSE)
    tab.set_default_timeout(150_000)
    tab.goto(elsewhere)
    yield tab
    tab.close()


@pytest.mark.parametrize("by_name", [False, True])
def test_a_page_of_another_origin_uses_the_service(page: Page, elsewhere: str, serving, by_name: bool) -> None:
    with serving(elsewhere if by_name else "*") as server:
        read = page.evaluate(READ, [server, TOKEN if by_name else None])
        assert (read["status"], read["rows"]) == (200, 3)
        assert 'rel="next"' in read["next"]
        assert int(read["matched"]) > 3
        assert read["etag"]
        assert "CRS84" in read["crs"]
        assert read["tiles"].startswith(server)
        drawn = page.evaluate(DRAW % DISTRICT, server)
        assert drawn["errors"] == []
        assert {"streets", "grids"} & set(drawn["drawn"])
        assert page.evaluate(HEAR, server) == "open"
        assert page.evaluate(TALK, [server, None]) == "ready"
        if by_name:
            assert page.evaluate(TALK, [server, TOKEN]) == "ready"
            assert page.evaluate(WRITE, [server, TOKEN]) in {204, 404, 409}
        else:
            assert page.evaluate(TALK, [server, TOKEN]) != "ready"
            assert "TypeError" in page.evaluate(WRITE, [server, TOKEN])
            assert page.evaluate(WRITE, [server, None]) == 403
            pasted = page.evaluate(RUN, snippets(server, "streets", None)["maplibre"])
            assert pasted["errors"] == []
            assert "my-streets" in pasted["drawn"]


def test_by_default_it_uses_nothing(page: Page, serving) -> None:
    with serving() as server:
        with pytest.raises(PlaywrightError, match="Failed to fetch"):
            page.evaluate(READ, [server, None])
        assert "TypeError" in page.evaluate(WRITE, [server, None])
        with pytest.raises(PlaywrightError, match="the stream was refused"):
            page.evaluate(HEAR, server)
        assert page.evaluate(TALK, [server, None]).startswith("closed")
