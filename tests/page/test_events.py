"""The list of events: filters, changes without a jump, the map and the list together, one event with its stages."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.databases import execute, run_async, temporary_database
from tests.page.conftest import DESK, Visitor
from tests.page.waiting import until
from tests.running_app import running_for_operator

MAP = "document.querySelector('.mapview').map"
ROWS = 300
HAPPENED = f"""
INSERT INTO layer.events (id, geom, source, event_class, severity, stage, title, occurred_at, accepted_at, due_at,
    closed_at, data_grade)
SELECT 'listed-' || lpad(n::text, 3, '0'), ST_SetSRID(ST_MakePoint(113.33 + n * 0.0003, 23.13), 4490),
    (ARRAY['hotline', 'grid_case'])[1 + n % 2], (ARRAY['0102', '0406'])[1 + n % 2], (1 + n % 3)::text,
    CASE WHEN n % 10 = 0 THEN 'closed' ELSE 'handle' END, '列表事件' || n, now() - n * interval '1 minute',
    now() - n * interval '1 minute' + interval '30 seconds',
    now() + (CASE WHEN n % 4 = 0 THEN -90 ELSE 590 END) * interval '1 minute',
    CASE WHEN n % 10 = 0 THEN now() END, 1
FROM generate_series(1, {ROWS}) AS n
"""
NEW = """
INSERT INTO layer.events (id, geom, source, severity, stage, title, occurred_at, data_grade)
SELECT 'fresh-' || n, ST_SetSRID(ST_MakePoint(113.36, 23.14), 4490), 'hotline', '1', 'file', '新来的' || n,
    now() + n * interval '1 second', 1 FROM generate_series(1, 3) AS n
"""

OUTSIDE = """async told => {
    const root = document.querySelector('script[type=module]').src.replace('main.js', '');
    const { isOutside } = await import(root + 'events/filters.js');
    return told.map(isOutside); }"""


@contextmanager
def only_events(cluster, template, home, statement):
    """Serve a district of its own that has the events of a statement alone; yield its address and its database."""
    with temporary_database(cluster, template) as url:
        run_async(execute(url, f"DELETE FROM layer.events; {statement}"))
        with running_for_operator(home, url) as address:
            yield address, url


@pytest.fixture(scope="module")
def listed(browser, cluster, district_template, tmp_path_factory):
    """The page with the list open, over 300 events; what it reports is checked at the end."""
    home = tmp_path_factory.mktemp("home")
    with only_events(cluster, district_template, home, HAPPENED) as (address, url):
        visitor = Visitor(browser, address, DESK, "/#12.5/23.13/113.36&tab=events")
        visitor.url = url
        try:
            visitor.idle()
            yield visitor
            assert not visitor.unexpected()
        finally:
            visitor.page.close()


def rows(page):
    return page.locator(".events-rows .event")


def total(page):
    """Return the number of events that the list tells of: tests of this file may run in any order."""
    return int(page.locator(".events-total").inner_text().split()[1])


def test_open_events_come_newest_first_and_only_seen_rows_are_drawn(listed):
    page = listed.page
    expect(rows(page).first).to_contain_text("列表事件1")
    expect(page.locator(".events-total")).to_have_text("共 270 起")
    grid = page.locator(".events-grid")
    assert grid.get_attribute("role") == "grid"
    assert rows(page).count() < 40
    expect(page.locator(".event", has_text="列表事件4").first.locator(".limit")).to_contain_text("超期 1 小时")
    expect(page.locator(".event", has_text="列表事件4").first.locator(".limit i")).to_have_text("▲")
    expect(page.locator(".event", has_text="列表事件3").first.locator(".limit")).to_contain_text("剩 9 小时")


def test_the_end_of_the_list_is_reached_by_scrolling(listed):
    page = listed.page
    frame = page.locator(".events-frame")
    until(
        page,
        """(frame => { frame.scrollTo({ top: frame.scrollHeight });
            return document.querySelector('.events-grid').getAttribute('aria-rowcount') === '271';
        })(document.querySelector('.events-frame'))""",
    )
    frame.evaluate("element => element.scrollTo({ top: element.scrollHeight })")
    expect(page.locator(".event", has_text="列表事件299")).to_have_count(1)
    frame.evaluate("element => element.scrollTo({ top: 0 })")
    expect(page.locator(".event", has_text="列表事件1").first).to_be_visible()


def test_new_events_wait_and_a_changed_one_is_patched_where_it_stands(listed):
    page = listed.page
    frame = page.locator(".events-frame")
    frame.evaluate("element => element.scrollTo({ top: 680 })")
    row = page.locator("#event-listed-023")
    expect(row).to_contain_text("任务处理")
    top = row.bounding_box()["y"]
    row.evaluate("element => (element.mine = true)")
    before = total(page)
    run_async(execute(listed.url, NEW))
    expect(page.locator(".events-fresh button")).to_have_text("▲ 3 条新事件")
    run_async(execute(listed.url, "UPDATE layer.events SET stage = 'verify' WHERE id = 'listed-023'"))
    expect(row).to_contain_text("核查结案")
    assert row.evaluate("element => element.mine"), "the row was made anew"
    run_async(
        execute(listed.url, "UPDATE layer.events SET stage = 'closed', closed_at = now() WHERE id = 'listed-002'")
    )
    expect(page.locator(".events-total")).to_have_text(f"共 {before + 2} 起")
    moved = row.bounding_box()["y"] - top
    assert abs(moved) < 40, "only the line of news may push it"  # the row above it that left moves nothing
    page.locator(".events-fresh button").click()
    expect(rows(page).first).to_contain_text("新来的3")
    expect(page.locator(".events-fresh button")).to_have_count(0)


def test_filters_choose_and_are_in_the_link(listed):
    page = listed.page
    before = total(page)
    page.locator(".events-bar select[aria-label=来源]").select_option("grid_case")
    until(page, "location.hash.includes('e.source=grid_case')")
    expect(page.locator(".events-total")).to_have_text("共 150 起")
    told = [{"source": "hotline"}, {"source": "grid_case", "event_class": "0406"}, {"id": "masked"}]
    assert page.evaluate(OUTSIDE, told) == [True, False, False], "for an event of another source the list reads nothing"
    page.locator(".events-bar .flag", has_text="超期").click()
    expect(page.locator(".events-total")).to_have_text("共 0 起")  # odd ones are of the grid, and every fourth is late
    expect(page.locator(".events-main .notice")).to_contain_text("没有符合条件的事件")
    page.evaluate("location.hash = '#12.5/23.13/113.36&tab=events&e.stage=closed&e.severity=2'")
    expect(page.locator(".events-bar select[aria-label=环节]")).to_have_value("closed")
    expect(page.locator(".events-total")).to_have_text("共 10 起")
    chosen = [f"listed-{n:03}" for n in range(10, ROWS + 1, 10) if n % 3 == 1]
    expect(page.locator("#event-listed-010")).to_have_count(1)
    until(page, f"{MAP}.getSource('events').tiles[0].includes('severity') && {MAP}.areTilesLoaded()")
    listed.idle()
    assert listed.drawn("events") == chosen, "the map shows what the list shows"
    page.locator(".layers .fresh-layer").hover()
    page.locator(".events-bar button", has_text="清除筛选").click()
    expect(page.locator(".events-total")).to_have_text(f"共 {before} 起")
    until(page, "!location.hash.includes('e.')")


PLACE = """async code => {
    const root = document.querySelector('script[type=module]').src.replace('main.js', '');
    const { placeOf } = await import(root + 'events/places.js');
    return placeOf({ area_code: code }); }"""


def test_an_event_of_the_whole_district_is_in_the_district(listed):
    expect(rows(listed.page).first).to_be_visible()
    until(listed.page, f"({PLACE})('440106000000').then(place => place === '天河区')")
    assert listed.page.evaluate(PLACE, "440199000000") == "440199000000"


def test_the_keyboard_and_the_mouse_point_at_the_map_and_choose(listed):
    page = listed.page
    page.locator(".events-frame").evaluate("element => element.scrollTo({ top: 0 })")
    page.locator("#event-listed-005").hover()
    expect(page.locator(".pointer")).to_have_count(1)
    page.locator(".events-grid").focus()
    page.keyboard.press("Home")
    ids = rows(page).evaluate_all("found => found.map(({ id }) => id)")
    for _ in range(ids.index("event-listed-001")):
        page.keyboard.press("ArrowDown")
    expect(page.locator(".events-grid")).to_have_attribute("aria-activedescendant", "event-listed-001")
    page.keyboard.press("Enter")
    expect(page.locator("#event-listed-001")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".pointer.flash")).to_have_count(1)
    until(page, f"{MAP}.getZoom() > 14")
    detail = page.locator(".event-detail")
    expect(detail.locator("h3")).to_have_text("列表事件1")
    expect(detail.locator(".way [aria-current=step]")).to_contain_text("任务处理")
    expect(detail.locator(".limit.large")).to_contain_text("剩 9 小时")
    expect(detail.locator(".steps li").first).to_be_visible()
    until(page, "location.hash.includes('sel=events/listed-001')")
    page.locator(".event-detail > .tool").click()
    expect(detail).to_have_count(0)


def test_a_list_that_cannot_be_read_says_so_and_tries_again(listed):
    page = listed.page
    listed.expects("ERR_FAILED")
    before = total(page)
    page.route("**/collections/events/items*", lambda route: route.abort())
    page.locator(".events-bar select[aria-label=来源]").select_option("hotline")
    expect(page.locator(".stale-note")).to_contain_text("列表可能不是最新")
    page.unroute_all()
    page.locator(".stale-note button").click()
    expect(page.locator(".stale-note")).to_have_count(0)
    page.locator(".events-bar button", has_text="清除筛选").click()
    expect(page.locator(".events-total")).to_have_text(f"共 {before} 起")


def test_the_badge_says_live_and_the_list_is_complete_in_english(listed):
    page = listed.page
    expect(page.locator(".time-badge")).to_contain_text("实时")
    page.locator("header button[lang=en]").click()
    expect(page.locator(".event.head")).to_contain_text("Severity")
    expect(page.locator(".time-badge")).to_contain_text("Live")
    page.locator("header button[lang=zh-CN]").click()
    expect(page.locator(".event.head")).to_contain_text("紧急程度")
