"""Every role, in both languages, at four sizes: what is shown fits, can be reached, and is in one language."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from layers.database.connection import connect
from layers.demo.accounts import make_demo_accounts
from layers.policy.read import read_policy
from tests.databases import run_async, temporary_database
from tests.page.conftest import PHONE, Visitor
from tests.page.laws import CHINESE, ENGLISH, FITS, LEAST_TYPE, faults_of
from tests.readers import SHIPPED_POLICY
from tests.running_app import running_for_operator
from tests.twin.overview.events import put_events

DESK, LOW, WALL = (1920, 1080), (1366, 768), (3840, 1080)
SIZES = (LOW, DESK, WALL, PHONE)
WALL_TYPE_PX, TYPE_PX = 28, 14
VERY_COARSE = 0.1  # nobody looks at the map
WITH_A_MAP, AT_HOME, AT_SEA = "district_dispatcher", "", "#12/0/0"  # a map of the sea costs nothing
ROLES = (
    *("public", "grid_worker", "community_officer", "street_dispatcher", "district_dispatcher", "department_officer"),
    *("leader", "analyst", "data_steward", "sysadmin", "security_admin", "auditor"),
)
FACE = {"leader": {DESK: "board", WALL: "board"}, "grid_worker": {PHONE: "phone"}}
TABS_OF_PHONE = ("map", "tasks", "report", "me")
PANELS = {
    "events": ("&tab=events", ".events-rows .event"),
    "time": ("&tab=time", ".histogram svg"),
    "series": ("&tab=series", ".drawer .notice"),
    "query": ("&tab=query&area=circle/113.35,23.13,1500", ".drawer .rows tbody tr"),
    "incident": ("&tab=incident&incident=113.35,23.13", ".drawer .finding table"),
    "feature": ("&sel=districts/440106", ".docked .details dl"),
}
"""The drawer's tabs and the panel of a feature: what opens each, and what is there once it has read."""
READY = {"board": ".board:not(.outdated) .left", "phone": ".phone-tabs button", "desk": ".page [data-layer]"}
CHOOSE_FACE = "dispatchEvent(new HashChangeEvent('hashchange', {newURL: location.href}))"
"""Let the page choose its face anew, as it does when it is opened."""


@pytest.fixture(scope="module")
def somewhere(cluster, district_template, tmp_path_factory):
    """Address of the application with an account for each role, over a district in which much happens."""
    with temporary_database(cluster, district_template) as url:
        run_async(put_events(url))
        run_async(make_accounts(url))
        named = {"policy": {"folder": SHIPPED_POLICY}, "identity": {"totp_roles": []}}
        with running_for_operator(tmp_path_factory.mktemp("home"), url, **named) as address:
            yield address


async def make_accounts(url: str) -> None:
    connection = await connect(url)
    try:
        await make_demo_accounts(connection, read_policy(SHIPPED_POLICY).roles)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def seat(browser, somewhere):
    """A tab at which one after the other sits down."""
    visitor = Visitor(browser, somewhere, LOW, None, scale=VERY_COARSE)
    yield visitor
    visitor.page.close()


def shown_at(page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.wait_for_function("width => innerWidth === width", arg=size[0])
    page.evaluate(CHOOSE_FACE)


def sits_down(seat, role, link):
    """Open the page as somebody, at a place; nobody is the public."""
    page = seat.page
    page.goto(f"{seat.address}/catalog")  # the map of who sat here asks for nothing more
    page.context.clear_cookies()
    seat.forget()
    if role != "public":
        login = {"data": {"role": role}, "headers": {"Origin": seat.address}}
        answer = page.context.request.post(f"{seat.address}/login/demo", **login)
        assert answer.ok, answer.text()
    shown_at(page, LOW)
    page.goto(f"{seat.address}/?lang={CHINESE}{link}")
    return page


def in_both_languages(page):
    """Yield each language, once the page is in it."""
    yield CHINESE
    shown_at(page, LOW)
    page.locator(".bar nav > .plain").click()
    yield ENGLISH


def told(page, language, size, what=""):
    return [f"{language} {size[0]} {what}: {fault}" for fault in faults_of(page, language, handheld=size == PHONE)]


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_sees_fits_and_is_in_one_language(seat, role):
    page = sits_down(seat, role, AT_HOME if role == WITH_A_MAP else AT_SEA)
    faults = []
    for language in in_both_languages(page):
        for size in SIZES:
            shown_at(page, size)
            face = FACE.get(role, {}).get(size, "desk")
            expect(page.locator(READY[face]).first).to_be_visible()
            faults += told(page, language, size)
            if face == "board":
                faults += page.evaluate(FITS)
                assert page.evaluate(LEAST_TYPE) >= (WALL_TYPE_PX if size == WALL else TYPE_PX)
            for tab in TABS_OF_PHONE if face == "phone" else ():
                page.locator(f"[data-tab={tab}]").click()
                faults += told(page, language, size, tab)
    assert not faults, "\n".join(faults)
    assert seat.unexpected() == []


def test_the_panels_of_a_dispatcher_fit_and_are_in_one_language(seat):
    page = sits_down(seat, "district_dispatcher", AT_SEA)
    faults = []
    for language in in_both_languages(page):
        for panel, (link, ready) in PANELS.items():
            page.evaluate("link => { location.hash = link; }", AT_SEA + link)
            expect(page.locator(ready).first).to_be_visible()
            for size in SIZES:
                shown_at(page, size)
                faults += told(page, language, size, panel)
    assert not faults, "\n".join(faults)
    assert seat.unexpected() == []
