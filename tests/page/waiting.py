"""Waiting for the page from outside: its own polling is evaluated text, which the page's policy rightly forbids."""

from __future__ import annotations

from time import monotonic

from playwright.sync_api import Page

SECONDS_MAX = 120


def until(page: Page, expression: str) -> None:
    """Ask until an expression holds."""
    deadline = monotonic() + SECONDS_MAX
    while not page.evaluate(expression):
        assert monotonic() < deadline, f"never came true: {expression}"
        page.wait_for_timeout(20)
