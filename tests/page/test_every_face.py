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


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_sees_fits_and_is_in_one_language(seat, role):
    page = seat.page
    seat.forget()
    page.context.clear_cookies()
    if role != "public":
        answer = page.context.request.post(
            f"{seat.address}/login/demo", data={"role": role}, headers={"Origin": seat.address}
        )
        assert answer.ok, answer.text()
    page.goto(f"{seat.address}/catalog")  # the map is left before it is opened anew
    shown_at(page, LOW)
    page.goto(f"{seat.address}/?lang={CHINESE}{AT_HOME if role == WITH_A_MAP else AT_SEA}")
    faults = {}
    for language in (CHINESE, ENGLISH):
        if language == ENGLISH:
            shown_at(page, LOW)
            page.locator(".bar nav > .plain").click()
        for size in SIZES:
            shown_at(page, size)
            face = FACE.get(role, {}).get(size, "desk")
            expect(page.locator(READY[face]).first).to_be_visible()
            faults[language, size] = [*faults_of(page, language, handheld=size == PHONE)]
            if face == "board":
                faults[language, size] += page.evaluate(FITS)
                assert page.evaluate(LEAST_TYPE) >= (WALL_TYPE_PX if size == WALL else TYPE_PX)
    told = [f"{language} {size[0]}: {fault}" for (language, size), found in faults.items() for fault in found]
    assert not told, "\n".join(told)
    assert seat.unexpected() == []
