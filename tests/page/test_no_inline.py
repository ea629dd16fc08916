"""A real browser refuses nothing of ours under the content security policy, which allows no inline script or style.

The map is held to it by every test of the map, whose visitor collects the faults of the console.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.page.conftest import COARSE


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/docs", ".opblock"), ("/ogc?f=html", "main"), ("/ogc/collections/grids/items?f=html", "canvas")],
)
def test_nothing_is_refused_by_the_policy(browser, address, path, shown):
    tab = browser.new_page(device_scale_factor=COARSE)
    faults: list[str] = []
    tab.on("console", lambda line: faults.append(line.text))
    tab.goto(f"{address}{path}")
    try:
        expect(tab.locator(shown).first).to_be_visible()
        assert [fault for fault in faults if "Content Security Policy" in fault] == []
        tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<i style=\"color: red\">x</i>')")
        assert any("Content Security Policy" in fault for fault in faults), "what is inline would be noticed"
    finally:
        tab.close()
