"""An open page while a storm is taken: its main thread, its memory, and how soon an event is on its screen."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import orjson
from playwright.sync_api import Browser, Page

from benchmarks.live.service import SECRET, LiveService, percentile, send
from benchmarks.page.tab import DESK, SECONDS_MAX, Tab, visiting
from benchmarks.results import Figure, at_most
from twin.feeds.signature import sign

_BLOCKED_MS = 200
_GROWTH = 1.15  # of the heap over a storm: what "flat" means here
_SCREEN_S = 1.5
_HEAP_EVERY_MS = 60_000  # a collection stops the page for a moment
_EVENTS = "#13/23.13/113.35&tab=events&e.source=patrol_uav"  # a source that the storm has not
_SIZE, _CONNECTIONS = 500, 6
_LETTERS = str.maketrans("0123456789", "ghijklmnop")  # numbers in a title may be taken for a telephone's


@dataclass(frozen=True, slots=True)
class PageLoad:
    """A storm: messages a second, seconds, and the number of events whose way to the screen is measured."""

    rate: int = 3_000
    seconds: int = 300
    events: int = 40


def storm(service: LiveService, browser: Browser, storm: PageLoad) -> list[Figure]:
    """Measure an open page while a storm is taken, and how soon an event is on its screen."""
    with visiting(browser, service.address, service.token, DESK) as context, ThreadPoolExecutor(1) as sending:
        tab = Tab(context)
        tab.open(f"{service.address}/{_EVENTS}")
        still = _to_screen(service, tab.page, storm.events)
        tab.faults.clear()
        order = service.order(
            phases=[(storm.rate, storm.seconds)], size=_SIZE, connections=_CONNECTIONS, run=f"p{uuid4().hex[:6]}"
        )
        began_ms = tab.now_ms()
        sent = sending.submit(send, order)
        tab.page.wait_for_timeout(storm.seconds * 100)  # the first tenth fills what is kept
        heaps_mb = [tab.heap_mb()]
        stormy: list[float] = []
        while not sent.done():
            stormy += _to_screen(service, tab.page, 1)
            tab.page.wait_for_timeout(storm.seconds * 1000 / (2 * storm.events))
            if tab.now_ms() - began_ms > len(heaps_mb) * _HEAP_EVERY_MS:
                heaps_mb.append(tab.heap_mb())
        result = sent.result()
        heaps_mb.append(tab.heap_mb())
        (frame_ms, ours_ms), faults = tab.longest_frame_ms(began_ms), list(tab.faults)
    print("  heap, MB, by minute: " + ", ".join(f"{one:.1f}" for one in heaps_mb), flush=True)
    rate = result.acknowledged / (result.phase_ends_s[-1] if result.phase_ends_s else storm.seconds)
    return [
        at_most("commit to screen, p95, quiet", "s", percentile(still, 0.95), _SCREEN_S),
        at_most(f"commit to screen, p95, at {rate:,.0f} messages/s", "s", percentile(stormy, 0.95), _SCREEN_S),
        at_most("main thread blocked by scripts and layout, longest", "ms", ours_ms, _BLOCKED_MS),
        at_most("longest frame, with the wait for software GL", "ms", frame_ms, None),
        at_most("heap after the storm, × its begin", "×", heaps_mb[-1] / heaps_mb[0], _GROWTH),
        at_most("heap after the storm", "MB", heaps_mb[-1], None),
        at_most("errors in the console", "errors", len(faults), 0),
    ]


def _to_screen(service: LiveService, page: Page, events: int) -> list[float]:
    """Send events one by one; return the seconds from each acknowledgement until the list tells of it."""
    delays = []
    with httpx.Client(base_url=service.address, timeout=SECONDS_MAX) as client:
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
