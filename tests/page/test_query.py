"""An area is asked about: counts, table, charts and files of one condition; shapes; measures; the link."""

from __future__ import annotations

import csv
import io
import json
from random import Random

import httpx
import pyarrow.parquet as pq
import pytest
from openpyxl import load_workbook
from playwright.sync_api import expect
from pyproj import Geod

from tests.databases import execute, run_async
from tests.page.waiting import until

STREET = "440106001"  # 五山街道
BOX = (113.34, 23.14, 113.36, 23.16)
DRAWN = (
    "JSON.stringify(document.querySelector('.mapview').map.getSource('over-panels')?.serialize().data.features ?? [])"
)


@pytest.fixture(scope="module")
def desk_size():
    return (1366, 768)


@pytest.fixture
def desk(walk):
    return walk("#12.50/23.15000/113.35000&tab=query")


def counted(page) -> dict[str, int]:
    """Return the counts by the title of the layer."""
    expect(page.locator(".counts ul li").first).to_be_visible()
    rows = page.locator(".counts ul li button").evaluate_all(
        "all => all.map(one => [one.querySelectorAll('span')[1].innerText, one.querySelector('b').innerText])"
    )
    return {title: int(number.replace(",", "")) for title, number in rows}


def the_rows_are_walked_and_lead_to_the_map(page, rows) -> None:
    """Arrows walk the table, End reads on, Enter shows a row on the map, which marks it."""
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".docked")).to_be_visible()
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator(".rows tbody tr:focus")).not_to_have_attribute("aria-rowindex", "3")
    assert page.locator(".rows tbody tr:not(.gap)").count() < 60, "only what is seen is drawn"
    page.keyboard.press("Home")
    expect(rows.first).to_be_focused()


def in_street(address: str) -> dict[str, int]:
    layers = [one for one in httpx.get(f"{address}/map.json").json()["layers"] if one["geometry_type"] != "None"]
    names = [one["id"] for one in layers if one["count"]]
    found = [
        httpx.get(
            f"{address}/twin/areas/{STREET}/features", params={"layers": ",".join(part), "limit": 1}, timeout=60
        ).json()
        for part in (names[:20], names[20:])
        if part
    ]
    return {one["title_zh"]: one["number_matched"] for answer in found for one in answer["layers"]}


def test_a_street_is_counted_listed_drawn_and_taken_home(desk, address, tmp_path):
    page = desk.page
    search = page.get_by_role("combobox", name="街道、社区")
    search.fill("五山")
    expect(page.locator("#query-areas li").first).to_contain_text("五山街道")
    search.press("Enter")
    counts = counted(page)
    assert counts == in_street(address), "the same rule as /twin/areas"
    until(page, f"location.hash.includes('area=streets%2F{STREET}')")
    assert "area" in page.evaluate(DRAWN)
    page.locator(".counts li button", has_text="建筑物").click()
    rows = page.locator(".rows tbody tr")
    expect(rows.first).to_be_visible()
    page.get_by_role("button", name="高度", exact=True).click()
    page.get_by_role("button", name="高度", exact=True).click()
    expect(page.locator("th[aria-sort=descending]")).to_have_count(1)
    tallest = httpx.get(
        f"{address}/ogc/collections/buildings/items",
        params={"filter": f"area_code LIKE '{STREET}%'", "sortby": "-height_m", "limit": 1},
    ).json()["features"][0]
    name = tallest["properties"].get("name") or tallest["id"]
    expect(rows.first.locator("td").first).to_have_text(name)
    the_rows_are_walked_and_lead_to_the_map(page, rows)
    files = {form: taken(page, form, tmp_path) for form in ("csv", "xlsx", "geojson", "parquet")}
    lengths = {
        "csv": len(list(csv.reader(io.StringIO(files["csv"].decode("utf-8-sig"))))) - 1,
        "xlsx": sum(1 for _ in load_workbook(io.BytesIO(files["xlsx"])).worksheets[0].iter_rows()) - 1,
        "geojson": len(json.loads(files["geojson"])["features"]),
        "parquet": pq.read_table(io.BytesIO(files["parquet"])).num_rows,
    }
    assert set(lengths.values()) == {counts["建筑物"]}, lengths
    page.get_by_role("tab", name="图表").click()
    bars = page.locator(".bars li b")
    expect(bars.first).to_be_visible()
    assert sum(int(bar.inner_text().replace(",", "")) for bar in bars.all()) <= counts["建筑物"]
    shade = page.locator(".query .shade button")
    expect(shade.nth(2)).to_be_disabled()  # heat is of points
    shade.nth(1).click()
    expect(page.locator(".legend")).to_contain_text("建筑物数")
    until(page, "document.querySelector('.mapview').map.getLayer('over-shade')?.type === 'fill'")
    page.reload()
    desk.idle()
    assert counted(page) == counts, "the link restores the area"


def taken(page, form: str, folder) -> bytes:
    page.get_by_label("文件格式").select_option(form)
    with page.expect_download() as download:
        page.get_by_role("button", name="下载").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    expect(page.get_by_role("status").get_by_text("已保存")).to_be_visible()
    return path.read_bytes()


def test_shapes_are_drawn_and_typed_and_a_click_of_theirs_inspects_nothing(desk, address):
    page = desk.page
    (west, south, east, north) = BOX
    page.get_by_role("button", name="矩形").click()
    expect(page.locator(".hint-bar")).to_contain_text("对角")
    page.mouse.click(*desk.at(west, south))
    page.mouse.move(*desk.at((west + east) / 2, north))
    page.mouse.click(*desk.at(east, north))
    expect(page.locator(".hint-bar")).to_have_count(0)
    expect(page.locator(".feature")).to_have_count(0)
    until(page, "location.hash.includes('area=bbox')")
    counts = counted(page)
    flood = httpx.get(
        f"{address}/ogc/collections/buildings/items",
        params={
            "bbox": page.evaluate("decodeURIComponent(/area=([^&]*)/.exec(location.hash)[1]).slice(5)"),
            "limit": 1,
        },
    ).json()
    assert counts["建筑物"] == flood["numberMatched"]
    desk.expects("400")  # of the polygon that crosses itself
    typed = page.get_by_label("坐标")
    typed.fill(f"{west},{south} {east},{north} {east},{south} {west},{north}")
    typed.press("Enter")
    expect(page.locator(".counts .wrong").first).to_contain_text("多边形的边相互交叉")
    typed.fill("hier")
    typed.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="请输入")).to_be_visible()
    typed.fill("113.35,23.15 800")
    typed.press("Enter")
    expect(page.locator(".counts h3")).to_contain_text("半径 800 米的圆")
    round_area = sum(counted(page).values())
    assert round_area > 0
    page.locator(".counts h3").get_by_role("button", name="清除").click()
    until(page, "!location.hash.includes('area=')")
    assert json.loads(page.evaluate(DRAWN)) == []


def test_measures_are_those_of_the_ellipsoid_and_keys_end_and_cancel(desk):
    page = desk.page
    page.get_by_role("button", name="量距离").click()
    expect(page.locator(".hint-bar")).to_contain_text("单击加点")
    ends = [(BOX[0], BOX[1]), (BOX[2], BOX[3])]
    for end in ends:
        page.mouse.move(*desk.at(*end))
        page.mouse.click(*desk.at(*end))
    page.keyboard.press("Enter")
    measured = page.locator(".measured span")
    expect(measured).to_contain_text("km")
    _, _, metres = Geod(ellps="GRS80").inv(*ends[0], *ends[1])
    shown = float(measured.inner_text().removeprefix("长 ").removesuffix(" km"))
    assert shown == pytest.approx(metres / 1000, rel=0.005), "as exact as a click on a pixel"
    page.get_by_role("button", name="量面积").click()
    expect(page.locator(".hint-bar")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".hint-bar")).to_have_count(0)
    expect(page.locator(".measured")).to_have_count(0)
    chance = Random(5)
    shapes = [ring(chance) for _ in range(60)]
    ours = page.evaluate(
        """async rings => { const root = document.querySelector('script[type=module]').src.replace('main.js', '');
            const { area_m2, length_m } = await import(root + 'draw/geodesy.js');
            return rings.map(ring => [area_m2([ring]), length_m(ring)]); }""",
        shapes,
    )
    for shape, (surface, outline) in zip(shapes, ours, strict=True):
        area, length = Geod(a=6378137, rf=298.257222101).polygon_area_perimeter(*zip(*shape, strict=True))
        assert surface == pytest.approx(abs(area), rel=1e-4)
        assert outline == pytest.approx(length, rel=1e-7)


def ring(chance: Random) -> list[tuple[float, float]]:
    """A triangle of up to some tens of kilometres anywhere between the tropics and the north, closed."""
    lon, lat, size = chance.uniform(73, 135), chance.uniform(3, 54), chance.uniform(0.001, 0.3)
    corners = [(lon, lat), (lon + size, lat + size * chance.uniform(-0.3, 0.3)), (lon + size / 2, lat + size)]
    return [*corners, corners[0]]


def features_in(address, box, layer):
    asked = {"bbox": ",".join(map(str, box)), "limit": 1000, "f": "json"}
    found = httpx.get(f"{address}/ogc/collections/{layer}/items", params=asked, timeout=60).json()["features"]
    return [(one["id"], one["properties"]["name"]) for one in found]


VIEW = "() => { const b = document.querySelector('.mapview').map.getBounds(); return b.toArray().flat(); }"
NAMES = "all => all.map(one => one.querySelector('td').innerText)"


def test_the_table_follows_the_map_by_mouse_and_keyboard(walk, address, page_database):
    visitor = walk("#14.00/23.13000/113.36000&theme=flood_control&tab=table")
    page = visitor.page
    table = page.locator(".map-table")
    table.locator("select").select_option("emergency_resources")
    rows = table.locator("tbody tr:not(.gap)")

    def follows():
        wanted = features_in(address, page.evaluate(VIEW), "emergency_resources")
        expect(table.locator("table")).to_have_attribute("aria-rowcount", str(len(wanted)))
        assert set(rows.evaluate_all(NAMES)) <= {name for _, name in wanted}
        return wanted

    before = follows()
    page.evaluate("document.querySelector('.mapview').map.jumpTo({center: [113.36, 23.13], zoom: 12})")
    expect(table.locator("table")).not_to_have_attribute("aria-rowcount", str(len(before)))
    after = follows()
    assert set(before) < set(after)
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")  # the map goes there, and who reads keeps his rows
    expect(table.locator("[role=status]").first).to_have_text("地图已移动，此表仍为移动前的范围")
    expect(rows.nth(1)).to_be_focused()
    expect(table.locator("table")).to_have_attribute("aria-rowcount", str(len(after)))
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    table.get_by_role("button", name="重新读取").click()
    follows()
    expect(table.locator("[role=status]").first).to_have_text("随地图视图更新")
    page.keyboard.press("Escape")
    one, name = after[0]
    change = f"UPDATE layer.emergency_resources SET name = '{{}}' WHERE id = '{one}'"
    page.evaluate("document.querySelector('.mapview').map.jumpTo({center: [113.36, 23.13], zoom: 12})")
    run_async(execute(page_database, change.format("0 改名")))
    try:
        table.locator("th button").first.click()  # sorted by name
        expect(rows.first.locator("td").first).to_have_text("0 改名")
        run_async(execute(page_database, change.format("1 再改名")))
        expect(rows.first.locator("td").first).to_have_text("1 再改名")
    finally:
        run_async(execute(page_database, change.format(name)))
