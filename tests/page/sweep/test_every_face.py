"""Every role, in both languages, at four sizes: what is shown fits, can be reached, and is in one language."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.page.conftest import PHONE, Visitor
from tests.page.laws import CHINESE, ENGLISH, FITS, LEAST_TYPE, faults_of
from tests.page.sweep.seats import FACE, LOW, ROLES, SIZES, VERY_COARSE, WALL, a_busy_district, shown_at, sits_down

WALL_TYPE_PX, TYPE_PX = 28, 14
WITH_A_MAP, AT_HOME, AT_SEA = "district_dispatcher", "", "#12/0/0"  # a map of the sea costs nothing
TABS_OF_PHONE = ("map", "tasks", "report", "me")
PANELS = {
    "events": ("&tab=events", ".events-rows .event"),
    "time": ("&tab=time", ".histogram svg"),
    "series": ("&tab=series", ".drawer .notice"),
    "table": ("&tab=table", ".map-table tbody tr:not(.gap)"),
    "choose": ("&tab=query", ".drawer .query > .panel-empty"),
    "query": ("&tab=query&area=circle/113.35,23.13,1500", ".drawer .rows tbody tr"),
    "incident": ("&tab=incident&incident=113.35,23.13", ".drawer .finding table"),
    "feature": ("&sel=districts/440106", ".docked .details dl"),
}
"""The drawer's tabs and the panel of a feature: what opens each, and what is there once it has read."""
PLACE_OF = {"table": "#12/23.13/113.36"}
"""Where the map stands for a panel that shows what is in view; else at sea."""
READY = {"board": ".board:not(.outdated) .left", "phone": ".phone-tabs button", "desk": ".page [data-layer]"}


@pytest.fixture(scope="module")
def somewhere(cluster, district_template, tmp_path_factory):
    """Address of the application with an account for each role, over a district in which much happens."""
    with a_busy_district(cluster, district_template, tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture(scope="module")
def seat(browser, somewhere):
    """A tab at which one after the other sits down."""
    visitor = Visitor(browser, somewhere, LOW, None, scale=VERY_COARSE)
    yield visitor
    visitor.page.close()


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
            page.evaluate("link => { location.hash = link; }", PLACE_OF.get(panel, AT_SEA) + link)
            expect(page.locator(ready).first).to_be_visible()
            for size in SIZES:
                shown_at(page, size)
                faults += told(page, language, size, panel)
    assert not faults, "\n".join(faults)
    assert seat.unexpected() == []
