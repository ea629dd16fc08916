"""The pages beside the map, in a real browser and with real programs: search, forms, freshness, and code that runs."""

from __future__ import annotations

import html
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from layers.database.connection import Role, connect
from server.installation import PROJECT
from tests.databases import run_async
from tests.page.conftest import PHONE, TOKEN
from twin.envelope.refused import Reason, Refusal
from twin.store.refusals import keep

SNIPPET = re.compile(r'data-kind="(\w+)">(.*?)</pre>', re.DOTALL)
READ_BY_GDAL = """
import pyogrio
pyogrio.set_gdal_config_options({config})
print(pyogrio.read_info({source!r}, layer={layer!r})["features"])
"""


def snippets(address: str, layer: str, token: str | None) -> dict[str, str]:
    """Return the code that the catalogue shows for a collection, by kind."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    page = httpx.get(f"{address}/catalog/{layer}", headers=headers, timeout=60).raise_for_status().text
    return {kind: html.unescape(code) for kind, code in SNIPPET.findall(page)}


def by_gdal(line: str) -> str:
    """Return a program that opens what a command of GDAL opens, with GDAL itself: its commands are not here."""
    words = shlex.split(line.replace("$ONEMAP_TOKEN", TOKEN))
    config = {words[at + 1]: words[at + 2] for at, word in enumerate(words) if word == "--config"}
    return READ_BY_GDAL.format(config=config, source=words[-2], layer=words[-1])


@pytest.mark.parametrize(("layer", "token"), [("video_points", TOKEN), ("duty_rosters", None)])
def test_code_of_the_catalogue_runs_when_it_is_pasted(address: str, tmp_path: Path, layer: str, token: str | None):
    found = snippets(address, layer, token)
    has_places = layer != "duty_rosters"
    assert found.keys() == {"curl", "python", "geopandas", "gdal"} | ({"maplibre", "qgis"} if has_places else set())
    count = _count(address, layer, token)
    assert count > 0
    environment = {**os.environ, "ONEMAP_TOKEN": token or "", "PYTHONPATH": str(PROJECT)}
    if token is None:
        del environment["ONEMAP_TOKEN"]
    subprocess.run(["bash", "-euc", found["curl"]], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert len((tmp_path / f"{layer}.csv").read_text("utf-8-sig").strip().splitlines()) >= count + 1
    code = "\n".join((found["python"], found["geopandas"], "assert len(frame)", by_gdal(found["gdal"].splitlines()[0])))
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) == count


def _count(address: str, layer: str, token: str | None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = httpx.get(f"{address}/ogc/collections/{layer}/items?resulttype=hits", headers=headers, timeout=60)
    return int(answer.json()["numberMatched"])


def test_the_catalogue_is_searched_and_its_code_is_copied(visit):
    page = visit("/catalog").page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    entries = page.locator("[data-entry]")
    expect(entries.first).to_be_visible()
    page.keyboard.press("/")
    field = page.get_by_role("searchbox")
    expect(field).to_be_focused()
    page.keyboard.type("streets 街道")
    expect(entries.locator("visible=true")).to_have_count(1)
    expect(page.locator("output")).to_have_text("1 个数据集")
    page.keyboard.type(" nothing-like-it")
    expect(page.locator("[data-none]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("[data-none]")).to_be_hidden()
    page.keyboard.type("streets")
    page.keyboard.press("Enter")
    page.wait_for_url("**/catalog/streets**")
    page.locator("[data-copy=copy-curl]").click()
    expect(page.locator("[data-copy=copy-curl]")).to_have_text("已复制")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#copy-curl").text_content()


def test_items_are_filtered_and_sorted_by_a_form(visit):
    page = visit("/ogc/collections/streets/items?f=html").page
    titles = page.locator("thead th").evaluate_all("all => all.map((one) => one.title)")
    name = page.locator("tbody tr").nth(3).locator("td").nth(titles.index("name")).text_content()
    page.locator("[data-field]").select_option("name")
    page.locator("[data-how]").select_option("like")
    page.locator("[data-value]").fill(str(name))
    page.locator("[name=sortby]").select_option("-name")
    page.locator(".controls button").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert "sortby=-name" in page.url
    assert "limit=" not in page.url
    expect(page.locator("[name=filter]")).to_have_value(f"CASEI(\"name\") LIKE CASEI('%{name}%')")
    page.locator("tbody a").first.click()
    expect(page.locator("main h2")).to_contain_text(str(name))
    expect(page.locator("#map[data-idle]")).to_be_visible()
    drawn = page.evaluate("document.querySelector('#map').map.queryRenderedFeatures().map((one) => one.source)")
    assert "roads" in drawn


def test_feeds_keep_themselves_fresh_and_say_when_the_line_is_broken(visit):
    visitor = visit("/status")
    page = visitor.page
    expect(page.locator("#freshness")).to_contain_text("每 5 秒更新")
    page.evaluate("document.querySelector('#feeds tbody tr').dataset.seen = 'before'")
    expect(page.locator("tr[data-seen]")).to_have_count(0)
    visitor.expects("console")
    page.route("**/status", lambda route: route.abort())
    expect(page.locator("#freshness")).to_contain_text("连接中断")
    expect(page.locator("#feeds")).to_have_class("stale")
    expect(page.locator("#feeds tbody tr").first).to_be_visible()
    page.unroute("**/status")
    expect(page.locator("#feeds")).not_to_have_class("stale")


def test_no_page_is_wider_than_a_phone(visit):
    visitor = visit("/guide", PHONE)
    page = visitor.page
    visitor.expects("404")
    paths = ("/guide/feeds", "/catalog", "/catalog/video_points", "/status", "/ogc?f=html", "/nothing")
    for path in ("/guide", *paths, "/ogc/collections/events/items?f=html", "/guide?lang=en", "/catalog?lang=en"):
        page.goto(visitor.address + path)
        expect(page.locator("#account *").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], path
        assert page.locator("h1, h2").count() >= 2


def test_what_was_refused_is_looked_at_taken_again_and_discarded(visit, page_database: str):
    long = b'{"specversion": "1.0", "cut off": "' + b"x" * 300
    _refuse(page_database, long)
    visitor = visit("/catalog")
    page = visitor.page
    page.context.set_extra_http_headers({"Authorization": f"Bearer {TOKEN}"})
    page.goto(f"{visitor.address}/status/refused?feed=demo")
    one = page.locator(".refused").first
    one.locator("summary").click()
    expect(one.locator("textarea")).to_have_value(long.decode())
    visitor.expects("400")
    one.locator("[data-act=replay]").click()
    expect(one.locator("output.wrong")).not_to_be_empty()
    page.on("dialog", lambda dialog: dialog.accept())
    one.locator("[data-act=discard]").click()
    expect(one.locator("output")).to_have_text("已丢弃")
    page.reload()
    expect(page.locator(".notice")).to_contain_text("没有待处理的消息")


def _refuse(url: str, message: bytes) -> None:
    async def work() -> None:
        connection = await connect(url, Role.INGEST)
        try:
            await keep(connection, "demo", [Refusal(0, Reason.NOT_JSON, "is cut off", message)])
        finally:
            await connection.close()

    run_async(work())
