"""One stream for all tabs of a browser: all hear, none is blocked, and a break leaves no gap."""

from __future__ import annotations

import re
from types import SimpleNamespace

import httpx
import pytest
from playwright.sync_api import expect

from layers.database.connection import connect
from tests.databases import run_async
from tests.page.conftest import DESK, Visitor
from tests.page.relay import relay_to
from tests.page.waiting import until
from twin.log.changes import append

TABS = 8  # a browser opens six connections to a host on HTTP/1.1
LISTEN = """async ui => {
    const { follow, join } = await import(`${ui}/app/live.js`);
    const { connection } = await import(`${ui}/app/state/connection.js`);
    window.heard = []; window.gaps = 0; window.connection = connection;
    const hear = ({ changes, gap }) => { window.heard.push(...changes.map(one => one.id)); window.gaps += gap; };
    follow(hear, ["buildings"]);
    join("", () => {}); }"""
HIDE, SHOW = (
    f"Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }}); "
    "document.dispatchEvent(new Event('visibilitychange'))"
    for hidden in ("true", "false")
)  # a headless browser hides no tab by itself
NO_WORKER = "delete window.SharedWorker"
NO_LOCKS = "delete window.SharedWorker; delete Navigator.prototype.locks"


@pytest.fixture(scope="module")
def line(browser, address):
    """A line to the server, and what opens tabs of one browser on it."""
    with relay_to(address) as relay, browser.new_context(locale="zh-CN") as context:
        ui = re.search(r'src="(ui/[0-9a-f]{12})/app/main.js"', httpx.get(address).text)[1]

        def listener(browser_context=context):
            page = browser_context.new_page()
            page.goto(f"{relay.address}/{ui}/text/en.json")
            page.evaluate(LISTEN, f"/{ui}")
            return page

        yield SimpleNamespace(relay=relay, context=context, listener=listener)


@pytest.fixture
def tell(page_database, a_building):
    """Write that a building changed, in the log that every stream is fed from; return its id."""

    def told():
        async def write():
            connection = await connect(page_database)
            change = {"kind": "feature", "layer": "buildings", "id": a_building[0], "operation": "update", "grade": 1}
            async with connection.transaction():
                await append(connection, [change])
            await connection.close()

        run_async(write())
        return a_building[0]

    return told


def hears(page, *ids):
    until(page, f"JSON.stringify(window.heard) === JSON.stringify({list(ids)!r})")


def is_live(page):
    until(page, "window.connection.value.state === 'live'")


def test_eight_tabs_of_a_browser_share_one_stream_and_all_are_alive(line, tell):
    tabs = [line.listener() for _ in range(TABS)]
    for tab in tabs:
        is_live(tab)
    assert line.relay.open_on(b"/live") == 1
    changed = tell()
    for tab in tabs:
        hears(tab, changed)
        assert tab.evaluate("fetch('/health').then(answer => answer.status)") == 200
    for tab in tabs[1:]:
        tab.close()
    line.relay.cut()
    until(tabs[0], "window.connection.value.state === 'lost'")
    tell()
    line.relay.mend()
    hears(tabs[0], changed, changed)
    assert tabs[0].evaluate("window.gaps") == 0
    tabs[0].close()


def test_a_hidden_tab_rests_and_hears_at_once_what_it_missed(line, tell):
    tab, other = line.listener(), line.listener()
    is_live(tab)
    tab.evaluate(HIDE)
    changed = tell()
    hears(other, changed)
    assert tab.evaluate("window.heard.length") == 0
    tab.evaluate(SHOW)
    hears(tab, changed)
    for one in (tab, other):
        one.evaluate(HIDE)
    until(tab, "window.connection.value.state === 'rest'")
    assert line.relay.open_on(b"/live") == 0
    tell()
    tab.evaluate(SHOW)
    hears(tab, changed, changed)
    assert tab.evaluate("window.gaps") == 0
    tab.close()
    other.close()


@pytest.mark.parametrize(("without", "streams"), [(NO_WORKER, 1), (NO_LOCKS, 2)])
def test_without_a_shared_worker_one_tab_holds_the_stream_for_all(browser, line, tell, without, streams):
    with browser.new_context() as context:
        context.add_init_script(without)
        tabs = [line.listener(context) for _ in range(2)]
        for tab in tabs:
            is_live(tab)
        assert line.relay.open_on(b"/live") == streams
        changed = tell()
        for tab in tabs:
            hears(tab, changed)
        tabs[0].close()
        until(tabs[1], "window.connection.value.state === 'live'")
        tell()
        hears(tabs[1], changed, changed)


def test_a_lost_line_says_of_which_moment_the_page_is_until_it_heals(line, browser):
    visitor = Visitor(browser, line.relay.address, DESK)
    page = visitor.idle()
    line.relay.cut()
    expect(page.locator(".toast")).to_contain_text(re.compile(r"数据停在 \d\d:\d\d:\d\d，已断 \d+"))
    line.relay.mend()
    expect(page.locator(".toast")).to_have_count(0)
    page.close()
