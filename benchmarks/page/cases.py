"""The cases of the benchmark of the page."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Browser

from benchmarks.live.service import LiveService
from benchmarks.page.opening import opening
from benchmarks.page.replay import replay
from benchmarks.page.storm import PageLoad, storm
from benchmarks.results import Figure

type PageCase = Callable[[LiveService, Browser, PageLoad], list[Figure]]

CASES: dict[str, PageCase] = {
    "opening": lambda service, browser, _: opening(service, browser),
    "storm": storm,
    "replay": lambda service, browser, _: replay(service, browser),
}
"""What can be asked for with ``--cases``."""
