"""Tests of the login with a real browser at a real provider, and of what the pages say of who is logged in."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from playwright.sync_api import Page, expect

from layers.database.connection import Role, connect
from layers.identity.accounts import add_account
from layers.identity.labels import IdentityLabels
from layers.identity.passwords import hash_password
from tests.databases import execute, run_async, temporary_database
from tests.oidc.provider import CLIENT_SECRET, running_provider
from tests.page.conftest import DESK, PHONE, TOKEN, Visitor
from tests.readers import SHIPPED_POLICY
from tests.running_app import running_for_operator

LI = {"name": "李四", "onemap": {"roles": ["dispatch"], "grade": 3}}
FILE = """
name: district
title_zh: 区统一身份认证
title_en: District sign-in
issuer: {issuer}
client_id: onemap-page
client_secret: oidc_district
scopes: [openid, profile, offline_access]
claims:
  roles: {{claims: onemap.roles, values: {{dispatch: district_dispatcher}}}}
  clearance: {{claims: onemap.grade}}
"""
OF_THE_PROVIDER = ("left the origin: https://fonts.", "ERR_NAME_NOT_RESOLVED")  # its own pages name a font elsewhere
SMALL = (900, 600)
A_CAMERA = "SELECT id FROM layer.video_points ORDER BY id LIMIT 1"  # grade 3


@pytest.fixture(scope="module")
def here(cluster, district_template, tmp_path_factory) -> Iterator[SimpleNamespace]:
    """The application over the small district, with a provider at which 李四 has an account."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ours = f"http://127.0.0.1:{port}"
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("oidc")
    secret = home / "secrets" / "oidc_district"
    secret.parent.mkdir()
    secret.touch(0o600)
    secret.write_text(CLIENT_SECRET)
    back = (f"{ours}/login/oidc/district/callback",)
    with temporary_database(cluster, district_template) as url, running_provider({"li": LI}, back, (f"{ours}/",)) as at:
        (folder / "district.yaml").write_text(FILE.format(issuer=at.issuer), encoding="utf-8")
        named = {"oidc": {"folder": str(folder)}, "policy": {"folder": SHIPPED_POLICY}, "identity": {"totp_roles": []}}
        with running_for_operator(home, url, port=port, **named) as address:
            yield SimpleNamespace(address=address, url=url, provider=at)


@pytest.fixture
def open_page(browser, here) -> Iterator[Callable[..., Visitor]]:
    """Open a page in a browser that knows no cookie; unexpected faults fail the test."""
    visitors: list[Visitor] = []

    def opened(path: str = "/", size: tuple[int, int] = DESK) -> Visitor:
        visitor = Visitor(browser, here.address, size, path)
        visitors.append(visitor)
        for expected in (f"left the origin: {here.provider.issuer}", *OF_THE_PROVIDER):
            visitor.expects(expected)
        return visitor

    yield opened
    faults = [fault for visitor in visitors for fault in visitor.unexpected()]
    for visitor in visitors:
        visitor.page.close()
    assert not faults


def log_in(page: Page, purpose: str = "") -> None:
    """Log in from a page of ours at the provider."""
    if "/login" not in page.url:
        page.locator(".account a").click()
    page.locator("#purpose").select_option(purpose)
    page.locator(".way").click()
    page.locator("input[name=login]").fill("li")
    page.locator("input[name=password]").fill("any")
    page.locator("button[type=submit]").click()


def a_camera(url: str) -> str:
    async def read() -> str:
        connection = await connect(url)
        try:
            return await connection.fetchval(A_CAMERA)
        finally:
            await connection.close()

    return run_async(read())


def test_a_dispatcher_logs_in_at_the_provider_and_sees_what_the_public_does_not(open_page, here):
    camera = f"/ogc/collections/video_points/items/{a_camera(here.url)}?f=html"
    visitor = open_page("/#14.00/23.13000/113.36000", SMALL)
    page = visitor.idle()
    before = page.locator("[data-layer]").count()
    log_in(page)
    expect(page.locator(".account .who")).to_have_text("李四")
    assert page.url.startswith(f"{here.address}/#14.00/23.13"), "the map is where it was"
    expect(page.locator("[data-layer]")).not_to_have_count(before)
    page.locator(".account button").first.click()
    expect(page.locator(".popover")).to_contain_text("区级调度员")
    assert "'provider': 'district'" in str(logins(here.url)), "the audit knows of the login"
    assert page.evaluate("Object.keys(sessionStorage).length") == 0, "no script holds a secret"
    assert "onemap" not in page.evaluate("document.cookie")
    page.goto(here.address + camera)  # the page of trials: "there is no feature"
    expect(page.locator("#account .who")).to_have_text("李四")
    expect(page.locator("h2").first).to_be_visible()
    assert "exception" not in page.content()
    page.goto(f"{here.address}/catalog")
    expect(page.locator("#account .who")).to_have_text("李四")
    page.locator("#account button").first.click()
    page.locator("#account .popover .primary").click()
    page.locator("button", has_text="Yes, sign me out").click()  # the provider asks
    page.wait_for_url(f"{here.address}/")
    expect(page.locator(".account a")).to_have_text("登录")
    visitor.expects("404")
    page.goto(here.address + camera)
    expect(page.locator("#account a")).to_have_text("登录")


def logins(url: str) -> list[object]:
    async def read() -> list[object]:
        connection = await connect(url, Role.AUDITOR)
        try:
            return [json.loads(row["body"]) for row in await connection.fetch(_LOGINS)]
        finally:
            await connection.close()

    return run_async(read())


_LOGINS = "SELECT body FROM audit.record WHERE body::json->>'action' = 'login'"
_BROKE = """
INSERT INTO identity.elevation (account_id, role, clearance, reason, ends_at)
SELECT id, 'district_dispatcher', 4, '内涝险情 flood in the street', now() + interval '2 hours'
FROM identity.account WHERE name = 'chen'
"""


def test_the_second_person_is_told_of_a_break_glass_on_the_page_and_acknowledges_it_there(open_page, here):
    async def make() -> None:
        connection = await connect(here.url)
        try:
            hashed = hash_password("Tianhe-Map-2026")
            await add_account(connection, "chen", IdentityLabels(("street_dispatcher",), ("440106011",), (), 3))
            await add_account(connection, "zhou", IdentityLabels(("security_admin",)), password_hash=hashed)
            await connection.execute(_BROKE)
        finally:
            await connection.close()

    run_async(make())
    page = open_page("/login").page
    form = {"name": "zhou", "password": "Tianhe-Map-2026"}
    page.context.request.post(f"{here.address}/login", form=form, headers={"Origin": here.address})
    page.goto(f"{here.address}/ogc?f=html")
    expect(page.locator("#account .told")).to_be_visible()
    page.locator("#account button").first.click()
    expect(page.locator(".elevations")).to_contain_text("chen")
    expect(page.locator(".elevations")).to_contain_text("内涝险情")
    page.locator(".elevations button").first.click()
    expect(page.locator(".elevations")).to_have_count(0)
    page.reload()
    expect(page.locator("#account .who")).to_have_text("zhou")
    expect(page.locator("#account .told")).to_have_count(0)


def test_a_purpose_that_is_stated_at_the_login_is_shown_and_counts(open_page, here):
    def camera():
        return page.request.get(f"{here.address}/ogc/collections/video_points/items/{a_camera(here.url)}").json()

    page = open_page("/status").page
    log_in(page)
    expect(page.locator(".account .who")).to_have_text("李四")
    assert "hfov_deg" not in camera()["properties"]
    page.locator(".account button").first.click()
    expect(page.locator(".popover")).not_to_contain_text("用途")
    page.context.clear_cookies()
    page.goto(f"{here.address}/status")
    log_in(page, "flood_control")
    page.locator(".account button").first.click()
    expect(page.locator(".popover")).to_contain_text("防汛")
    assert "hfov_deg" in camera()["properties"]


def test_a_session_that_ends_and_one_that_nobody_uses_are_said_and_the_page_goes_on_as_the_public(open_page, here):
    """The page asks for changes every few seconds: the server alone could not tell that nobody is there."""
    public = len(httpx.get(f"{here.address}/map.json", timeout=60).json()["layers"])
    visitor = open_page("/login?next=/", SMALL)
    page = visitor.page
    log_in(page)
    expect(page.locator(".account .who")).to_have_text("李四")
    expect(page.locator("[data-layer]").first).to_be_visible()
    assert page.locator("[data-layer]").count() > public
    visitor.expects("401")
    visitor.expects("404")  # of layers that the public does not have, until the map is the public's
    run_async(execute(here.url, "UPDATE identity.session SET ended_at = now()"))
    expect(page.locator(".farewell")).to_contain_text("会话已结束")
    expect(page.locator(".account a")).to_have_text("登录")
    expect(page.locator("[data-layer]")).to_have_count(public)
    page.locator(".farewell a").click()
    expect(page.locator(".way")).to_be_visible()
    page.context.clear_cookies()  # the provider knows him still, and would ask nothing
    log_in(page)
    expect(page.locator(".account .who")).to_have_text("李四")
    visitor.idle()
    page.evaluate("localStorage.setItem('onemap.active', String(Date.now() - 31 * 60 * 1000))")
    expect(page.locator(".farewell")).to_contain_text("长时间未操作")


def test_the_operators_token_opens_a_session_for_every_page(open_page, here):
    visitor = open_page("/login?next=/docs")
    page = visitor.page
    page.locator("summary").click()
    visitor.expects("401")
    page.locator("#token input").fill("not the token")
    page.locator("#token .primary").click()
    expect(page.locator(".message")).to_contain_text("不正确")
    page.locator("#token input").fill(TOKEN)
    page.locator("#token .primary").click()
    page.wait_for_url(f"{here.address}/docs")
    page.locator("#account button").first.click()
    expect(page.locator(".popover")).to_contain_text("操作员")


@pytest.mark.parametrize(("size", "name"), [(DESK, "desk"), (PHONE, "phone")])
def test_the_login_fits_the_screen_in_both_languages(open_page, size, name, tmp_path: Path):
    visitor = open_page("/login?fault=state", size)
    page = visitor.page
    expect(page.locator(".message")).to_contain_text("请重新登录")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page.locator("#language").click()
    expect(page.locator("h2")).to_have_text("Log in")
    expect(page.locator(".message")).to_contain_text("log in again")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_a_fault_is_never_text_of_the_address(open_page):
    page = open_page("/login?fault=%3Cimg%20src=x%3E&next=//evil.example").page
    expect(page.locator("#local")).to_be_visible()
    assert page.locator(".message").count() == 0
    assert page.locator("#login").get_attribute("data-next") == "/"
