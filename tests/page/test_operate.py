"""The pages of operators in a real browser: each kind of action by mouse and by keyboard, and what it did."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from playwright.sync_api import Page, expect

from layers.database.connection import Role, connect
from layers.identity.accounts import add_account
from layers.identity.labels import IdentityLabels
from layers.identity.tokens import add_token
from layers.schema.tables import create_layer
from server.feeds.secrets import write_secret
from server.installation import PROJECT
from tests.databases import run_async, temporary_database
from tests.ogc.things import LAYERS
from tests.page.conftest import DESK, Visitor
from tests.readers import SHIPPED_POLICY
from tests.running_app import running_for_operator

LI = IdentityLabels(("street_dispatcher",), ("440106011",), (), 3, {})


@pytest.fixture(scope="module")
def here(cluster, district_template, tmp_path_factory) -> Iterator[SimpleNamespace]:
    """The application with the shipped policy, a token of each administrator, an account and a layer from a file."""
    home = tmp_path_factory.mktemp("home")
    feeds = Path(shutil.copytree(PROJECT / "config" / "feeds", tmp_path_factory.mktemp("feeds") / "feeds"))
    write_secret(home, "hotline")

    async def fill(url: str) -> dict[str, str]:
        owner = await connect(url, Role.OWNER)
        try:
            await create_layer(owner, LAYERS[0].model_copy(update={"id": "shops", "title_zh": "商铺"}))
            await add_account(owner, "li.si", LI, title="李四")
            await add_account(owner, "zhou.an", IdentityLabels(("auditor",), (), (), 3, {}), title="周安")
            roles = ("sysadmin", "security_admin")
            return {role: await add_token(owner, role, IdentityLabels((role,), (), (), 1, {}), 1) for role in roles}
        finally:
            await owner.close()

    with temporary_database(cluster, district_template) as url:
        tokens = run_async(fill(url))
        named = {"policy": {"folder": SHIPPED_POLICY}, "feeds": {"folder": str(feeds)}}
        with running_for_operator(home, url, **named) as address:
            yield SimpleNamespace(address=address, tokens=tokens, feeds=feeds, home=home)


@pytest.fixture
def opened(browser, here) -> Iterator[Callable[[str, str], Page]]:
    """Open a page of operators as an administrator: ``opened("sysadmin", "/status")``; questions are answered yes."""
    visitors: list[Visitor] = []

    def go(role: str, path: str) -> Page:
        visitor = Visitor(browser, here.address, DESK, None)
        visitors.append(visitor)
        visitor.page.context.set_extra_http_headers({"Authorization": f"Bearer {here.tokens[role]}"})
        visitor.page.on("dialog", lambda dialog: dialog.accept())
        visitor.page.goto(here.address + path)
        return visitor.page

    yield go
    faults = [fault for visitor in visitors for fault in visitor.unexpected()]
    for visitor in visitors:
        visitor.page.close()
    assert not faults


def rows(page: Page, text: str):
    return page.locator("#kept tbody tr").filter(has_text=text)


def test_accounts_are_added_switched_and_given_codes(opened):
    page = opened("security_admin", "/status/accounts")
    page.get_by_text("新建账户", exact=True).click()
    form = page.locator("form[data-to='/users']")
    form.locator("[name=name]").fill("wang.wu")
    form.locator("[name=roles]").select_option("auditor")
    page.keyboard.press("Tab")
    form.locator("[name=title]").press("Enter")
    told = page.locator("details", has=form).locator(".once")
    expect(told.locator("[data-once]")).not_to_be_empty()
    expect(told.locator("[data-totp]")).to_contain_text("wang.wu")
    expect(told).to_be_focused()
    bind = rows(page, "wang.wu").get_by_role("button", name="动态口令")
    bind.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#code [data-once]")).to_contain_text("otpauth://")
    expect(rows(page, "wang.wu").get_by_role("button")).to_have_count(0)  # the auditor has a code: no other power acts
    rows(page, "li.si").get_by_role("button", name="停用").click()
    expect(rows(page, "li.si").locator(".state.off")).to_be_visible()
    expect(page.locator("#kept output")).to_have_text("已完成")
    rows(page, "li.si").get_by_role("button", name="启用").press("Enter")
    expect(rows(page, "li.si").locator(".state.off")).to_have_count(0)
    page = opened("sysadmin", "/status/accounts")
    expect(rows(page, "zhou.an").locator(".acts")).to_have_text("另一类管理员")
    expect(page.locator("form[data-to='/users'], form[data-to='/tokens']")).to_have_count(0)


def test_a_token_is_made_shown_once_used_and_revoked(opened, here):
    page = opened("security_admin", "/status/accounts")
    page.get_by_text("新建令牌", exact=True).click()
    form = page.locator("form[data-to='/tokens']")
    form.locator("[name=name]").fill("qgis")
    form.locator("[name=roles]").select_option("street_dispatcher")
    form.locator("[name=areas]").fill("440106011")
    form.locator("[name=days]").fill("30")
    form.get_by_role("button").click()
    expect(page.locator("details", has=form).locator("[data-once]")).not_to_be_empty()
    secret = page.locator("details", has=form).locator("[data-once]").text_content() or ""
    used = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(f"{here.address}/session", headers=used, timeout=60).is_success
    page.reload()
    assert secret not in page.content()
    expect(rows(page, "qgis").locator(".state.live")).to_be_visible()
    rows(page, "qgis").get_by_role("button", name="吊销").press("Enter")
    expect(rows(page, "qgis").locator(".state.off")).to_be_visible()
    assert httpx.get(f"{here.address}/session", headers=used, timeout=60).status_code == 401


def test_a_layer_is_titled_and_removed_when_its_id_is_written(opened, here):
    page = opened("sysadmin", "/status/layers")
    rows(page, "shops").locator("summary").press("Enter")
    title = rows(page, "shops").locator("form[data-method=PATCH]")
    title.locator("[name=title_zh]").fill("沿街商铺")
    title.locator("[name=title_zh]").press("Enter")
    expect(rows(page, "沿街商铺")).to_have_count(1)
    rows(page, "shops").locator("summary").click()
    drop = rows(page, "shops").locator("form[data-method=DELETE]")
    expect(drop).to_contain_text("删除“沿街商铺”的全部 0 个要素及其历史")
    drop.locator("input").fill("shop")
    drop.get_by_role("button").click()
    assert drop.locator("input").evaluate("one => one.validity.patternMismatch")
    expect(rows(page, "shops")).to_have_count(1)
    drop.locator("input").fill("shops")
    drop.locator("input").press("Enter")
    expect(rows(page, "shops")).to_have_count(0)
    expect(rows(page, "grids").get_by_text("定义文件")).to_be_visible()


def test_a_feed_is_switched_and_gets_another_secret(opened, here):
    page = opened("sysadmin", "/status")
    before = (here.home / "secrets" / "hotline").read_text()
    rows(page, "hotline").get_by_role("button", name="停用").click()
    expect(rows(page, "hotline").get_by_role("button", name="启用")).to_be_visible()
    assert "enabled: false" in (here.feeds / "hotline.yaml").read_text(encoding="utf-8")
    rows(page, "hotline").get_by_role("button", name="启用").press("Enter")
    expect(rows(page, "hotline").get_by_role("button", name="停用")).to_be_visible()
    rows(page, "hotline").locator("summary").click()
    rows(page, "hotline").get_by_role("spinbutton").press("Enter")
    expect(page.locator("#secret [data-once]")).not_to_be_empty()
    assert page.locator("#secret [data-once]").text_content() == (here.home / "secrets" / "hotline").read_text().strip()
    assert before not in (page.content(), "")
