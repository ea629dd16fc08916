"""Time on the page: a histogram under a slider, the whole page as of a moment, playing, two moments side by side."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from tests.page.conftest import DESK, TOKEN, Shared, Visitor
from tests.page.test_events import only_events
from tests.page.waiting import until
from tests.running_app import OPERATOR

HAPPENED = """
INSERT INTO layer.events (id, geom, source, severity, stage, title, occurred_at, ingested_at, data_grade)
SELECT 'past-' || n, ST_SetSRID(ST_MakePoint(113.34 + n * 0.005, 23.14), 4490), 'hotline', '2', 'handle', '从前' || n,
    now() - n * interval '40 minutes', now() - n * interval '40 minutes', 1 FROM generate_series(1, 6) AS n
"""
LONG_KNOWN = """
DO $$ DECLARE layer text; BEGIN
    FOREACH layer IN ARRAY ARRAY['districts', 'streets', 'communities', 'urban_villages', 'roads', 'waterways'] LOOP
        EXECUTE format('ALTER TABLE layer.%I DISABLE TRIGGER USER', layer);
        EXECUTE format('UPDATE layer.%I SET _known_since = now() - interval ''1 day''', layer);
        EXECUTE format('ALTER TABLE layer.%I ENABLE TRIGGER USER', layer);
    END LOOP; END $$;
INSERT INTO layer.urban_villages (id, geom, name, data_grade, _known_since)
SELECT 'built', ST_Multi(ST_Expand(ST_SetSRID(ST_MakePoint(113.36, 23.14), 4490), 0.01)), '新村', 1,
    now() - interval '12 minutes'
"""
STEP_BACK_AND_PLAY = """async () => {
    const root = document.querySelector('script[type=module]').src.replace('main.js', '');
    const { at } = await import(root + 'state/time.js');
    const press = button => document.querySelector(`.time-controls ${button}`).click();
    for (const button of ['.tool', '.tool', '.tool', '.primary']) press(button);
    return Date.now() - Date.parse(at.value); }"""  # as on a busy page, which draws nothing between two clicks

MOVERS = "/collections/vehicles/items?f=json&limit=5000"


def moment_of(url: str) -> datetime:
    """Return the moment as of which an address asks."""
    return datetime.fromisoformat(parse_qs(urlsplit(url).query)["at"][0])


@pytest.fixture(scope="module")
def happened(cluster, district_template, tmp_path_factory):
    """Address of the application over six events of the last four hours."""
    with only_events(cluster, district_template, tmp_path_factory.mktemp("home"), f"{HAPPENED}; {LONG_KNOWN}") as (
        address,
        _,
    ):
        yield address


@pytest.fixture(scope="module")
def shared(browser, happened):
    """The page of an operator with the tab of time open, which the tests share."""

    def open_tab():
        visitor = Visitor(browser, happened, DESK, None)
        headers = {"Authorization": f"Bearer {TOKEN}", "Origin": happened}
        opened = visitor.page.context.request.post(f"{happened}/login/token", headers=headers)
        assert opened.ok, opened.text()
        visitor.page.goto(f"{happened}/#12.50/23.14000/113.36000&tab=time")
        return visitor

    tab = Shared(open_tab)
    yield tab
    tab.close()


@pytest.fixture
def timed(walk):
    return walk()


def test_the_histogram_counts_the_events_of_the_window(timed):
    page = timed.page
    expect(page.locator(".histogram svg")).to_have_attribute("aria-label", "时间窗内 6 起事件，每步最多 1 起")
    page.locator("select[aria-label=时间窗]").select_option("1h")
    expect(page.locator(".histogram svg")).to_have_attribute("aria-label", "时间窗内 1 起事件，每步最多 1 起")
    until(page, "location.hash.includes('win=1h')")
    page.locator("select[aria-label=时间窗]").select_option("6h")
    page.evaluate("location.hash += '&sel=events/past-2'")
    page.locator(".event-notes input").fill("请立即处理")
    page.locator(".event-notes button").click()
    expect(page.locator(".event-notes blockquote p")).to_have_text("请立即处理")
    about = {"layer": "events", "id": "past-2", "words": "已请示，照办"}  # from elsewhere: the open panel shows it
    httpx.post(f"{timed.address}/twin/notes", json=about, headers=OPERATOR, timeout=60).raise_for_status()
    expect(page.locator(".event-notes blockquote p")).to_have_text(["已请示，照办", "请立即处理"])


def test_a_step_back_is_in_the_link_the_badge_and_every_request(timed):
    page = timed.page
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/tiles/events/" in request.url else None)
    page.locator("button[aria-label=后退一步]").click()
    until(page, "location.hash.includes('&at=')")
    expect(page.locator(".time-badge.replay")).to_contain_text("回放")
    expect(page.locator(".time-controls output")).to_contain_text("回放")
    timed.idle()
    assert asked
    assert all("at=" in url for url in asked)
    expect(page.locator(".layers .of-now")).to_be_visible()
    total = page.locator("[data-layer=events] .count")
    expect(total).to_have_text("0")  # of the moment; in the present there are six
    expect(total).not_to_have_class(re.compile("now"))
    page.evaluate("location.hash = location.hash.replace('tab=time', 'tab=query') + '&area=bbox/113.3,23.1,113.4,23.2'")
    counted = page.locator(".counts li button", has=page.get_by_text("事件", exact=True)).locator("b")
    expect(counted).to_have_text("0")  # what nobody had told of then
    page.locator(".time-badge.replay").click()
    expect(page.locator(".time-badge")).to_contain_text("实时")
    expect(counted).to_have_text("6")
    expect(total).to_have_text("6")
    until(page, "!location.hash.includes('&at=')")


def test_a_step_asks_for_no_tile_of_a_layer_in_which_nothing_changed(timed):
    page, asked, steps = timed.page, [], []
    page.on("request", lambda request: asked.append(request.url) if "/tiles/" in request.url else None)
    assert "built" in timed.drawn("urban_villages")
    page.locator("select[aria-label=时间窗]").select_option("6h")  # in steps of five minutes
    half_a_minute_ago = "location.hash += '&at=' + new Date(Date.now() - 30_000).toISOString()"
    page.evaluate(half_a_minute_ago)  # not a round time, which may be so near that something may yet become known of it
    expect(page.locator(".time-badge.replay")).to_be_visible()
    for step in range(4):
        if step:
            asked.clear()
            page.locator("button[aria-label=后退一步]").click()
        timed.idle()
        tiles = {url.split("/tiles/")[1].split("/")[0] for url in asked if ".mvt" in url}
        steps.append(("built" in timed.drawn("urban_villages"), tiles))
    there = [drawn for drawn, _ in steps]
    assert (there[0], there[-1]) == (True, False), "12 minutes ago it was not there"
    assert all("events" in tiles for _, tiles in steps)
    assert not any({"districts", "streets", "roads", "waterways"} & tiles for _, tiles in steps), steps
    assert ["urban_villages" in tiles for _, tiles in steps] == [now != was for was, now in pairwise([True, *there])]
    page.locator(".time-badge.replay").click()
    expect(page.locator(".time-badge")).to_contain_text("实时")
    timed.idle()
    assert "built" in timed.drawn("urban_villages")


def test_the_next_step_is_asked_for_while_this_one_is_looked_at(timed):
    page, asked = timed.page, []
    page.on("request", lambda request: asked.append(request.url) if MOVERS in request.url else None)
    page.locator("select[aria-label=时间窗]").select_option("6h")  # in steps of five minutes
    for ahead in (2, 3, 4):  # the step before them is shown
        with page.expect_request(lambda _, ahead=ahead: len(asked) == ahead):
            page.locator("button[aria-label=后退一步]").click()
        timed.idle()
        shown = page.evaluate("new URLSearchParams(location.hash).get('at')")
        assert [moment_of(url) for url in asked][-2] == datetime.fromisoformat(shown)
    assert {one - next_one for one, next_one in pairwise(map(moment_of, asked))} == {timedelta(minutes=5)}
    assert page.evaluate("!Object.hasOwn(document.querySelector('.mapview').map, 'triggerRepaint')"), "it draws on"


def test_it_plays_to_the_present(timed):
    page = timed.page
    page.locator("select[aria-label=时间窗]").select_option("1h")
    page.locator("select[aria-label=速度]").select_option("4")
    assert page.evaluate(STEP_BACK_AND_PLAY) <= 4 * 60_000, (
        "it plays from the third step, not from where the window begins"
    )
    expect(page.locator(".time-controls output")).to_have_text("实时")
    expect(page.locator("button", has_text="播放")).to_be_visible()


def test_two_moments_stand_side_by_side_with_one_view(timed):
    page = timed.page
    with page.expect_request(lambda asked: "/tiles/vehicles/" in asked.url and "at=" in asked.url):
        page.locator("button", has_text="对比两个时刻").click()  # what moves is drawn as it was, not as it is
    expect(page.locator(".split-map canvas")).to_have_count(1)
    until(page, "location.hash.includes('&than=')")
    expect(page.locator(".split-time.right")).to_have_text("实时")
    handle = page.locator(".split-handle")
    handle.focus()
    page.keyboard.press("ArrowLeft")
    expect(handle).to_have_attribute("aria-valuenow", "48")
    page.locator(".split-close").click()
    expect(page.locator(".split")).to_have_count(0)
    until(page, "!location.hash.includes('&than=')")


def test_before_anything_was_loaded_the_page_says_so(timed):
    timed.page.evaluate("moment => { location.hash += `&at=${moment}` }", "2020-01-01T00:00:00.000Z")
    expect(timed.page.locator(".time-badge.replay")).to_contain_text("此时尚无数据")
    expect(timed.page.locator(".nothing-then")).to_be_visible()
    timed.page.locator(".time-badge.replay").click()
    expect(timed.page.locator(".nothing-then")).to_have_count(0)
