"""axe finds nothing serious: the faces of the page, its panels, and the pages of text, on one tab."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.page.conftest import TOKEN

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (rules) => (await axe.run(document, {resultTypes: ['violations'], runOnly: rules})).violations
    .filter(one => ['serious', 'critical'].includes(one.impact))
    .map(one => `${one.id}: ${one.nodes.map(node => node.target.join(' ')).join(', ')}`)"""
MOVED_FROM_OUTSIDE = "scrollable-region-focusable: .events-frame"  # arrows on the grid around it move it
PANELS = ("events", "time", "query", "incident")
TEXTS = ("/catalog", "/catalog/events", "/status", "/status/layers", "/status/rules", "/guide")


def found(page: Page, web: Path) -> list[str]:
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate((web / "node_modules" / "axe-core" / "axe.min.js").read_text())
    return [one for one in page.evaluate(RUN, RULES) if one != MOVED_FROM_OUTSIDE]


def test_axe_finds_nothing_serious(visit, web: Path):
    visitor = visit("/#13/23.13/113.35&tab=query&area=bbox%2F113.34%2C23.12%2C113.36%2C23.14", (1366, 768))
    page = visitor.idle()
    row = page.locator(".rows tbody tr").first
    row.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".docked .head")).to_be_visible()
    faults = {}
    for panel in PANELS:
        page.evaluate("panel => { location.hash = location.hash.replace(/tab=\\\\w+/, `tab=${panel}`) }", panel)
        expect(page.locator(".drawer [aria-expanded=true]")).to_be_visible()
        faults[panel] = found(page, web)
    for face in ("board", "phone"):
        page.goto(f"{visitor.address}/catalog")
        page.goto(f"{visitor.address}/#&face={face}")
        expect(page.locator(f".{face}").first).to_be_visible()
        faults[face] = found(page, web)
    page.context.set_extra_http_headers({"Authorization": f"Bearer {TOKEN}"})
    for path in TEXTS:
        page.goto(visitor.address + path)
        expect(page.locator("#account *").first).to_be_visible()
        faults[path] = found(page, web)
    assert {name: one for name, one in faults.items() if one} == {}
