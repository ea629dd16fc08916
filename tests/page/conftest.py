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
HERE_ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost"
FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader", HERE_ALONE]
NO_WEBGL = ["--no-sandbox", "--disable-gpu", "--disable-software-rasterizer", "--disable-3d-apis"]
expect.set_options(timeout=150_000)  # for slow machines
COARSE = 0.5
"""Device pixels per pixel of the page: the same layout, of which software draws a quarter of the pixels."""
HARMLESS = re.compile("GPU stall due to ReadPixels")


FOLLOW = """async link => {
    if (location.hash === link) return;
    const view = document.querySelector('.mapview');
    view.removeAttribute('data-idle');
    await new Promise(done => { view.map.once('moveend', done); location.hash = link; });
    view.map.triggerRepaint(); }"""  # each place that is asked for ends a move; drawing alone makes the map idle again


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
    """A browser tab that records faults: errors in the console, and requests to another host.

    Parameters
    ----------
    browser
        The tab has a context of its own in it: no cookie, nothing stored.
    address
        Of the application.
    size
        Of the window, pixels.
    path
        What is opened first; None for nothing yet.
    scale
        Device pixels per pixel of the page.
    """

    def __init__(
        self,
        browser: Browser,
        address: str,
        size: tuple[int, int],
        path: str | None = "/",
        *,
        scale: float = COARSE,
    ) -> None:
        self.address = address
        self.faults: list[str] = []
        self._expected: list[str] = []
        viewport = {"width": size[0], "height": size[1]}
        self.page: Page = browser.new_page(
            viewport=viewport, device_scale_factor=scale, locale="zh-CN", reduced_motion="reduce"
        )  # without motion it is drawn once
        self.page.set_default_timeout(150_000)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        self.page.on("request", self._on_request)
        if path is not None:
            self.page.goto(address + path)

    def expects(self, fault: str) -> None:
        """Expect a fault, which the browser reports now or later."""
        self._expected.append(fault)

    def unexpected(self) -> list[str]:
        """Return the recorded faults without the expected ones."""
        return [fault for fault in self.faults if not any(expected in fault for expected in self._expected)]

    def forget(self) -> None:
        """Forget what was recorded and expected: another test goes on with the tab."""
        self.faults.clear()
        self._expected.clear()

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

    def go(self, link: str) -> Page:
        """Follow a link within the open map, which costs less than opening the page; wait until all is drawn.

        The link begins with a place, ``#zoom/lat/lon``. It resets what stands in a link, and nothing else.
        """
        self.page.evaluate(FOLLOW, link)
        return self.page if "&list=" in link else self.idle()

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

    def open_page(path: str | None = "/", size: tuple[int, int] = DESK) -> Visitor:
        visitors.append(Visitor(browser, address, size, path))
        return visitors[-1]

    yield open_page
    faults = [fault for visitor in visitors for fault in visitor.unexpected()]
    for visitor in visitors:
        visitor.page.close()
    assert not faults


class Shared:
    """A tab with the map that the tests of a file share; one that a test failed on is opened anew for the next."""

    def __init__(self, open_tab: Callable[[], Visitor]) -> None:
        self._open_tab = open_tab
        self._tab: Visitor | None = None
        self._home = ""

    def at(self, link: str = "") -> Visitor:
        """Return the tab at a link of the map; at none it is where it was when it was opened."""
        if self._tab is None:
            self._tab = self._open_tab()
            self._home = str(self._tab.idle().evaluate("location.hash"))
        self._tab.go(link or self._home)
        return self._tab

    def rest(self) -> list[str]:
        """Return the faults of the test that ends, and forget them."""
        faults = self._tab.unexpected() if self._tab else []
        if self._tab:
            self._tab.forget()
        return faults

    def close(self) -> None:
        """Close the tab; the next test opens another."""
        if self._tab:
            self._tab.page.close()
        self._tab = None


@pytest.fixture(scope="module")
def desk_size() -> tuple[int, int]:
    """Size of the window that the tests of a file share; a file may have its own."""
    return DESK


@pytest.fixture(scope="module")
def shared(browser: Browser, address: str, desk_size: tuple[int, int]) -> Iterator[Shared]:
    tab = Shared(lambda: Visitor(browser, address, desk_size))
    yield tab
    tab.close()


@pytest.fixture
def walk(request: pytest.FixtureRequest, shared: Shared) -> Iterator[Callable[[str], Visitor]]:
    """Go somewhere in the shared tab: ``walk("#12/23.1/113.3&list=streets")``, or ``walk()`` to where it began.

    A test leaves what stands in no link as it found it. Unexpected faults fail it at its end.
    """
    failed = request.session.testsfailed
    yield shared.at
    faults = shared.rest()
    if faults or request.session.testsfailed > failed:
        shared.close()
    assert not faults


@pytest.fixture(scope="session")
def web() -> Path:
    return Path(__file__).parents[2] / "server" / "web"
