"""Waiting for the page by polling from outside: polling inside evaluates text, which the page's policy forbids."""

from __future__ import annotations

from time import monotonic

from playwright.sync_api import Page

SECONDS_MAX = 120


def until(page: Page, expression: str) -> None:
    """Poll until an expression holds."""
    deadline = monotonic() + SECONDS_MAX
    while not page.evaluate(expression):
        assert monotonic() < deadline, f"never came true: {expression}"
        page.wait_for_timeout(50)
