"""A grid worker's phone: a real browser that emulates one, against the real server under the shipped policy."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from layers.coordinates.datum import to_datum
from layers.database.connection import connect
from tests.databases import run_async, temporary_database
from tests.field_work import PASSWORD, make_people, send_ticket, serving
from tests.page.conftest import COARSE, NO_WEBGL, PHONE
from tests.page.waiting import until

SIDEWAYS = (844, 390)
FIRST_VIEW_BYTES = 100_000
SLOW_LINE = "Object.defineProperty(navigator, 'connection', { value: { effectiveType: '3g', saveData: false } })"
OFFLINE = re.compile(
    r"fetching the script|Worker failed to load|ERR_INTERNET_DISCONNECTED|ERR_FAILED|Failed to load resource"
    r"|GPU stall|WebGL"
)
_VERSIONS = "SELECT event_id, count(*) AS n FROM twin.event_version WHERE stage = 'collect' GROUP BY event_id"
_REPORTS = "SELECT id, grid_code, reporter_id, event_class FROM layer.events WHERE id LIKE 'report-%'"


@pytest.fixture(scope="module")
def here(cluster, district_template, tmp_path_factory):
    with temporary_database(cluster, district_template) as url:
        wang, *_ = run_async(make_people(url))
        with serving(tmp_path_factory.mktemp("home"), url) as address:
            of_wang = {"handler_id": wang.worker, "event_class": "0102", "occurred_at": "2026-06-08T01:00:00Z"}
            late, soon = "2026-06-08T03:00:00Z", "2090-06-08T03:00:00Z"
            title = "五山路暴露垃圾"
            send_ticket(address, "late", "dispatch", wang.lonlat, title=title, due_at=late, severity="2", **of_wang)
            send_ticket(
                address, "soon", "dispatch", wang.lonlat, title="道路不洁", due_at=soon, severity="3", **of_wang
            )
            yield SimpleNamespace(address=address, url=url, wang=wang)


class Phone:
    """A phone with a browser that is logged in; what its console says is kept."""

    def __init__(self, browser, here, *, slow=False, size=PHONE) -> None:
        lon, lat = here.wang.lonlat
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, is_mobile=True, has_touch=True, locale="zh-CN",
            geolocation={"longitude": lon, "latitude": lat, "accuracy": 12}, permissions=["geolocation"],
            reduced_motion="reduce", device_scale_factor=COARSE,
        )  # fmt: skip
        self.context.set_default_timeout(150_000)
        form = {"name": here.wang.name, "password": PASSWORD}
        answer = self.context.request.post(f"{here.address}/login", form=form, headers={"Origin": here.address})
        assert answer.ok, answer.text()
        self.page: Page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("console", lambda told: self.faults.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        self.bytes = self._counted()
        if slow:
            self.page.add_init_script(SLOW_LINE)
        self.page.goto(here.address)

    def _counted(self) -> dict[str, float]:
        """Return the bytes of answers by address, filled as they come."""
        names, sizes = {}, {}
        network = self.context.new_cdp_session(self.page)
        network.on("Network.responseReceived", lambda told: names.update({told["requestId"]: told["response"]["url"]}))
        network.on(
            "Network.loadingFinished",
            lambda told: sizes.update({names.get(told["requestId"], ""): told["encodedDataLength"]}),
        )
        network.send("Network.enable")
        return sizes

    def tap(self, name: str) -> None:
        self.page.locator(f"[data-tab={name}]").tap()

    def report(self, code: str) -> None:
        """Report in three taps."""
        self.tap("report")
        self.page.locator(f"[data-class='{code}']").tap()
        self.page.locator(".send").tap()

    def shot(self, name: str) -> None:
        """Take a picture where somebody asks for pictures."""
        if folder := os.environ.get("ONEMAP_TEST_PICTURES"):
            self.page.screenshot(path=Path(folder) / f"{name}.png")

    def unexpected(self) -> list[str]:
        return [fault for fault in self.faults if not OFFLINE.search(fault)]


@pytest.fixture
def phone(browser, here):
    opened = []

    def open_phone(**how) -> Phone:
        opened.append(Phone(how.pop("browser", browser), here, **how))
        return opened[-1]

    yield open_phone
    faults = [fault for one in opened for fault in one.unexpected()]
    for one in opened:
        one.context.close()
    assert faults == []


def rows(url, statement):
    async def read():
        connection = await connect(url)
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    return run_async(read())


def test_a_worker_sees_the_own_grid_and_the_tasks_before_the_map(phone, here):
    one = phone(slow=True)
    page = one.page
    expect(page.locator("[data-task=late]")).to_be_visible()
    expect(page.locator(".grid-name")).to_contain_text(re.compile("网格"))
    seen = {address: size for address, size in one.bytes.items() if not address.endswith("/vendor/maplibre-gl.css")}
    print("first view:", sum(seen.values()), "bytes in", len(seen), "answers")  # noqa: T201  # what is measured
    assert sum(seen.values()) < FIRST_VIEW_BYTES, sorted(seen.items(), key=lambda pair: -pair[1])[:12]
    assert not [address for address in seen if re.search(r"woff2|maplibre|map\.json|styles/|tiles/", address)]
    expect(page.locator("[data-task=late] .task-mark")).to_have_text("超期")
    expect(page.locator("[data-task=late]")).to_contain_text("0 m")
    expect(page.locator("[data-task=late]")).to_contain_text("任务派遣")
    first = page.locator("[data-task]").first
    assert first.get_attribute("data-task") == "late", "what is due first comes first"
    targets = boxes(page, "button:not(.grip), a.call")  # a handle catches more than it shows
    assert all(box["height"] >= 44 for box in targets), targets
    one.shot("tasks")
    page.locator("[data-task=late]").tap()
    expect(page.locator(".chain")).to_be_visible()
    expect(page.locator(".chain a.call").first).to_have_attribute("href", re.compile(r"^tel:\+?[\d-]+$"))
    assert "*" not in "".join(page.locator("a.call").all_inner_texts()), "nobody calls a number with stars"
    one.shot("task")
    page.get_by_role("button", name="接单").tap()
    expect(page.get_by_role("button", name="处理完毕")).to_be_visible()
    page.locator(".steps textarea").fill("已清运")
    page.get_by_role("button", name="处理完毕").tap()
    expect(page.locator(".task-open")).to_contain_text("处理反馈")
    (stored,) = rows(here.url, "SELECT stage, handling_note, handler_id FROM layer.events WHERE id = 'late'")
    assert tuple(stored) == ("feedback", "已清运", here.wang.worker)
    page.locator(".back").tap()
    one.tap("map")
    expect(page.locator(".mapview[data-idle]")).to_be_visible()
    expect(page.locator(".me-dot")).to_have_count(1)
    expect(page.locator(".pin").first).to_be_visible()
    one.shot("map")
    drag(page, -400)
    expect(page.locator(".sheet.full")).to_be_visible()
    drag(page, 700)
    expect(page.locator(".sheet.peek")).to_be_visible()
    page.locator(".grip").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".sheet.half")).to_be_visible()
    page.set_viewport_size({"width": SIDEWAYS[0], "height": SIDEWAYS[1]})
    expect(page.locator("[data-task=soon]")).to_be_visible()
    one.shot("sideways")
    one.tap("report")
    one.shot("sideways-report")
    assert page.evaluate("document.documentElement.scrollWidth") <= SIDEWAYS[0]


def test_without_a_position_the_map_shows_the_grid_of_the_account(phone, here):
    one = phone()
    one.context.clear_permissions()
    one.page.reload()
    one.tap("map")
    expect(one.page.locator(".grid-name.unknown")).to_contain_text("定位")
    until(one.page, "document.querySelector('.mapview')?.map?.getZoom() > 13")
    one.shot("no position")


def test_reports_are_sent_once_with_the_line_cut_the_answer_lost_and_the_page_closed(phone, here):
    one = phone(slow=True)  # reports need no map
    page = one.page
    expect(page.locator("[data-task]").first).to_be_visible()
    one.report("0406")
    expect(page.locator("[data-state=sent]")).to_have_count(1)
    one.shot("report")
    one.context.set_offline(True)
    one.report("0102")
    expect(page.locator("[data-state=waiting]")).to_have_count(1)
    expect(page.locator(".line.cut")).to_be_visible()
    expect(page.locator("[data-tab=report] .tab-badge")).to_have_text("1")
    one.shot("offline")
    one.context.set_offline(False)
    expect(page.locator("[data-state=sent]")).to_have_count(2)
    lost = []

    def lose_the_answer(route):
        if route.request.method != "POST" or lost:
            return route.continue_()
        lost.append(route.fetch().status)
        return route.abort()

    page.route("**/twin/reports", lose_the_answer)
    one.report("0104")
    expect(page.locator(".line.cut")).to_be_visible()
    expect(page.locator("[data-state=waiting]")).to_have_count(1)
    assert lost == [200], "the server took it, and the phone does not know"
    page.reload()
    one.tap("report")
    expect(page.locator("[data-state=sent]")).to_have_count(3)
    page.route("**/twin/reports", lambda route: route.fulfill(status=400, json={"detail": "错了"}))
    one.report("0105")
    expect(page.locator("[data-state=refused]")).to_contain_text("错了")
    page.unroute("**/twin/reports")
    page.get_by_role("button", name="再发一次").tap()
    expect(page.locator("[data-state=sent]")).to_have_count(4)
    stored = rows(here.url, _REPORTS)
    assert sorted(row["event_class"] for row in stored) == ["0102", "0104", "0105", "0406"]
    assert {(row["grid_code"], row["reporter_id"]) for row in stored} == {(here.wang.grid, here.wang.worker)}
    counted = {row["event_id"]: row["n"] for row in rows(here.url, _VERSIONS)}
    assert [counted[row["id"]] for row in stored] == [1, 1, 1, 1]


KEPT = """async () => { const cache = await caches.open('onemap-page');
    return (await cache.keys()).map(({ url }) => new URL(url).pathname); }"""
OF_ANOTHER_VERSION = """async () => { const cache = await caches.open('onemap-page');
    await cache.put('ui/000000000000/app/main.js', new Response('throw new Error("old")')); }"""


def keeps(page, file) -> None:
    until(page, f"({KEPT})().then(paths => paths.some(path => path.endsWith('{file}')))")


def test_the_page_opens_without_a_line_with_what_waits_and_keeps_nothing_but_itself(phone, here):
    one = phone(slow=True)
    page = one.page
    for file in ("/", "/app/main.js", "/app/phone/report.js", "/text/zh-CN.json"):
        keeps(page, file)
    until(page, "navigator.serviceWorker.controller !== null")
    one.context.set_offline(True)
    page.reload()
    one.report("0102")
    expect(page.locator("[data-state=waiting]")).to_have_count(1)
    page.reload()
    one.tap("report")
    expect(page.locator("[data-state=waiting]")).to_have_count(1)
    expect(page.locator(".line.cut")).to_be_visible()
    one.shot("without-a-line")
    one.context.set_offline(False)
    expect(page.locator("[data-state=sent]")).to_have_count(1)
    page.evaluate(OF_ANOTHER_VERSION)
    page.reload()  # with a line the page is the server's, and what it does not name is forgotten
    until(page, f"({KEPT})().then(paths => !paths.some(path => path.includes('000000000000')))")
    assert all(re.fullmatch(r"/(ui/[0-9a-f]{12}/.+)?", path) for path in page.evaluate(KEPT)), "no answer is kept"
    one.context.clear_cookies()
    page.reload()
    until(page, "localStorage.getItem('onemap.worker') === null")


def test_a_patrol_asks_for_consent_and_the_datum_and_the_language_are_remembered(phone, here):
    one = phone()
    page = one.page
    one.tap("me")
    expect(page.locator(".switch")).to_have_attribute("aria-checked", "false")
    assert walked(here) == 0
    page.locator(".switch").tap()
    expect(page.locator(".consent")).to_contain_text("您同意吗")
    page.locator(".consent .second").tap()
    expect(page.locator(".switch")).to_have_attribute("aria-checked", "false")
    page.locator(".switch").tap()
    page.locator(".consent .primary").tap()
    expect(page.locator(".switch")).to_contain_text("已上传 1 个位置")
    expect(page.locator(".walking")).to_be_visible()
    one.shot("me")
    page.locator(".switch").tap()
    expect(page.locator(".walking")).to_have_count(0)
    assert walked(here) == 1
    lon, lat = to_datum(np.array([here.wang.lonlat]), "gcj02")[0].tolist()
    grid = page.locator(".grid-name").inner_text()
    page.get_by_label("GCJ-02").check()
    one.context.set_geolocation({"longitude": lon, "latitude": lat, "accuracy": 12})
    expect(page.locator(".grid-name")).to_have_text(grid)
    page.get_by_role("button", name="English: switch the language").tap()
    expect(page.locator("[data-tab=tasks]")).to_contain_text("To do")
    page.reload()
    expect(page.locator(".grid-name")).to_have_text(grid)
    one.tap("me")
    expect(page.get_by_label("GCJ-02")).to_be_checked()
    expect(page.locator("[data-tab=report]")).to_contain_text("Report")
    one.tap("report")
    expect(page.locator("[data-class='0406']")).to_have_text("Water on the road")
    one.shot("english")
    page.get_by_role("button", name="Locate again").tap()
    one.tap("tasks")
    expect(page.locator("[data-task=soon]")).to_contain_text("Dispatched")


def test_without_webgl_the_lists_work(phone, launch):
    with launch(NO_WEBGL) as blind:
        one = phone(browser=blind)
        expect(one.page.locator("[data-task=soon]")).to_be_visible()
        one.tap("map")
        expect(one.page.locator(".no-map")).to_contain_text("WebGL")
        one.shot("blind")
        one.context.close()


def walked(here) -> int:
    (row,) = rows(here.url, "SELECT count(*) AS n FROM twin.position WHERE layer = 'grid_workers'")
    return row["n"]


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    found = [
        element.bounding_box() for element in page.locator(f".phone :is({selector})").all() if element.is_visible()
    ]
    return [box for box in found if box]


def drag(page: Page, by: int) -> None:
    """Drag the sheet by pixels, down where they are positive."""
    box = page.locator(".grip").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + by / 2)
    page.mouse.move(x, max(5, y + by))
    page.mouse.up()
