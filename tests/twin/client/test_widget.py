"""The map of a notebook in a real browser, against a real server: the browser speaks with the kernel alone."""

from __future__ import annotations

import base64
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import comm
import pytest
from playwright.sync_api import Page, sync_playwright

from tests.page.conftest import CHROMIUM, FLAGS
from twin.client import Twin
from twin.client.transport import Transport
from twin.client.widget import SCHEME, TwinMap

NOTEBOOK = "http://notebook.localhost/"
PAGE = "<!doctype html><meta charset=utf-8><title>notebook</title><body><div id=cell></div>"
BROWSER_SIDE = """
async ({ module, state }) => {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const listeners = [];
  const values = { ...state, library: bytes(state.library), worker: bytes(state.worker) };
  const tell = (message, buffers) => {
    for (const [name, listen] of listeners) {
      if (name === "msg:custom") listen(message, buffers.map((one) => new DataView(bytes(one).buffer)));
    }
  };
  globalThis.tell = tell;
  const model = {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; },
    save_changes: () => {},
    on: (name, listen) => listeners.push([name, listen]),
    send: (message) => globalThis.toKernel(message).then(([answer, buffers]) => tell(answer, buffers)),
  };
  const url = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
  const { default: widget } = await import(url);
  await widget.render({ model, el: document.getElementById("cell") });
}
"""


class Bridge(comm.base_comm.BaseComm):
    """The kernel's end of a comm, whose messages are kept for the test."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        self.sent: queue.Queue[tuple[dict[str, Any], list[bytes]]] = queue.Queue()
        super().__init__(*positional, **named)

    def publish_msg(self, _kind, data=None, _metadata=None, buffers=None, **_rest) -> None:
        if data and data.get("method") == "custom":
            self.sent.put((data["content"], list(buffers or [])))


@pytest.fixture
def bridged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comm, "create_comm", Bridge)


@contextmanager
def opened(shown: TwinMap) -> Iterator[tuple[Page, list[str], list[str]]]:
    """Draw a map in a browser; give the page, its faults and the addresses that it requested itself."""
    faults: list[str] = []
    requested: list[str] = []

    def to_kernel(_source: Any, message: dict[str, Any]) -> list[Any]:
        shown.comm.handle_msg({"content": {"data": {"method": "custom", "content": message}}, "buffers": []})
        answer, buffers = shown.comm.sent.get(timeout=60)
        return [answer, [base64.b64encode(one).decode() for one in buffers]]

    state = {name: getattr(shown, name) for name in ("look", "style_json", "features", "bounds", "height_px")}
    for name in ("library", "worker"):
        state[name] = base64.b64encode(getattr(shown, name)).decode()
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser:
        page = browser.new_page(viewport={"width": 900, "height": 600}, reduced_motion="reduce")
        page.set_default_timeout(150_000)
        page.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: requested.append(request.url))
        page.route(NOTEBOOK, lambda route: route.fulfill(body=PAGE, content_type="text/html"))
        page.expose_binding("toKernel", to_kernel)
        page.goto(NOTEBOOK)
        page.evaluate(BROWSER_SIDE, {"module": shown.get_state()["_esm"], "state": state})
        page.wait_for_selector(".onemap-map[data-ready=true]")
        yield page, faults, requested


FEATURE = {
    "type": "Feature",
    "id": "F1",
    "geometry": {"type": "Point", "coordinates": [113.36, 23.13]},
    "properties": {"id": "F1", "name": "一处积水"},
}


def test_a_map_is_drawn_through_the_kernel_alone(bridged: None, client_address: str, twin: Twin):
    shown = TwinMap(
        Transport(client_address, "a-token-of-the-tests"), features=[FEATURE], bounds=[113.34, 23.12, 113.38, 23.14]
    )
    assert f"{client_address}/" not in shown.style_json
    assert SCHEME in shown.style_json
    assert "a-token-of-the-tests" not in str(shown.get_state())
    with opened(shown) as (page, faults, requested):
        assert not faults
        assert not [url for url in requested if not url.startswith((NOTEBOOK, "blob:", "data:"))]
        page.mouse.click(450, 248)
        page.get_by_text("一处积水").wait_for()
    shown.close()
