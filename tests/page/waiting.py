"""Waiting for the page by polling from outside: polling inside evaluates text, which the page's policy forbids."""

from __future__ import annotations

from time import monotonic

from playwright.sync_api import Page

SECONDS_MAX = 120
_PAUSE_MS_MAX = 400  # a look costs some 15 ms of processor


def until(page: Page, expression: str) -> None:
    """Look until an expression holds, ever more seldom."""
    deadline = monotonic() + SECONDS_MAX
    pause_ms = 25
    while not page.evaluate(expression):
        assert monotonic() < deadline, f"never came true: {expression}"
        page.wait_for_timeout(pause_ms)
        pause_ms = min(2 * pause_ms, _PAUSE_MS_MAX)
