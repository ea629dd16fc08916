"""Steps back on the slider of time, over a day that is filled with history."""

from __future__ import annotations

import time
from statistics import median

from playwright.sync_api import Browser

from benchmarks.live.day import fill_day
from benchmarks.live.service import LiveService, percentile
from benchmarks.page.tab import DESK, IDLE, Tab, visiting
from benchmarks.results import Figure, at_most
from layers.database.connection import connect

DAY_ROWS = 2_000_000
_STEPS = 12
_STEP_S = 0.5
_LOOK_MS = 10


def replay(service: LiveService, browser: Browser) -> list[Figure]:
    """Measure steps back on the slider of time, each until the map has drawn that moment."""
    steps = []
    with visiting(browser, service.address, service.token, DESK) as context:
        tab = Tab(context)
        tab.open(f"{service.address}/#14/23.13/113.35&tab=time")
        button = tab.page.locator("button[aria-label=后退一步]")
        for _step in range(_STEPS):
            shown = tab.page.evaluate("location.hash")
            began = time.monotonic()
            button.click()
            while tab.page.evaluate("location.hash") == shown:
                tab.page.wait_for_timeout(_LOOK_MS)
            tab.page.locator(IDLE).wait_for()
            steps.append(time.monotonic() - began)
    return [
        at_most("replay step, p95, until the map is drawn", "s", percentile(steps, 0.95), _STEP_S),
        at_most("replay step, median", "s", median(steps), None),
        at_most("replay step, the first", "s", steps[0], None),
        at_most("errors in the console, replay", "errors", len(tab.faults), 0),
    ]


async def fill(url: str) -> None:
    """Fill the day before the server begins."""
    connection = await connect(url)
    try:
        await fill_day(connection, DAY_ROWS)
    finally:
        await connection.close()
