"""The pictures of the guides, taken of a running demo, so that they can be taken again when the page has changed.

In one terminal ``./onemap up --demo-scale 0.1``, in another ``./onemap demo storm --speed 5``; some eight minutes
later, when the rain is at its peak, ``.venv/bin/python tests/docs/pictures.py http://127.0.0.1:8000``. Names after
the address choose some of them. The demo's seed is fixed: places and names stay the same; what happens is of the hour.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium-headless-shell"
FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader"]
FOLDER = Path(__file__).parents[2] / "docs" / "images"
WALL, DESK, LAPTOP, PHONE = (3840, 1080), (1920, 1080), (1366, 768), (390, 844)
BYTES_MAX = 150_000
_QUALITIES = (82, 70, 58, 45)
_SETTLES_MS = 2500
_FLOODED = "/ogc/collections/flood_risk_points/items?f=json&limit=1&sortby=-water_depth_m"
_OPEN = (
    "/ogc/collections/events/items?f=json&limit=1&sortby=-occurred_at"
    "&filter=grid_code IS NOT NULL AND source = 'hotline' AND stage = 'handle'"
)


def nothing(_: Page) -> None:
    """Leave the page as it is opened."""


@dataclass(frozen=True)
class Picture:
    """A picture: who looks (nobody is the public), at which address, on which screen, and what he does there."""

    name: str
    role: str
    path: str
    size: tuple[int, int] = LAPTOP
    does: Callable[[Page], None] = nothing


def ask(page: Page, path: str) -> dict:
    """Return what the server tells the reader of the page."""
    return page.evaluate("path => fetch(path).then(answer => answer.json())", path)


def follow(page: Page, link: str) -> None:
    """Follow a link within the open map."""
    page.evaluate("link => { location.hash = link; }", link)
    page.wait_for_timeout(_SETTLES_MS)


def shown(path: str, layer: str, zoom: float, rest: str = "") -> Callable[[Page], None]:
    """Return a step that chooses the first feature of an answer."""

    def choose(page: Page) -> None:
        feature = ask(page, path)["features"][0]
        lon, lat = feature["geometry"]["coordinates"]
        follow(page, f"#{zoom}/{lat}/{lon}&face=desk&sel={layer}/{feature['id']}{rest}")

    return choose


def incident(page: Page) -> None:
    feature = ask(page, _FLOODED)["features"][0]
    lon, lat = feature["geometry"]["coordinates"]
    follow(page, f"#14/{lat}/{lon}&face=desk&tab=incident&incident=flood_risk_points/{feature['id']}")


def first_event(page: Page) -> None:
    page.locator(".events-rows .event", has_text="附近").first.click()
    page.wait_for_timeout(_SETTLES_MS)


def first_area(page: Page) -> None:
    page.locator(".ranking .link").first.click()
    page.wait_for_timeout(_SETTLES_MS)


def heat(page: Page) -> None:
    page.locator(".map-tools .switch button").last.click()
    page.locator(".map-tools > .tour").click()
    page.locator(".time-bar button").first.click()
    page.wait_for_timeout(2 * _SETTLES_MS)


def counted(page: Page) -> None:
    page.locator(".drawer .rows tbody tr").first.wait_for()
    page.wait_for_timeout(_SETTLES_MS)


def charts(page: Page) -> None:
    counted(page)
    page.locator(".drawer button", has_text="图表").first.click()
    page.wait_for_timeout(_SETTLES_MS)


def tab(name: str) -> Callable[[Page], None]:
    """Return a step that opens a tab of the phone."""

    def open_tab(page: Page) -> None:
        page.locator(f"[data-tab={name}]").tap()
        page.wait_for_timeout(_SETTLES_MS)

    return open_tab


def task(page: Page) -> None:
    page.locator("[data-task]").first.tap()
    page.wait_for_timeout(_SETTLES_MS)


def class_of_report(page: Page) -> None:
    tab("report")(page)
    page.locator("[data-class='0406']").tap()


def layers_sheet(page: Page) -> None:
    page.locator(".handle").tap()
    page.wait_for_timeout(_SETTLES_MS)


PICTURES = (
    Picture("map", "public", "/#11.6/23.155/113.33"),
    Picture("map-phone", "public", "/", PHONE, layers_sheet),
    Picture("map-feature", "public", "/", does=shown(_FLOODED, "flood_risk_points", 15)),
    Picture("map-flood", "public", "/#12/23.14/113.345&theme=flood_control&style=light"),
    Picture("board", "leader", "/#&face=board", DESK),
    Picture("board-wide", "leader", "/#&face=board", WALL),
    Picture("board-area", "leader", "/#&face=board", DESK, first_area),
    Picture("board-heat", "leader", "/#&face=board", DESK, heat),
    Picture("events", "district_dispatcher", "/#12.3/23.14/113.345&face=desk&tab=events", does=first_event),
    Picture("event-panel", "district_dispatcher", "/", does=shown(_OPEN, "events", 16)),
    Picture("incident", "district_dispatcher", "/", does=incident),
    Picture("time", "district_dispatcher", "/#12/23.14/113.345&face=desk&tab=time&win=24h"),
    Picture("worker", "grid_worker", "/", PHONE),
    Picture("worker-map", "grid_worker", "/", PHONE, tab("map")),
    Picture("worker-task", "grid_worker", "/", PHONE, task),
    Picture("worker-report", "grid_worker", "/", PHONE, class_of_report),
    Picture("worker-me", "grid_worker", "/", PHONE, tab("me")),
    Picture("count", "analyst", "/#13/23.136/113.34&tab=query&area=circle/113.35,23.13,1500&shade=areas", does=counted),
    Picture("count-charts", "analyst", "/#13/23.136/113.34&tab=query&area=circle/113.35,23.13,1500", does=charts),
    Picture("catalog-code", "analyst", "/catalog/events#code"),
    Picture("status", "sysadmin", "/status"),
    Picture("status-layers", "data_steward", "/status/layers"),
    Picture("status-policy", "security_admin", "/status/policy?role=street_dispatcher&areas=440106011&layer=events"),
)


def take(context: BrowserContext, page: Page, address: str, picture: Picture) -> bytes:
    """Return a picture as WebP, of the best quality that is small enough."""
    page.goto(address + picture.path)
    page.wait_for_timeout(_SETTLES_MS)
    if page.locator(".mapview").count():
        page.locator(".mapview[data-idle]").wait_for()
    picture.does(page)
    if page.locator(".mapview").count():
        page.locator(".mapview[data-idle]").wait_for()
    session = context.new_cdp_session(page)
    for quality in _QUALITIES:
        answer = session.send("Page.captureScreenshot", {"format": "webp", "quality": quality})
        found = base64.b64decode(answer["data"])
        if len(found) <= BYTES_MAX:
            break
    return found


def main(address: str, *names: str) -> None:
    """Take the pictures of some names, or all."""
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser:
        for picture in PICTURES:
            if names and picture.name not in names:
                continue
            handheld = picture.size == PHONE
            context = browser.new_context(
                viewport={"width": picture.size[0], "height": picture.size[1]}, locale="zh-CN",
                is_mobile=handheld, has_touch=handheld, reduced_motion="reduce", permissions=["geolocation"],
                geolocation={"longitude": 113.3031, "latitude": 23.1592, "accuracy": 12},
            )  # fmt: skip
            context.set_default_timeout(90_000)
            if picture.role != "public":
                login = {"data": {"role": picture.role}, "headers": {"Origin": address}}
                context.request.post(f"{address}/login/demo", **login)
            found = take(context, context.new_page(), address, picture)
            (FOLDER / f"{picture.name}.webp").write_bytes(found)
            sys.stdout.write(f"{picture.name}.webp {len(found) / 1000:.0f} kB\n")
            context.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
