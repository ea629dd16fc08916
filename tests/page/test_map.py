"""Tests of the page in a real browser over the real application."""

from __future__ import annotations

import json

import httpx
import pytest
from playwright.sync_api import expect

from layers.database.connection import connect
from layers.definition import LayerDefinition, MapHints
from layers.schema.tables import create_layer, drop_layer, refresh_statistics
from tests.databases import run_async
from tests.page.conftest import DESK, NO_WEBGL, PHONE, TOKEN, Visitor
from tests.page.town import field
from tests.page.waiting import until

STREET = "streets"


@pytest.fixture
def near(a_building):
    """Link to the place of a building, and the building."""
    feature_id, properties, lon, lat = a_building
    return f"#16.00/{lat:.5f}/{lon:.5f}", feature_id, properties, (lon, lat)


def test_the_district_is_framed_and_says_what_it_is(walk):
    visitor = walk()
    page = visitor.page
    expect(page.locator("header h1")).to_have_text("全区一张图")
    expect(page.locator("header .district")).to_have_text("天河区")
    expect(page.locator("header .badge")).to_have_text("合成数据")
    expect(page.locator(".maplibregl-ctrl-scale")).to_contain_text("公里")
    expect(page.locator(".status")).to_contain_text("CGCS2000")
    assert len(visitor.drawn("streets")) == 21
    bounds = page.evaluate("document.querySelector('.mapview').map.getBounds().toArray()")
    (west, south), (east, north) = bounds
    assert (west < 113.30, south < 23.11, east > 113.43, north > 23.24) == (True,) * 4
    fonts = page.evaluate("performance.getEntriesByType('resource').map(r => r.name).filter(n => n.endsWith('.woff2'))")
    assert fonts
    assert all("/vendor/noto-sans-sc/files/" in font for font in fonts)


def test_counts_are_those_of_the_reader(walk, address):
    page = walk().page
    for layer in httpx.get(f"{address}/map.json", timeout=60).json()["layers"]:
        shown = page.locator(f'[data-layer="{layer["id"]}"] .count')
        expect(shown).to_have_text(f"{layer['count']:,}" if layer["count"] else "–")


def test_everything_is_reached_by_keyboard(walk):
    page = walk().page
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#layers")).to_be_focused()
    for _ in ("the filter", "the first group", "the first layer"):
        page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Space")
    assert focused == "显示行政区"
    expect(page.locator('[data-layer="districts"] .eye')).to_have_attribute("aria-pressed", "false")


def test_a_server_that_is_gone_is_told_and_waited_for(walk):
    visitor = walk()
    page = visitor.page
    visitor.expects("ERR_FAILED")
    page.route("**/map.json*", lambda route: route.abort())
    expect(page.locator(".toast")).to_contain_text("连接中断")
    page.unroute("**/map.json*")
    expect(page.locator(".toast")).to_have_count(0)


def test_a_new_layer_appears_without_reload(walk, page_database):
    definition = LayerDefinition(
        id="fresh",
        title_zh="刚刚载入",
        title_en="Fresh",
        geometry_type="Polygon",
        grade=1,
        map=MapHints(group_zh="新", group_en="New", label="name"),
        fields=(field("name"),),
    )

    async def load():
        connection = await connect(page_database)
        await create_layer(connection, definition)
        await connection.execute(
            """INSERT INTO layer.fresh (id, geom, name)
            VALUES ('f1', ST_MakeEnvelope(113.33, 23.13, 113.37, 23.16, 4490), '新片区')"""
        )
        await refresh_statistics(connection, definition)
        await connection.close()

    async def unload():
        connection = await connect(page_database)
        await drop_layer(connection, "fresh")
        await connection.close()

    visitor = walk()
    page = visitor.page
    assert page.locator('[data-layer="fresh"]').count() == 0
    run_async(load())
    try:
        expect(page.locator('[data-layer="fresh"] .count')).to_have_text("1")
        visitor.idle()
        assert visitor.drawn("fresh") == [], "one loaded file covers nobody's map"
        page.locator('[data-layer="fresh"] .fresh-layer').click()
        until(page, "document.querySelector('.mapview').map.getSource('fresh')?.loaded()")
        visitor.idle()
        assert visitor.drawn("fresh") == ["f1"]
    finally:
        run_async(unload())
    expect(page.locator('[data-layer="fresh"]')).to_have_count(0)
    until(page, "!document.querySelector('.mapview').map.getSource('fresh')")


def test_a_style_that_is_not_there_is_the_usual_one(walk):
    page = walk("#11.00/23.17000/113.36000&style=pink").page
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    until(page, "!location.hash.includes('style=')")


def test_the_operator_sees_more(walk, address):
    page = walk().page
    public = page.locator('[data-layer="video_points"] .count').inner_text()
    page.locator(".account a").click()
    page.locator("summary").click()
    page.locator("#token input").fill(TOKEN)
    page.locator("#token .primary").click()
    loaded = httpx.get(f"{address}/map.json", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60).json()["layers"]
    count = next(layer["count"] for layer in loaded if layer["id"] == "video_points")
    expect(page.locator('[data-layer="video_points"] .count')).to_have_text(f"{count:,}")
    assert public != f"{count:,}"
    page.locator(".account button").first.click()
    page.locator(".account .popover .primary").click()
    expect(page.locator(".account a")).to_have_text("登录")
    expect(page.locator('[data-layer="video_points"] .count')).to_have_text(public)


def test_a_link_to_a_feature_opens_and_frames_it(walk, a_building):
    feature_id, _, lon, lat = a_building
    page = walk().page
    page.evaluate("link => { location.hash = link; }", f"#&sel=buildings/{feature_id}")
    expect(page.locator(".hit.open code")).to_have_text(feature_id)
    until(page, "document.querySelector('.mapview').map.getZoom() > 15")
    center = page.evaluate("document.querySelector('.mapview').map.getBounds().toArray()")
    assert center[0][0] < lon < center[1][0]
    assert center[0][1] < lat < center[1][1]


def test_a_click_tells_everything_there_in_chinese(walk, near):
    link, feature_id, properties, place = near
    visitor = walk(link)
    page = visitor.page
    page.mouse.click(*visitor.at(*place))
    page.locator(".feature [role=tab]", has_text="建筑物").first.click()
    card = page.locator(".hit.open")
    expect(card.locator("dt", has_text="高度").first).to_be_visible()
    row = card.locator("dl div", has=page.locator('dt[title="height_m"]'))
    expect(row.locator("dd")).to_have_text(f"{properties['height_m']:g} m")
    expect(card.locator("code")).to_have_text(feature_id)
    expect(card.locator("dl div", has=page.locator('dt[title="usage_code"]')).locator("dd")).not_to_have_text(
        properties["usage_code"]
    )
    expect(page.locator(".feature [role=tab]", has_text="街道")).to_have_count(1)
    link = card.locator("a", has_text="OGC API").get_attribute("href")
    assert f"/collections/buildings/items/{feature_id}" in f"/{link}"
    until(page, "location.hash.includes('sel=')")
    page.keyboard.press("Escape")
    expect(page.locator(".feature")).to_have_count(0)


def test_what_a_hand_in_the_database_changes_is_drawn_again(walk, near, page_database):
    link, feature_id, properties, _ = near
    page = walk(link).page

    async def raise_to(height):
        connection = await connect(page_database)
        await connection.execute("UPDATE layer.buildings SET height_m = $1 WHERE id = $2", height, feature_id)
        await connection.close()

    loaded = f"""document.querySelector('.mapview').map.querySourceFeatures('buildings', {{sourceLayer: 'buildings'}})
        .filter(feature => feature.properties.id === '{feature_id}').map(feature => feature.properties.height_m)"""
    until(page, f"({loaded}).includes({properties['height_m']})")
    try:
        run_async(raise_to(199.5))
        until(page, f"({loaded}).includes(199.5)")
    finally:
        run_async(raise_to(properties["height_m"]))


def test_buildings_stand_up(walk, near):
    page = walk(near[0]).page
    page.locator("button[aria-label='三维']").click()
    until(page, "document.querySelector('.mapview').map.getPitch() > 50")
    shown = "document.querySelector('.mapview').map.getLayoutProperty('buildings:{}', 'visibility')"
    assert [page.evaluate(shown.format(kind)) for kind in ("relief", "building")] == ["visible", "none"]


STANDING = """() => (document.querySelector('.mapview').map.getSource('over-waters')?.serialize().data.features ?? [])
    .filter(({geometry}) => geometry.type === 'Polygon').map(({properties: {id, kind, top}}) => [id, kind, top])"""
AT_THEIR_FEET = """() => document.querySelector('.mapview').map.getSource('over-waters').serialize().data.features
    .flatMap(({properties}) => properties.words ?? [])"""
STATIONS = """async () => {
    const root = document.querySelector('script[type=module]').src.replace('main.js', '');
    const { blocksOf } = await import(root + 'measure/waters.js');
    const at = '2026-06-08T02:00:00Z';
    const kinds = (level_m, minutes, is_stale = false) => blocksOf(
        {level_m, warning_level_m: 2, level_at: at, is_stale}, Date.parse(at) + minutes * 60000,
    ).map(({kind, top}) => [kind, top]);
    return [kinds(1.5, 5), kinds(2.4, 5), kinds(2.4, 90), kinds(1.5, 5, true), kinds(null, 5)]; }"""


def test_water_stands_in_columns_of_its_depth_as_of_the_moment(walk, page_database):
    points = "SELECT id, ST_X(geom), ST_Y(geom) FROM layer.flood_risk_points ORDER BY id LIMIT 2"

    async def flood():
        connection = await connect(page_database)
        found = await connection.fetch(points)
        wet = [(found[0]["id"], 0.5, "5 minutes"), (found[1]["id"], 0.2, "3 hours")]
        for where, depth, ago in wet:
            await connection.execute(
                f"INSERT INTO twin.observation_now (id, property, value, phenomenon_time) "
                f"VALUES ($1, 'water_depth_m', $2, now() - interval '{ago}')",
                where,
                depth,
            )
        await connection.close()
        return [row[0] for row in found], found[0][2], found[0][1]

    async def dry(ids):
        connection = await connect(page_database)
        await connection.execute("DELETE FROM twin.observation_now WHERE id = ANY ($1)", ids)
        await connection.close()

    (deep, old), lat, lon = run_async(flood())
    try:
        link = f"#14.00/{lat:.5f}/{lon:.5f}&theme=flood_control&3d=1"
        page = walk(link).page
        wanted = json.dumps([[deep, "over", 100], [old, "stale", 40]], separators=(",", ":"))
        until(page, f"JSON.stringify(({STANDING})()) === '{wanted}'")
        assert page.evaluate(AT_THEIR_FEET) == ["▲ 0.50 m", "○ 0.20 m"]
        told = page.locator(".waters-legend")
        expect(told).to_contain_text("水位与积水（三维，2 处）")
        expect(told).to_contain_text("夸大示意：积水深 × 200")
        expect(told).to_contain_text("数据")
        expect(told.locator(".column-sign")).to_have_text(["▮", "▲", "○", "▬"])
        mark = ["mark", 102]
        stations = page.evaluate(STATIONS)
        assert stations == [
            [["water", 75], mark],
            [["over", 120], mark],
            [["stale", 120], mark],
            [["stale", 75], mark],
            [],
        ]
        walk(link + "&at=2020-01-01T00:00:00Z")
        until(page, f"!({STANDING})().length")
        expect(told).to_contain_text("此时没有积水或水位数据")
        page.locator("button[aria-label='三维']").click()
        expect(told).to_have_count(0)
        until(page, "!document.querySelector('.mapview').map.getSource('over-waters')")
    finally:
        run_async(dry([deep, old]))


def test_eyes_style_and_language_are_in_the_link_or_stay_with_the_browser(walk, shared, address):
    visitor = walk()
    page = visitor.page
    ground = "document.querySelector('.mapview').map.getPaintProperty('ground', 'background-color')"
    served = {name: httpx.get(f"{address}/styles/{name}.json").json() for name in ("dark", "light", "print")}
    expected = {name: style["layers"][0]["paint"]["background-color"] for name, style in served.items()}
    assert page.evaluate(ground) == expected["dark"]
    eye = page.locator(f'[data-layer="{STREET}"] .eye')
    eye.click()
    expect(eye).to_have_attribute("aria-pressed", "false")
    until(page, "location.hash.includes('layers=streets')")
    for name in ("light", "print"):
        page.locator("select.themes").select_option(name)
        until(page, f"{ground} === '{expected[name]}'")
        expect(page.locator("html")).to_have_attribute("data-theme", name)
        until(page, f"location.hash.includes('style={name}')")
    page.locator("header button[lang=en]").click()
    expect(page.locator("header h1")).to_have_text("OneMap")
    expect(page.locator('[data-layer="urban_villages"] .title')).to_have_text("Urban villages")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.reload()
    visitor.idle()
    expect(page.locator("header .badge")).to_have_text("Synthetic")
    assert visitor.drawn(STREET) == []
    page.locator(f'[data-layer="{STREET}"] .eye').click()
    until(page, "!location.hash.includes('layers=')")
    visitor.idle()
    assert len(visitor.drawn(STREET)) == 21
    assert page.evaluate(ground) == expected["print"]
    page.goto("about:blank")
    page.goto(f"{address}/")
    expect(page.locator("html")).to_have_attribute("data-theme", "print")
    shared.close()  # a browser that remembers is of no use to other tests


def test_on_a_phone_the_layers_are_a_sheet_from_below(visit):
    visitor = visit(size=PHONE)
    page = visitor.idle()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    expect(page.locator(".layers")).to_be_hidden()
    page.locator(".handle").click()
    expect(page.locator(f'[data-layer="{STREET}"] .eye')).to_be_visible()
    sheet, eye = page.locator(".panel").bounding_box(), page.locator(f'[data-layer="{STREET}"] .eye').bounding_box()
    assert sheet["width"] == PHONE[0]
    assert sheet["y"] > PHONE[1] * 0.4
    assert min(eye["width"], eye["height"]) >= 44
    page.locator(".handle").click()
    expect(page.locator(".layers")).to_be_hidden()


def test_without_webgl_the_features_are_listed(launch, address):
    with launch(NO_WEBGL) as browser:
        visitor = Visitor(browser, address, DESK)
        page = visitor.page
        expect(page.locator(".notice")).to_contain_text("WebGL 2")
        page.get_by_label("选择图层").select_option(STREET)
        expect(page.locator("tbody tr")).to_have_count(20)
        expect(page.locator("thead")).to_contain_text("名称")
        page.locator("button", has_text="更多").click()
        expect(page.locator("tbody tr")).to_have_count(21)
        assert not [fault for fault in visitor.faults if "WebGL" not in fault]


def test_what_keeps_the_map_from_being_drawn_is_told_by_its_name(visit, address):
    visitor = visit(None)
    page = visitor.page
    visitor.expects("TypeError")

    def broken(route):
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"layers": None})

    page.route("**/styles/*.json*", broken)
    page.goto(address)
    expect(page.locator(".notice")).to_contain_text("TypeError")
    expect(page.locator(".notice")).not_to_contain_text("WebGL")
    expect(page.locator("tbody tr").first).to_be_visible()


def test_a_page_that_cannot_begin_says_why_and_tries_again(browser, address):
    visitor = Visitor(browser, address, DESK, None)
    page = visitor.page
    broken = {"status": 503, "content_type": "application/problem+json", "body": json.dumps({"detail": "the database"})}
    page.route("**/map.json", lambda route: route.fulfill(**broken))
    page.goto(address)
    expect(page.locator(".notice[role=alert]")).to_contain_text("the database")
    page.unroute("**/map.json")
    page.locator(".notice button").click()
    visitor.idle()
    page.close()
