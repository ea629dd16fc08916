"""Each numbered thing that the page does, as one short walk in an open page: at any size, in any language.

A walk begins at the desk, on the map of the city's middle, and leaves the page as it found it. What it looks for it
finds by its words in the language of the page, so that a walk in English is one of the English page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import Visitor
from tests.page.sweep.seats import said
from tests.page.waiting import until

LON, LAT = 113.35, 23.13
AT_WORK = f"#13/{LAT}/{LON}"
MAP = "document.querySelector('.mapview').map"
WATERWAYS = {"zh-CN": "河涌", "en": "Waterways"}
ROADS = {"zh-CN": "道路", "en": "Roads"}
_FOLLOW_LINK = "link => { location.hash = link; }"
_ASK_NOW = "dispatchEvent(new HashChangeEvent('hashchange', {newURL: location.href}))"
_RINGS = 3


def tab_of(page: Page, language: str, key: str) -> Locator:
    """Return the button of a tab of the drawer."""
    return page.locator(".drawer-tabs button", has_text=re.compile(f"^{re.escape(said(language, key))}$"))


def tool(page: Page, language: str, key: str) -> Locator:
    """Return a tool over the map."""
    return page.locator(f".tools button[aria-label='{said(language, key)}']")


def layers_and_themes(seat: Visitor, language: str) -> None:
    """1: a layer is found, switched off and on; a theme is one choice and a link."""
    page = seat.page
    handle = page.locator(".handle")
    if is_folded := handle.get_attribute("aria-expanded") == "false":
        handle.click()
    page.locator(".seek input").fill(WATERWAYS[language])
    expect(page.locator("[data-layer]")).to_have_count(1)
    eye = page.locator("[data-layer=waterways] .eye")
    was = eye.get_attribute("aria-pressed")
    eye.click()
    until(page, "location.hash.includes('layers=waterways')")
    expect(eye).not_to_have_attribute("aria-pressed", str(was))
    eye.click()
    page.locator(".seek input").fill("")
    page.locator("select.topic").select_option("flood_control")
    until(page, "location.hash.includes('theme=flood_control')")
    expect(page.locator("[data-layer=flood_risk_points] .eye")).to_have_attribute("aria-pressed", "true")
    page.locator("select.topic").select_option("overview")
    if is_folded:
        handle.click()


def what_is_here(seat: Visitor, language: str) -> None:
    """2: a click tells everything at a place, what it belongs to before its fields, and is a link."""
    page = seat.page
    page.mouse.click(*seat.at(LON, LAT))
    panel = page.locator(".feature")
    expect(panel.locator("[role=tab]").first).to_be_visible()
    expect(panel.locator(".details > section.related")).to_be_visible()
    expect(panel.locator(".foot a")).to_contain_text(said(language, "panel.open"))
    order = panel.locator(".details > section").evaluate_all("all => all.map(one => one.className)")
    assert order.index("related") < order.index(""), "relations come before fields"
    until(page, "location.hash.includes('sel=')")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)


def events_and_the_map(seat: Visitor, language: str) -> None:
    """3: the list is filtered, and an event that is chosen is shown on the map with its steps."""
    page = seat.page
    tab_of(page, language, "tab.events").click()
    total = page.locator(".events-total")
    expect(total).to_be_visible()
    everything = total.inner_text()
    page.locator(f".events-bar select[aria-label='{said(language, 'events.filter.severity')}']").select_option("1")
    expect(total).not_to_have_text(everything)
    until(page, "location.hash.includes('e.severity=1')")
    row = page.locator(".events-rows .event").first
    title = row.locator(".cell-title").inner_text()
    row.click()
    expect(page.locator(".event-detail h3")).to_have_text(title)
    until(page, f"location.hash.includes('sel=events/') && {MAP}.getZoom() > 14")
    page.locator(".event-detail > .tool").click()
    page.locator(".events-bar button", has_text=said(language, "events.widen")).click()
    tab_of(page, language, "tab.events").click()
    page.evaluate(_FOLLOW_LINK, AT_WORK)


def a_line_that_breaks(seat: Visitor, language: str) -> None:
    """4: the badge tells how old the data are; a broken line is told, and heals."""
    page = seat.page
    expect(page.locator(".time-badge:not(.starting)")).to_be_visible()
    seat.expects("ERR_FAILED")
    page.route("**/map.json*", lambda route: route.abort())
    page.evaluate(_ASK_NOW)
    expect(page.locator(".toast")).to_contain_text(said(language, "state.lost"))
    page.unroute("**/map.json*")
    page.evaluate(_ASK_NOW)
    expect(page.locator(".toast")).to_have_count(0)


def a_circle_is_counted(seat: Visitor, language: str) -> None:
    """5: what is in a circle is counted by layer, listed, and taken home as a file."""
    page = seat.page
    tab_of(page, language, "query.title").click()
    page.locator(".typed input").fill(f"{LON},{LAT} 900")
    page.locator(".typed button").click()
    expect(page.locator(".counts h3")).to_contain_text(said(language, "query.round").replace("{m}", "900"))
    of_roads = page.locator(".counts li button", has_text=ROADS[language])
    assert int(of_roads.locator("b").inner_text().replace(",", "")) > 0
    of_roads.click()
    expect(page.locator(".rows tbody tr").first).to_be_visible()
    with page.expect_download() as download:
        page.locator(".download button").click()
    assert download.value.suggested_filename.startswith("roads_")
    page.locator(".counts h3 button").click()
    tab_of(page, language, "query.title").click()


def a_name_is_found(seat: Visitor, language: str) -> None:
    """5: a street is found by its name, and shown."""
    page = seat.page
    box = page.locator(".search input")
    box.fill("石牌街道")
    page.locator(".search [role=option]").first.click()
    until(page, "location.hash.includes('sel=streets/')")
    page.keyboard.press("Escape")
    page.evaluate(_FOLLOW_LINK, AT_WORK)


_OPEN_TO_THE_HAND = f"""(() => {{
  const map = {MAP}, canvas = map.getCanvas(), box = canvas.getBoundingClientRect(), p = map.project([{LON}, {LAT}]);
  if (Math.abs(box.height - map.getContainer().clientHeight) > 10) return false;
  return document.elementFromPoint(box.x + p.x, box.y + p.y) === canvas;
}})()"""
"""The map has the room that the panel gave up for it (coarse pixels are 10 high), and nothing covers the place."""


def a_place_is_looked_into(seat: Visitor, language: str) -> None:
    """6: three rings around a place, what is near, who answers; on one sheet of paper."""
    page = seat.page
    if page.locator(".tools.drawing").is_visible():
        tool(page, language, "tools.incident").click()
    else:  # a phone has no room for tools: the panel has the same button
        tab_of(page, language, "incident.title").click()
        page.locator(".panel-empty button").click()
    expect(page.locator(".hint-bar")).to_contain_text(said(language, "draw.point"))
    until(page, _OPEN_TO_THE_HAND)
    seat.idle()
    page.mouse.click(*seat.at(LON, LAT))
    rings = page.locator(".finding", has=page.get_by_role("heading", name=said(language, "incident.rings"), exact=True))
    expect(rings.locator("tbody tr").first.locator(".number")).to_have_count(_RINGS)
    expect(page.locator(".finding[aria-busy=true]")).to_have_count(0)
    expect(page.locator(".finding .wrong")).to_have_count(0)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("#sheet .finding").first).to_contain_text(said(language, "incident.where"))
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.locator(".incident .panel-head button", has_text=said(language, "panel.close")).click()
    tab_of(page, language, "incident.title").click()


def back_in_time(seat: Visitor, language: str) -> None:
    """7: a step back takes the page there, with a badge that leads back to the present."""
    page = seat.page
    tab_of(page, language, "tab.time").click()
    expect(page.locator(".histogram svg")).to_be_visible()
    page.locator(f"button[aria-label='{said(language, 'time.back')}']").click()
    until(page, "location.hash.includes('&at=')")
    badge = page.locator(".time-badge.replay")
    expect(badge).to_contain_text(said(language, "time.replay").split()[0])
    badge.click()
    until(page, "!location.hash.includes('&at=')")
    tab_of(page, language, "tab.time").click()


def the_map_leans_and_measures(seat: Visitor, language: str) -> None:
    """10: the map leans, a link restores that; a distance is measured."""
    page = seat.page
    relief = tool(page, language, "tool.relief")
    relief.click()
    until(page, f"{MAP}.getPitch() > 50 && location.hash.includes('3d=1')")
    shared = page.evaluate("location.hash")
    relief.click()
    until(page, f"{MAP}.getPitch() < 1 && !location.hash.includes('3d=1')")
    page.evaluate(_FOLLOW_LINK, shared)
    until(page, f"{MAP}.getPitch() > 50")
    relief.click()
    until(page, f"{MAP}.getPitch() < 1")
    if not page.locator(".tools.drawing").is_visible():
        expect(tool(page, language, "tools.distance")).to_have_count(1)  # there, and out of sight of a phone
        return
    tool(page, language, "tools.distance").click()
    expect(page.locator(".hint-bar")).to_contain_text(said(language, "draw.line"))
    for lon in (LON, LON + 0.004):
        place = seat.at(lon, LAT)
        page.mouse.move(*place)
        page.mouse.click(*place)
    page.keyboard.press("Enter")
    told = page.locator(".measured span")
    expect(told).to_have_text(re.compile(r"\D(3[89]\d|4[0-3]\d)(\.\d)? m$"))
    page.locator(".measured button").click()


WALKS: tuple[Callable[[Visitor, str], None], ...] = (
    layers_and_themes,
    what_is_here,
    events_and_the_map,
    a_line_that_breaks,
    a_circle_is_counted,
    a_name_is_found,
    a_place_is_looked_into,
    back_in_time,
    the_map_leans_and_measures,
)
"""What is done at the desk."""


def the_board(page: Page, language: str, *, writes: bool) -> None:
    """8: numbers of the district, down into the first area of the ranking and up again; who may writes a note."""
    expect(page.locator("#kpi-events_open b")).to_have_text(re.compile(r"\d"))
    expect(page.locator(".strip .tour").last).to_have_text(said(language, "board.desk"))
    page.locator(".ranking .link").first.click()
    expect(page.locator(".board:not([data-area='']):not(.outdated) .where")).to_be_visible()
    if writes:
        words = f"加强巡查 {uuid4().hex[:8]}"
        page.locator(".notes input").fill(words)
        page.locator(".notes form button").click()
        expect(page.locator(".notes li p").first).to_have_text(words)
    else:
        expect(page.locator(".notes form")).to_have_count(0)
    page.locator(".up").click()
    expect(page.locator(".board[data-area='']:not(.outdated)")).to_be_visible()


def the_phone(page: Page, language: str) -> None:
    """9: my grid, my tasks, a report made without a line and sent when it is back, consent before a patrol."""
    expect(page.locator(".grid-name")).to_contain_text(re.compile(r"\d"))
    page.locator("[data-tab=report]").click()
    sent = page.locator("[data-state=sent]").count()
    page.locator("[data-class='0406']").click()
    page.context.set_offline(offline=True)
    page.locator(".send").click()
    expect(page.locator(".kept")).to_have_text(said(language, "phone.report.kept.waiting"))
    expect(page.locator("[data-state=waiting]")).to_have_count(1)
    page.context.set_offline(offline=False)
    expect(page.locator("[data-state=sent]")).to_have_count(sent + 1)
    page.locator("[data-tab=me]").click()
    page.locator(".switch").click()
    expect(page.locator(".consent")).to_contain_text(said(language, "phone.patrol.consent"))
    page.locator(".consent .second").click()
    page.locator("[data-tab=tasks]").click()


def pages_of_data(page: Page, address: str, language: str, *, operates: set[str]) -> None:
    """11: the catalogue with code to paste, the health of feeds, and the operator's pages of who has any."""
    page.goto(f"{address}/catalog?lang={language}")
    expect(page.locator("[data-entry]").first).to_be_visible()
    page.goto(f"{address}/catalog/streets?lang={language}")
    expect(page.locator("#copy-curl")).to_contain_text("curl")
    page.goto(f"{address}/status?lang={language}")
    expect(page.locator("#feeds tbody tr").first).to_be_visible()
    linked = page.locator("a[href*='status/']").evaluate_all(
        "all => all.map(one => new URL(one.href).pathname.split('/').at(-1))"
    )
    assert operates == set(linked), "the pages that somebody may open, and no other"
    for name in operates:
        answer = page.goto(f"{address}/status/{name}?lang={language}")
        assert answer is not None
        assert answer.ok, name
