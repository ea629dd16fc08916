"""A place is looked into: rings, cameras, routes, people; plotted on; printed on one sheet; kept in the link."""

from __future__ import annotations

import json
import re
import struct

import httpx
import pytest
from playwright.sync_api import expect

from tests.page.test_query import DRAWN
from tests.page.waiting import until

READER = """async () => {
    const root = document.querySelector('script[type=module]').src.replace('main.js', '');
    const { fetchSession } = await import(root + 'account.js');
    return (await fetchSession()).account?.id ?? ''; }"""
RINGS_M = (300, 500, 1000)


@pytest.fixture(scope="module")
def desk_size():
    return (1366, 768)


@pytest.fixture
def place(address):
    """A place of which more is known: beside an emergency resource on the roads."""
    one = httpx.get(f"{address}/ogc/collections/emergency_resources/items?limit=1").json()["features"][0]
    lon, lat = one["geometry"]["coordinates"]
    return round(lon + 0.0005, 6), round(lat + 0.0005, 6)


def test_a_place_is_looked_into_plotted_on_and_printed(walk, address, place):
    lon, lat = place
    visitor = walk(f"#15.00/{lat:.5f}/{lon:.5f}&tab=incident")
    page = visitor.page
    page.get_by_role("button", name="研判一处").click()
    page.mouse.click(*visitor.at(lon, lat))
    until(page, "location.hash.includes('incident=')")
    expect(page.locator(".finding[aria-busy=true]")).to_have_count(0)
    expect(page.locator(".feature")).to_have_count(0)
    lon, lat = map(float, page.evaluate("decodeURIComponent(/incident=([^&]*)/.exec(location.hash)[1])").split(","))
    expected = [
        {
            one["title_zh"]: one["number_matched"]
            for one in httpx.get(
                f"{address}/twin/nearby",
                params={
                    "lon": lon,
                    "lat": lat,
                    "radius_m": ring,
                    "limit": 1,
                    "layers": "emergency_resources,service_sites",
                },
            ).json()["layers"]
        }
        for ring in RINGS_M
    ]
    row = page.locator(".rings tr", has_text="应急资源").locator(".number")
    assert row.all_inner_texts() == [str(counts["应急资源"]) for counts in expected]
    nearest = httpx.get(f"{address}/twin/nearest-resources", params={"lon": lon, "lat": lat, "n": 6}).json()
    shown = page.get_by_role("region", name="最近的应急资源").locator("tr")
    assert shown.count() == len(nearest["features"])
    roles = [one["properties"]["role"] for one in json.loads(page.evaluate(DRAWN))]
    assert roles.count("ring") == len(RINGS_M)
    assert roles.count("route") == sum(one["properties"]["route"] is not None for one in nearest["features"])
    page.get_by_label("文字").fill("现场指挥部")
    page.locator(".plot").get_by_role("button", name="点", exact=True).click()
    page.mouse.click(*visitor.at(lon + 0.001, lat))
    expect(page.locator(".plot li")).to_contain_text("现场指挥部")
    page.reload()
    visitor.idle()
    expect(page.locator(".plot li")).to_contain_text("现场指挥部")
    kept = page.evaluate("Object.keys(localStorage).filter(name => name.startsWith('onemap.plot'))")
    assert kept == ["onemap.plot " + page.evaluate(READER)], "of this reader alone"
    expect(page.locator(".finding[aria-busy=true]")).to_have_count(0)
    paper = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type */Page\b", paper)) == 1, "one sheet"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    sheet = page.locator(".sheet")
    for part in ("周边", "最近的应急资源", "责任人与值班", "现场指挥部", "制图时间", "合成数据"):
        expect(sheet).to_contain_text(part)
    expect(page.locator("#app")).to_be_hidden()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(sheet).to_have_count(0)
    page.emulate_media(media="screen")


WITHOUT_COLOUR = """all => all.map(one => {
    const copy = one.cloneNode(true);
    copy.removeAttribute('style');
    for (const part of copy.querySelectorAll('*')) ['fill', 'stroke'].forEach(name => part.removeAttribute(name));
    return copy.outerHTML; })"""
SIGNS = """async () => {
    const root = document.querySelector('script[type=module]').src.replace('main.js', '');
    const { signAt } = await import(root + 'panels/swatch.js');
    const signs = shape => [...Array(30)].map((_, n) => JSON.stringify(signAt(shape, n)));
    return ['point', 'line', 'area'].flatMap(signs); }"""


def test_the_map_is_saved_as_a_picture_with_title_legend_and_scale(walk):
    page = walk("#14.00/23.14000/113.35000/20/40").page
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for legend in (".legend .sign", "#sheet .sheet-legend .sign"):  # in grey print too
        signs = page.locator(legend).evaluate_all(WITHOUT_COLOUR)
        assert len(signs) >= 2, legend
        assert len(set(signs)) == len(signs), legend
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    signs = page.evaluate(SIGNS)
    assert len(set(signs)) == len(signs) == 90
    assert page.evaluate("Math.round(document.querySelector('.mapview').map.getPitch())") == 40, (
        "the link turns the map"
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="保存图片").click()
    picture = download.value.path().read_bytes()
    width, height = struct.unpack(">II", picture[16:24])
    canvas = page.evaluate("(c => [c.width, c.height])(document.querySelector('.maplibregl-canvas'))")
    assert width == canvas[0]
    assert height > canvas[1], "with a title and a foot"
    assert len(picture) > 30_000, "a blank picture is small"


BOUNDS = """() => { const bounds = document.querySelector('.mapview').map.getBounds();
    return [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()]; }"""


def test_a_link_with_an_incident_moves_the_map_there_when_it_is_opened_and_when_it_is_pasted(visit, place):
    lon, lat = place
    visitor = visit(f"/#&incident={lon:.6f},{lat:.6f}", (1366, 768))
    page = visitor.page
    expect(page.locator(".incident .panel-head")).to_be_visible()
    around = f"(() => {{ const [w, s, e, n] = ({BOUNDS})(); return w < {lon} && {lon} < e && s < {lat} && {lat} < n"
    until(page, f"{around} && e - w < 0.12; }})()")
    visitor.idle()
    page.evaluate("location.hash = '#13.00/23.10000/113.30000'")
    expect(page.locator(".incident")).to_have_count(0)
    until(page, f"!{around}; }})()")
    page.evaluate(f"location.hash = '#13.00/23.10000/113.30000&incident={lon:.6f},{lat:.6f}'")
    until(page, f"{around} && e - w < 0.12; }})()")
    shared = f"#14.00/{lat + 0.001:.5f}/{lon + 0.001:.5f}&incident={lon:.6f},{lat:.6f}"
    page.evaluate(f"location.hash = '{shared}'")  # what was shared is restored
    until(page, f"location.hash.startsWith('#14.00/{lat + 0.001:.5f}')")
    expect(page.locator(".finding[aria-busy=true]")).to_have_count(0)
    assert page.evaluate("document.querySelector('.mapview').map.getZoom()") == 14
