"""The board on a wall: numbers of the overview, drill-down, languages, nothing that scrolls, type to read from afar."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.databases import run_async, temporary_database
from tests.page.conftest import Visitor
from tests.page.laws import FITS, LEAST_TYPE
from tests.page.waiting import until
from tests.running_app import OPERATOR, running_for_operator
from tests.twin.overview.events import put_events

WALL, WIDE_WALL = (1920, 1080), (3840, 1080)
CHOSEN_PX = 24
SAME_NUMBERS = """async ids => {
    const {indicators} = await (await fetch('/twin/overview')).json();
    const shown = id => Number(document.querySelector(`#kpi-${id} b`).innerText.replace(/[^0-9]/g, ''));
    return ids.every(id => shown(id) === indicators.find(one => one.id === id).value);
}"""  # an event may become overdue between two answers


@pytest.fixture(scope="module")
def wall(cluster, district_template, tmp_path_factory):
    """Address of the application over a district in which much happens."""
    with temporary_database(cluster, district_template) as url:
        run_async(put_events(url))
        with running_for_operator(tmp_path_factory.mktemp("home"), url) as running:
            yield running


@pytest.fixture(scope="module")
def board(browser, wall):
    """The board of an operator on a wall of 16:9; one page for all tests, that the last one breaks."""
    visitor = Visitor(browser, wall, WALL, "/login")
    sign_in(visitor)
    visitor.page.goto(f"{wall}/?lang=zh-CN#&face=board")
    settled(visitor.page, "")
    yield visitor
    visitor.page.close()
    assert not visitor.unexpected()


def sign_in(visitor):
    status = visitor.page.evaluate(
        "headers => fetch('/login/token', {method: 'POST', headers}).then(answer => answer.status)", OPERATOR
    )
    assert status == 200


def settled(page, area):
    expect(page.locator(f'.board[data-area="{area}"]:not(.outdated) .left')).to_be_visible()
    expect(page.locator(".board .mapview[data-idle]")).to_be_visible()


def told(page, area=""):
    return page.evaluate(
        "path => fetch(path).then(answer => answer.json())", f"/twin/overview{area and f'?area={area}'}"
    )


def number(page, indicator):
    return int(re.sub(r"\D", "", page.locator(f"#kpi-{indicator} b").inner_text()))


@pytest.mark.parametrize("size", [WALL, WIDE_WALL])
def test_nothing_scrolls_and_type_is_large(board, size):
    page = board.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.wait_for_function("width => innerWidth === width", arg=size[0])
    assert page.evaluate(LEAST_TYPE) >= (28 if size == WIDE_WALL else 14)
    for theme in reversed(page.evaluate("fetch('/twin/themes').then(answer => answer.json())")["themes"]):
        page.locator(".strip .topic").select_option(theme["name"])
        cards = "all => all.map(one => one.classList[2])"
        page.wait_for_function(
            "names => names.every(name => document.querySelector(`.board-card.${name}`))", arg=theme["cards"]
        )
        assert page.locator(".board-card").evaluate_all(cards) == theme["cards"]
        shown = page.locator(".kpis > div").evaluate_all("all => all.map(one => one.id.slice('kpi-'.length))")
        assert shown == theme["indicators"]
        assert page.evaluate(FITS) == [], theme["name"]
    page.set_viewport_size({"width": WALL[0], "height": WALL[1]})


def test_numbers_are_those_of_the_overview_and_cards_follow_the_area(board):
    page = board.page
    document = told(page)
    values = {one["id"]: one["value"] for one in document["indicators"]}
    page.wait_for_function(SAME_NUMBERS, arg=["events_open", "events_overdue", "events_today"], polling=1000)
    ranked = sorted(document["children"], key=lambda one: -one["values"]["events_open"])
    assert page.locator(".ranking th").first.inner_text() == ranked[0]["name"]
    expect(page.locator(".newest li").first).to_contain_text(
        document["lists"]["newest"]["features"][0]["properties"]["title"]
    )
    expect(page.locator(".warned b")).to_have_text("暴雨红色预警")
    page.locator(".ranking .link").first.click()
    settled(page, ranked[0]["code"])
    assert number(page, "events_open") == ranked[0]["values"]["events_open"]
    assert ranked[0]["name"] in page.locator(".where").inner_text()
    page.locator(".up").click()
    settled(page, "")
    assert number(page, "events_open") == values["events_open"]


def test_a_moment_of_the_past_and_heat_are_shown(board):
    page = board.page
    tiles = []
    page.on("request", lambda request: tiles.append(request.url) if "/tiles/events/" in request.url else None)
    page.locator(".map-tools .switch button").last.click()
    expect(page.locator(".shades .heat-scale")).to_be_visible()
    until(page, "document.querySelector('.mapview').map.getLayer('over-heat') !== undefined")
    settled(page, "")
    assert tiles
    assert all("filter=" in url for url in tiles)
    tiles.clear()
    page.locator(".map-tools > .tour").click()
    page.locator(".time-bar button").first.click()
    expect(page.locator(".fresh.replay .badge")).to_contain_text("回放")
    settled(page, "")
    moment = page.evaluate("new URLSearchParams(location.hash.slice(2)).get('at')")
    document = page.evaluate(
        "at => fetch(`/twin/overview?at=${encodeURIComponent(at)}`).then(answer => answer.json())", moment
    )
    then = next(one["value"] for one in document["indicators"] if one["id"] == "events_open")
    assert page.locator("#kpi-events_open b").inner_text() == ("–" if then is None else str(then))
    assert tiles
    assert all("at=" in url for url in tiles)
    page.locator(".fresh.replay .badge").click()
    settled(page, "")
    assert number(page, "events_open") > 0
    page.locator(".map-tools .switch button").first.click()
    expect(page.locator(".shades .heat-scale")).to_have_count(0)


def test_an_area_of_the_map_is_chosen_by_a_click(board):
    page = board.page
    middle = page.evaluate(
        """() => { const map = document.querySelector('.mapview').map;
            const box = map.getCanvas().getBoundingClientRect();
            for (let x = 10; x < box.width; x += 10) for (let y = 10; y < box.height; y += 10) {
                const [one] = map.queryRenderedFeatures([x, y], {layers: ['board-fill']});
                if (one) return [box.x + x, box.y + y, one.properties.id];
            }
        }"""
    )
    page.mouse.click(middle[0], middle[1])
    settled(page, middle[2])
    expect(page.locator(".board-map .shades")).to_be_visible()
    page.locator(".strip h1 .link").click()
    settled(page, "")


def test_a_note_is_written_on_the_area_and_stays(board):
    page = board.page
    expect(page.locator(".notes form")).to_have_count(0)
    page.locator(".ranking .link").first.click()
    expect(page.locator(".notes input")).to_be_visible()
    page.locator(".notes input").fill("加强巡查")
    page.locator(".notes form button").click()
    expect(page.locator(".notes li p")).to_have_text("加强巡查")
    event = told(page)["lists"]["newest"]["features"][0]["id"]
    about = {"layer": "events", "id": event, "words": "由他处写来"}
    page.locator(".strip h1 .link").click()
    settled(page, "")
    httpx.post(f"{board.address}/twin/notes", json=about, headers=OPERATOR, timeout=60).raise_for_status()
    expect(page.locator(".notes li p")).to_have_text(["由他处写来", "加强巡查"])
    page.locator(".strip h1 .link").click()
    settled(page, "")


def test_the_newest_events_are_touched_and_open(board):
    page = board.page
    newest = page.locator(".newest li button")
    assert newest.first.bounding_box()["height"] >= CHOSEN_PX
    newest.nth(1).click()
    expect(page.locator(".hit.open code")).to_have_text(told(page)["lists"]["newest"]["features"][1]["id"])
    page.goto(f"{board.address}/?lang=zh-CN#&face=board")
    settled(page, "")


def test_it_is_complete_in_english(board):
    page = board.page
    page.goto(page.url.replace("lang=zh-CN", "lang=en"))
    settled(page, "")
    expect(page.locator("#kpi-events_open dt")).to_have_text("Open events")
    titles = " ".join(page.locator(".board-card h2, .kpis dt, .strip .tour, .fresh .badge").all_inner_texts())
    assert not re.search(r"[一-鿿]|board\.", titles), titles
    assert page.evaluate(FITS) == []


def test_a_lost_line_is_told_and_heals(board):
    page = board.page
    shown = number(page, "events_open")
    page.route("**/twin/overview**", lambda route: route.abort())
    board.expects("console error: Failed to load resource: net::ERR_FAILED")
    page.locator(".ranking .link").first.click()
    expect(page.locator(".fresh.stale .badge")).to_contain_text(re.compile("Stopped|数据已停"))
    assert number(page, "events_open") == shown, "what was told stays"
    page.unroute("**/twin/overview**")
    page.locator(".fresh button").click()
    expect(page.locator(".fresh:not(.stale) .badge")).to_contain_text(re.compile("Live|实时"))
    expect(page.locator(".board:not(.outdated)")).to_be_visible()
