from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from shapely.geometry import shape

from tests.databases import temporary_database
from tests.running_app import OPERATOR_TOKEN, running_for_operator

DESK, PHONE = (1280, 720), (390, 844)
TOKEN = OPERATOR_TOKEN
CHROMIUM = "/usr/bin/chromium-headless-shell"
FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader"]
NO_WEBGL = ["--no-sandbox", "--disable-gpu", "--disable-software-rasterizer", "--disable-3d-apis"]
expect.set_options(timeout=150_000)  # for slow machines
HARMLESS = re.compile("GPU stall due to ReadPixels")


@pytest.fixture(scope="session")
def page_database(cluster: str, district_template: str) -> Iterator[str]:
    """URL of a clone of the small district for the tests of the page; one test adds a layer to it."""
    with temporary_database(cluster, district_template) as url:
        yield url


@pytest.fixture(scope="session")
def address(page_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the real application over the small district, with the operator's token `TOKEN`."""
    home = tmp_path_factory.mktemp("home")
    with running_for_operator(home, page_database) as running:
        yield running


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[[list[str]], Browser]]:
    """Return a context that starts Debian's headless browser with flags and ends it.

    Playwright keeps an event loop running in this thread while it lives, so it must end with the module.
    """
    with sync_playwright() as playwright:
        yield lambda flags: playwright.chromium.launch(executable_path=CHROMIUM, args=flags)


@pytest.fixture(scope="module")
def browser(launch) -> Iterator[Browser]:
    with launch(FLAGS) as browser:
        yield browser


@pytest.fixture
def a_building(address):
    """A building that the public may see: its id, its height, and a place in it."""
    items = httpx.get(
        f"{address}/ogc/collections/buildings/items?limit=1&filter=height_m>20&filter-lang=cql2-text",
        timeout=60,
    ).json()
    feature = items["features"][0]
    inside = shape(feature["geometry"]).representative_point()
    return feature["id"], feature["properties"], inside.x, inside.y


class Visitor:
    """A browser tab that records faults: errors in the console, and requests to another host."""

    def __init__(self, browser: Browser, address: str, size: tuple[int, int], path: str = "/") -> None:
        self.address = address
        self.faults: list[str] = []
        self._expected: list[str] = []
        viewport = {"width": size[0], "height": size[1]}
        self.page: Page = browser.new_page(viewport=viewport, locale="zh-CN", reduced_motion="reduce")  # drawn once
        self.page.set_default_timeout(150_000)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        self.page.on("request", self._on_request)
        self.page.goto(address + path)

    def expects(self, fault: str) -> None:
        """Expect a fault, which the browser reports now or later."""
        self._expected.append(fault)

    def unexpected(self) -> list[str]:
        """Return the recorded faults without the expected ones."""
        return [fault for fault in self.faults if not any(expected in fault for expected in self._expected)]

    def _on_console(self, message) -> None:
        if message.type in {"error", "warning"} and not HARMLESS.search(message.text):
            self.faults.append(f"console {message.type}: {message.text} {message.location['url']}")

    def _on_request(self, request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.faults.append(f"left the origin: {request.url}")

    def idle(self) -> Page:
        """Wait until the map has drawn everything that it requested."""
        expect(self.page.locator(".mapview[data-idle]")).to_be_visible()
        return self.page

    def drawn(self, layer: str) -> list[str]:
        """Return the ids of a layer's features on the screen, sorted."""
        return self.page.evaluate(
            """layer => { const map = document.querySelector('.mapview').map;
                const styles = map.getLayersOrder().filter(id => id.startsWith(layer + ':') && !id.endsWith(':label'));
                return [...new Set(map.queryRenderedFeatures({layers: styles}).map(f => f.properties.id))].sort(); }""",
            layer,
        )

    def at(self, lon: float, lat: float) -> tuple[float, float]:
        """Return the position of a place on the screen, pixels."""
        x, y = self.page.evaluate(
            """([lon, lat]) => { const map = document.querySelector('.mapview').map, p = map.project([lon, lat]);
                const box = map.getCanvas().getBoundingClientRect(); return [box.x + p.x, box.y + p.y]; }""",
            [lon, lat],
        )
        return x, y


@pytest.fixture
def visit(browser: Browser, address: str):
    """Open the page: ``visit(path, size)``; unexpected faults fail the test at its end."""
    visitors: list[Visitor] = []

    def open_page(path: str = "/", size: tuple[int, int] = DESK) -> Visitor:
        visitors.append(Visitor(browser, address, size, path))
        return visitors[-1]

    yield open_page
    faults = [fault for visitor in visitors for fault in visitor.unexpected()]
    for visitor in visitors:
        visitor.page.close()
    assert not faults


@pytest.fixture(scope="session")
def web() -> Path:
    return Path(__file__).parents[2] / "server" / "web"
