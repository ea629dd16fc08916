"""Everything that the page does, driven at four sizes, in both languages, and by every role that may."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from shapely.geometry import shape

from tests.page.conftest import PHONE, Visitor
from tests.page.sweep import drives
from tests.page.sweep.seats import (
    FACE,
    LANGUAGES,
    LOW,
    ROLES,
    SIZES,
    VERY_COARSE,
    a_busy_district,
    sits_down,
)
from tests.page.waiting import until

OPERATES = {
    "data_steward": {"refused", "layers"},
    "sysadmin": {"refused", "layers", "rules", "accounts"},
    "security_admin": {"accounts", "policy"},
}
"""The operator's pages of a role; none where none is named."""
OFFICERS = {"community_officer", "street_dispatcher", "district_dispatcher", "department_officer", "analyst", "leader"}
"""Who sees events in the middle of the district, and the past."""
BOUND = {"grid_worker", "community_officer", "street_dispatcher"}
"""Who works in an own area, and lands on it."""
DISPATCHERS = {"street_dispatcher", "district_dispatcher"}
GRID_DIGITS = 15


def walks_of(role):
    """Return what a role may do at the desk, of what depends on who does it."""
    alike = {drives.a_line_that_breaks, drives.a_name_is_found, drives.the_map_leans_and_measures}
    others = set() if role in OFFICERS else {drives.events_and_the_map, drives.back_in_time}
    return tuple(walk for walk in drives.WALKS if walk not in alike | others)


TURNS = [
    (role, SIZES[turn % len(SIZES)], LANGUAGES[(turn + turn // len(SIZES)) % 2]) for turn, role in enumerate(ROLES)
]
"""Each role at one size, in one language; among them every size in both."""


@pytest.fixture(scope="module")
def seat(browser, cluster, district_template, tmp_path_factory):
    """A tab at which one after the other sits down, over a district in which much happens."""
    with a_busy_district(cluster, district_template, tmp_path_factory.mktemp("home")) as address:
        visitor = Visitor(browser, address, LOW, None, scale=VERY_COARSE)
        visitor.page.context.grant_permissions(["geolocation"])
        yield visitor
        visitor.page.close()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_everything_at_the_desk_is_driven_at_every_size_in_both_languages(seat, size, language):
    sits_down(seat, "district_dispatcher", drives.AT_WORK, language, size)
    for walk in drives.WALKS:
        seat.idle()
        walk(seat, language)
    assert seat.unexpected() == []


@pytest.mark.parametrize("size", SIZES)
def test_the_board_is_driven_at_every_size_in_both_languages(seat, size):
    for language in LANGUAGES:
        page = sits_down(seat, "leader", "#&face=board", language, size)
        drives.the_board(page, language, writes=True)
        assert seat.unexpected() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_worker_reports_from_the_phone_in_both_languages(seat, language, place_of_worker):
    seat.page.context.set_geolocation(place_of_worker)
    page = sits_down(seat, "grid_worker", "", language, PHONE)
    seat.expects("ERR_INTERNET_DISCONNECTED")
    seat.expects("offline.js")  # without a line the browser cannot look for a newer one
    drives.the_phone(page, language)
    assert seat.unexpected() == []


@pytest.fixture
def place_of_worker(seat):
    page = sits_down(seat, "grid_worker", drives.AT_WORK)
    [area] = [one for one in page.evaluate(_ACCOUNT)["areas"] if len(one) == GRID_DIGITS]
    geometry = page.evaluate(
        "path => fetch(path).then(answer => answer.json())", f"/ogc/collections/grids/items/{area}?f=json"
    )
    inside = shape(geometry["geometry"]).representative_point()
    return {"longitude": inside.x, "latitude": inside.y, "accuracy": 12}


_READ = "path => fetch(path).then(answer => answer.json())"
_ACCOUNT = "fetch('/session').then(answer => answer.json()).then(({account}) => account)"


@pytest.mark.parametrize(("role", "size", "language"), TURNS)
def test_every_role_lands_where_it_works_and_does_what_it_may(seat, role, size, language):
    page = sits_down(seat, role, "", language, size)
    face = FACE.get(role, {}).get(size, "desk")
    if face == "desk":
        expect(page.locator(".drawer.open .events")).to_have_count(int(role in DISPATCHERS))
        seat.idle()
        if role in BOUND:  # nearer than the whole district
            until(page, f"{drives.MAP}.getZoom() > {11 if size == PHONE else 12.2}")
        page.evaluate("link => { location.hash = link; }", drives.AT_WORK)
        for walk in walks_of(role):
            seat.idle()
            walk(seat, language)
    else:
        expect(page.locator(f".{face}")).to_be_visible()
    drives.pages_of_data(page, seat.address, language, operates=OPERATES.get(role, set()))
    assert seat.unexpected() == []
