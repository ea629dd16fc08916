"""The cases of the benchmark of the page."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from uuid import uuid4

import httpx
import orjson
from playwright.sync_api import Browser, Page

from benchmarks.live.service import SECRET, LiveService, percentile, send
from benchmarks.page.tab import DESK, IDLE, PHONE, SECONDS_MAX, Tab, visiting
from benchmarks.results import Figure, at_most
from twin.feeds.signature import sign

_ROUNDS = 3
_COLD_S, _PHONE_S, _WARM_S = 4.0, 5.0, 2.0
_WEIGHT_KB = 650
_BLOCKED_MS = 200
_GROWTH = 1.15  # of the heap over a storm: what "flat" means here
_SCREEN_S = 1.5
_STEP_S = 0.5
_EVENTS = "#13/23.13/113.35&tab=events&e.source=patrol_uav"  # a source that the storm has not
_SIZE, _CONNECTIONS = 500, 6
_LOOK_MS = 10
_LETTERS = str.maketrans("0123456789", "ghijklmnop")  # numbers in a title may be taken for a telephone's


@dataclass(frozen=True, slots=True)
class PageLoad:
    """A storm: messages a second, seconds, and the number of events whose way to the screen is measured."""

    rate: int = 3_000
    seconds: int = 300
    events: int = 40


def opening(service: LiveService, browser: Browser, _: PageLoad) -> list[Figure]:
    """Measure the first map with a cold and a warm cache, on the desk and on an emulated phone, and its weight."""
    rows = []
    for device, words, cold_s, warm_s in ((DESK, "desk", _COLD_S, _WARM_S), (PHONE, "phone", _PHONE_S, None)):
        cold, warm, weights = [], [], []
        for _round in range(_ROUNDS):
            with visiting(browser, _address(service), service.token, device) as context:
                first = Tab(context)
                cold.append(first.open(f"{_address(service)}/"))
                weights.append(first.transferred.bytes_of)
                first.page.close()
                warm.append(Tab(context).open(f"{_address(service)}/"))
        rows.append(at_most(f"first map idle, {words}, cold cache", "s", median(cold), cold_s))
        rows.append(at_most(f"first map idle, {words}, warm cache", "s", median(warm), warm_s))
        code_kb = median((w.get("Script", 0) + w.get("Stylesheet", 0)) / 1000 for w in weights)
        rows.append(at_most(f"scripts and styles, {words}, as transferred", "kB", code_kb, _WEIGHT_KB))
        rows.append(at_most(f"everything, {words}, as transferred", "kB", _total_kb(weights), None))
    return rows


def _total_kb(weights: Sequence[dict[str, int]]) -> float:
    return median(sum(one.values()) / 1000 for one in weights)


def storm(service: LiveService, browser: Browser, storm: PageLoad) -> list[Figure]:
    """Measure an open page while a storm is taken, and how soon an event is on its screen."""
    with visiting(browser, _address(service), service.token, DESK) as context, ThreadPoolExecutor(1) as sending:
        tab = Tab(context)
        tab.open(f"{_address(service)}/{_EVENTS}")
        still = _to_screen(service, tab.page, storm.events)
        tab.faults.clear()
        order = service.order(
            phases=[(storm.rate, storm.seconds)], size=_SIZE, connections=_CONNECTIONS, run=f"p{uuid4().hex[:6]}"
        )
        began_ms = tab.now_ms()
        sent = sending.submit(send, order)
        tab.page.wait_for_timeout(storm.seconds * 100)  # the first tenth fills what is kept
        before_mb = tab.heap_mb()
        stormy: list[float] = []
        while not sent.done():
            stormy += _to_screen(service, tab.page, 1)
            tab.page.wait_for_timeout(storm.seconds * 1000 / (2 * storm.events))
        result = sent.result()
        after_mb, blocked_ms, faults = tab.heap_mb(), tab.longest_task_ms(began_ms), list(tab.faults)
    rate = result.acknowledged / (result.phase_ends_s[-1] if result.phase_ends_s else storm.seconds)
    return [
        at_most("commit to screen, p95, quiet", "s", percentile(still, 0.95), _SCREEN_S),
        at_most(f"commit to screen, p95, at {rate:,.0f} messages/s", "s", percentile(stormy, 0.95), _SCREEN_S),
        at_most("main thread blocked, longest, in the storm", "ms", blocked_ms, _BLOCKED_MS),
        at_most("heap after the storm, × its begin", "×", after_mb / before_mb, _GROWTH),
        at_most("heap after the storm", "MB", after_mb, None),
        at_most("errors in the console", "errors", len(faults), 0),
    ]


def _to_screen(service: LiveService, page: Page, events: int) -> list[float]:
    """Send events one by one; return the seconds from each acknowledgement until the list tells of it."""
    delays = []
    with httpx.Client(base_url=_address(service), timeout=SECONDS_MAX) as client:
        for _event in range(events):
            title = f"上屏 {uuid4().hex.translate(_LETTERS)}"
            _put(client, title)
            acknowledged = time.monotonic()
            row, news = page.locator(".event", has_text=title), page.locator(".events-fresh button")
            row.or_(news).first.wait_for()
            delays.append(time.monotonic() - acknowledged)
            if news.count():
                news.click()
            row.wait_for()
    return delays


def _put(client: httpx.Client, title: str) -> None:
    """Send one new event, and wait until it is committed."""
    at, name = datetime.now(UTC), uuid4().hex
    message = {
        "specversion": "1.0", "id": name, "source": "/feeds/demo", "type": "cn.gov.district.event.created",
        "subject": f"events/{name}", "time": at.isoformat(), "datacontenttype": "application/json",
        "data": {
            "source": "patrol_uav", "title": title, "severity": "2", "stage": "file", "occurred_at": at.isoformat(),
            "lon": 113.35, "lat": 23.13,
        },
    }  # fmt: skip
    body = orjson.dumps([message])
    headers = sign(SECRET.encode(), "demo", body, now=at, nonce=uuid4().hex)
    answer = client.post(
        "/feeds/demo", content=body, headers={**headers, "content-type": "application/cloudevents-batch+json"}
    )
    answer.raise_for_status()


def replay(service: LiveService, browser: Browser, _: PageLoad) -> list[Figure]:
    """Measure a step of the time slider until the map has drawn that moment."""
    steps = []
    with visiting(browser, _address(service), service.token, DESK) as context:
        tab = Tab(context)
        tab.open(f"{_address(service)}/#14/23.13/113.35&tab=time")
        button = tab.page.locator("button[aria-label=后退一步]")
        for _step in range(8):
            shown = tab.page.evaluate("location.hash")
            began = time.monotonic()
            button.click()
            while tab.page.evaluate("location.hash") == shown:
                tab.page.wait_for_timeout(_LOOK_MS)
            tab.page.locator(IDLE).wait_for()
            steps.append(time.monotonic() - began)
    return [at_most("replay step, p95, until the map is drawn", "s", percentile(steps, 0.95), _STEP_S)]


def _address(service: LiveService) -> str:
    return f"http://127.0.0.1:{service.port}"


CASES: dict[str, Callable[[LiveService, Browser, PageLoad], list[Figure]]] = {
    "opening": opening,
    "storm": storm,
    "replay": replay,
}
"""What can be asked for with ``--cases``."""
