"""Break-glass: more rights for some hours, by whoever may, with a reason, seen by a second person."""

from __future__ import annotations

import httpx
import pytest

from layers.identity.accounts import add_account
from layers.identity.labels import IdentityLabels
from layers.identity.passwords import hash_password
from tests.server.identity.conftest import DISPATCHER, SHIPPED, in_database

PASSWORD = "Tianhe-Map-2026"
REASON = "内涝险情 flood in the neighbouring street"


@pytest.fixture
def people(database_url, live_server):
    """A dispatcher who may elevate, one who may not, and a security administrator, each with a browser."""
    hashed = hash_password(PASSWORD)
    labels = {"may": DISPATCHER, "maynot": DISPATCHER, "second": IdentityLabels(("security_admin",))}

    async def make(connection):
        for name, given in labels.items():
            await add_account(connection, name, given, password_hash=hashed, may_elevate=name in {"may", "second"})

    in_database(database_url, make)
    address = live_server(database_url, identity={"totp_roles": []}, policy=SHIPPED)
    browsers = {name: httpx.Client(base_url=address, headers={"Origin": address}, timeout=60) for name in labels}
    for name, browser in browsers.items():
        assert browser.post("/login", json={"name": name, "password": PASSWORD}).status_code == 200
    yield browsers
    for browser in browsers.values():
        browser.close()


def elevate(browser, **changed):
    return browser.post(
        "/session/elevations", json={"role": "district_dispatcher", "reason": REASON, "hours": 2} | changed
    )


def roles(browser):
    return browser.get("/session").json()["account"]["roles"]


def until(found, wanted):
    return any(found() == wanted for _ in range(300))


def test_rights_come_at_once_and_the_second_person_ends_them(people):
    may, second = people["may"], people["second"]
    number = elevate(may)
    assert number.status_code == 201, number.text
    assert until(lambda: roles(may), ["street_dispatcher", "district_dispatcher"])
    (listed,) = second.get("/session/elevations").json()
    assert (listed["account"], listed["role"], listed["reason"]) == ("may", "district_dispatcher", REASON)
    assert listed["acknowledged_by"] is None
    (told,) = second.get("/session").json()["account"]["elevations"]
    assert (told["account"], told["role"], told["reason"]) == ("may", "district_dispatcher", REASON)
    assert "elevations" not in may.get("/session").json()["account"]
    address = f"/session/elevations/{listed['id']}/acknowledge"
    assert may.post(address, json={}).status_code == 403, "not by whoever broke the glass"
    assert second.post(address, json={"end": True}).status_code == 204
    assert second.get("/session/elevations").json()[0]["acknowledged_by"] == "second"
    assert second.get("/session").json()["account"]["elevations"] == []
    assert until(lambda: roles(may), ["street_dispatcher"])


NOT_ALLOWED = (
    {"hours": 5}, {"hours": 0}, {"reason": "because"}, {"role": "auditor"}, {"role": "emperor"}, {"role": "operator"}
)  # fmt: skip


def test_what_is_not_allowed_is_refused(people):
    for changed in NOT_ALLOWED:
        assert elevate(people["may"], **changed).status_code == 400, changed
        assert roles(people["may"]) == ["street_dispatcher"], changed


def test_only_accounts_with_the_right_may_and_nobody_acknowledges_himself(people):
    assert elevate(people["maynot"]).status_code == 403
    assert elevate(people["second"], role="leader").status_code == 201
    number = people["second"].get("/session/elevations").json()[0]["id"]
    assert people["second"].post(f"/session/elevations/{number}/acknowledge", json={}).status_code == 404
