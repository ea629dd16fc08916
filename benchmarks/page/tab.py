"""A tab of headless Chromium with software GL, and what it tells of itself."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, Playwright, sync_playwright

from layers.errors import Unavailable

type EmulatedDevice = Mapping[str, object]
SECONDS_MAX = 120
DESK: EmulatedDevice = {"viewport": {"width": 1366, "height": 768}, "locale": "zh-CN"}
PHONE: EmulatedDevice = {
    "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True,
    "locale": "zh-CN",
}  # fmt: skip
IDLE = ".mapview[data-idle]"
_NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
_FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader", "--enable-precise-memory-info"]
# Frames of the main thread over 50 ms: when they began, how long they were, and what of it scripts, styles and layout
# took, milliseconds. What is left is the compositor's: with software GL it waits there for the drawing.
_OBSERVE = """window.longFrames = [];
new PerformanceObserver(list => list.getEntries().forEach(one => {
  const scripts = one.scripts.reduce((sum, script) => sum + script.duration, 0);
  const laid = one.styleAndLayoutStart ? one.startTime + one.duration - one.styleAndLayoutStart : 0;
  window.longFrames.push([one.startTime, one.duration, Math.min(scripts + laid, one.duration)]);
})).observe({ type: 'long-animation-frame', buffered: true });"""


@dataclass
class Transferred:
    """Bytes that came over the network, compressed, by type of resource."""

    bytes_of: dict[str, int] = field(default_factory=dict)
    _types: dict[str, str] = field(default_factory=dict)

    def watch(self, session: CDPSession) -> None:
        """Count from now on."""
        session.on("Network.responseReceived", self._begin)
        session.on("Network.loadingFinished", self._end)
        session.send("Network.enable")

    def _begin(self, event: dict[str, str]) -> None:
        self._types[event["requestId"]] = event["type"]

    def _end(self, event: dict[str, float]) -> None:
        kind = self._types.get(str(event["requestId"]), "Other")
        self.bytes_of[kind] = self.bytes_of.get(kind, 0) + int(event["encodedDataLength"])


class Tab:
    """One tab; what its console reports is collected.

    Attributes
    ----------
    faults
        Errors of the console and exceptions, in order.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.faults: list[str] = []
        self.transferred = Transferred()
        self.page: Page = context.new_page()
        self.page.set_default_timeout(SECONDS_MAX * 1000)
        self.page.add_init_script(_OBSERVE)
        self.page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self._session = context.new_cdp_session(self.page)
        self.transferred.watch(self._session)

    def open(self, address: str) -> float:
        """Open the page; return the seconds until the map has drawn all that it requested."""
        began = time.monotonic()
        self.page.goto(address)
        self.page.locator(IDLE).wait_for()
        return time.monotonic() - began

    def heap_mb(self) -> float:
        """Return the memory of the scripts after a collection, in megabytes."""
        self._session.send("HeapProfiler.collectGarbage")
        return float(self._session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6

    def longest_frame_ms(self, since_ms: float) -> tuple[float, float]:
        """Return the longest time for which a frame blocked the main thread, and the longest by scripts and layout.

        Frames shorter than 50 ms, and those that began before a moment of the page's clock, are not counted; without
        any, both are 0.
        """
        frames: list[list[float]] = self.page.evaluate("window.longFrames")
        counted = [(whole, ours) for at, whole, ours in frames if at >= since_ms]
        return max((whole for whole, _ in counted), default=0.0), max((ours for _, ours in counted), default=0.0)

    def now_ms(self) -> float:
        """Return the page's clock, milliseconds."""
        return float(self.page.evaluate("performance.now()"))


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a headless browser.

    Raises
    ------
    Unavailable
        When there is no Chromium on this machine.
    """
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise Unavailable("there is no Chromium here: apt-get install chromium-headless-shell")
    with sync_playwright() as playwright, _launched(playwright, Path(found)) as browser:
        yield browser


@contextmanager
def _launched(playwright: Playwright, path: Path) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def visiting(browser: Browser, address: str, token: str, device: EmulatedDevice) -> Iterator[BrowserContext]:
    """Open a context with a cold cache, signed in with a token."""
    context = browser.new_context(**device)  # type: ignore[arg-type]  # a descriptor of a device
    try:
        headers = {"Authorization": f"Bearer {token}", "Origin": address}
        answer = context.request.post(f"{address}/login/token", headers=headers)
        if not answer.ok:
            raise Unavailable(f"the token opens no session: {answer.status} {answer.text()[:200]}")
        yield context
    finally:
        context.close()
