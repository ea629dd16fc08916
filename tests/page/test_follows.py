"""The page follows what changes: an open panel, a list, a pasted link, a line that broke, a printer."""

from __future__ import annotations

from contextlib import contextmanager

from playwright.sync_api import expect

from layers.database.connection import connect
from tests.databases import run_async
from tests.page.waiting import until

MAP = "document.querySelector('.mapview').map"
STATES = f"""(manager => manager._inViewTiles.getAllIds().map(id => manager._inViewTiles.getTileById(id).state))(
    {MAP}.style.tileManagers.streets)"""


@contextmanager
def height(url, feature_id, before, after):
    """Give a building another height for a while."""

    async def put(height_m):
        connection = await connect(url)
        await connection.execute("UPDATE layer.buildings SET height_m = $1 WHERE id = $2", height_m, feature_id)
        await connection.close()

    run_async(put(after))
    try:
        yield
    finally:
        run_async(put(before))


PACE = """async () => {
    const root = document.querySelector('script[type=module]').src.replace('main.js', '');
    const { paced } = await import(root + 'map/pace.js');
    const { map } = document.querySelector('.mapview');
    return [paced(map, 0), paced(map, 60_000)]; }"""


def test_the_layer_list_folds_on_a_desk(walk):
    page = walk().page
    rest, usual = page.evaluate(PACE)
    assert rest > 0, "what moves leaves the map a while for each frame, as long as its frames take"
    assert usual == 60_000
    handle = page.locator(".handle")
    expect(handle).to_have_attribute("aria-expanded", "true")
    handle.click()
    expect(page.locator(".layers")).to_be_hidden()
    handle.click()
    expect(page.locator(".layers")).to_be_visible()


def test_a_click_on_the_map_moves_nothing(walk):
    visitor = walk()
    page = visitor.page
    before = page.evaluate(f"{MAP}.getZoom()")
    page.mouse.click(*visitor.at(113.36, 23.17))
    expect(page.locator(".hit.open dl").first).to_be_visible()
    assert page.evaluate(f"{MAP}.getZoom()") == before
    page.keyboard.press("Escape")


def test_an_open_panel_shows_what_its_feature_has_become(walk, a_building, page_database):
    feature_id, properties, lon, lat = a_building
    page = walk(f"#16.00/{lat:.5f}/{lon:.5f}&sel=buildings/{feature_id}").page
    shown = page.locator(".hit.open dl div", has=page.locator('dt[title="height_m"]')).locator("dd")
    expect(shown).to_have_text(f"{properties['height_m']:g} m")
    with height(page_database, feature_id, properties["height_m"], 187.5):
        expect(shown).to_have_text("187.5 m")
    expect(shown).to_have_text(f"{properties['height_m']:g} m")


def test_a_list_keeps_its_rows_and_says_that_the_data_have_changed(walk, a_building, page_database):
    feature_id, properties, _, _ = a_building
    page = walk("#12.00/23.13000/113.35000&list=buildings").page
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(20)
    page.locator("button", has_text="更多").click()
    expect(rows).to_have_count(40)
    with height(page_database, feature_id, properties["height_m"], 188.5):
        expect(page.locator(".fresh")).to_contain_text("数据已有更新")
        expect(rows).to_have_count(40)
        page.locator(".fresh button").click()
        expect(page.locator(".fresh")).to_have_count(0)
        expect(rows).to_have_count(40)


def test_a_link_that_is_pasted_into_an_open_page_is_followed(walk, a_building):
    feature_id, _, lon, lat = a_building
    page = walk().page
    page.evaluate(f"location.hash = '#16.50/{lat:.5f}/{lon:.5f}&sel=buildings/{feature_id}&3d=1'")
    expect(page.locator(".hit.open code")).to_have_text(feature_id)
    until(page, f"Math.abs({MAP}.getZoom() - 16.5) < 0.01")
    until(page, f"{MAP}.getPitch() > 50")
    page.evaluate("location.hash = '#12/23.13/113.35&list=streets'")
    expect(page.locator("tbody tr")).to_have_count(20)
    page.locator("button", has_text="返回地图").click()
    until(page, "!location.hash.includes('list=')")


def test_a_warning_in_force_stands_above_the_map_until_it_is_over(walk, page_database):
    async def execute(statement, *values):
        connection = await connect(page_database)
        await connection.execute(statement, *values)
        await connection.close()

    page = walk("#12.00/23.13000/113.35000").page
    expect(page.locator(".warnings")).to_have_count(0)
    run_async(
        execute(
            """INSERT INTO layer.events (id, geom, source, severity, stage, title, occurred_at, data_grade)
            VALUES ('weather_warning-1', ST_SetSRID(ST_MakePoint(113.361, 23.151), 4490), 'weather_warning', 'red',
                'handle', '暴雨红色预警信号', now(), 1)"""
        )
    )
    try:
        banner = page.locator(".warnings button")
        expect(banner).to_contain_text("暴雨红色预警信号")
        expect(banner).to_contain_text("红色预警")
        banner.click()
        expect(page.locator(".hit.open code")).to_have_text("weather_warning-1")
        until(page, f"{MAP}.getZoom() > 15 && Math.abs({MAP}.getCenter().lat - 23.151) < 0.01")
        run_async(execute("UPDATE layer.events SET stage = 'closed' WHERE id = 'weather_warning-1'"))
        expect(page.locator(".warnings")).to_have_count(0)
    finally:
        run_async(execute("DELETE FROM layer.events WHERE id = 'weather_warning-1'"))


def test_a_row_of_the_list_is_shown_on_the_map(walk):
    page = walk("#12.00/23.13000/113.35000&list=urban_villages").page
    row = page.locator("tbody tr a").first
    feature_id = row.inner_text()
    row.click()
    expect(page.locator(".hit.open code")).to_have_text(feature_id)
    until(page, f"{MAP}.getZoom() > 13")


def test_what_is_not_there_is_said_in_the_readers_language(walk):
    visitor = walk("#12.00/23.13000/113.35000&sel=buildings/none-of-them")
    visitor.expects("404")
    page = visitor.page
    expect(page.locator(".wrong")).to_contain_text("没有找到，或无权查看")


def test_a_line_that_broke_leaves_the_map_and_heals_where_nothing_was_drawn(walk):
    visitor = walk("#12.00/23.13000/113.35000")
    visitor.expects("ERR_FAILED")
    page = visitor.page
    assert visitor.drawn("streets")
    for path in ("**/map.json*", "**/tiles/streets/**"):
        page.route(path, lambda route: route.abort())
    page.evaluate(f"{MAP}.jumpTo({{center: [113.38, 23.18], zoom: 14}})")
    until(page, f"{STATES}.includes('errored')")
    expect(page.locator(".toast")).to_contain_text("连接中断")
    page.unroute_all()
    expect(page.locator(".toast")).to_have_count(0)
    until(page, f"{STATES}.every(state => state === 'loaded')")


def test_a_printed_page_has_the_map_in_it(walk):
    page = walk("#13.00/23.13000/113.35000").page
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    colours = page.evaluate(
        """() => { const picture = document.querySelector('.printed'), canvas = document.createElement('canvas');
            canvas.width = picture.width; canvas.height = picture.height;
            const context = canvas.getContext('2d'); context.drawImage(picture, 0, 0);
            const { data } = context.getImageData(0, 0, canvas.width, canvas.height), found = new Set();
            for (let at = 0; at < data.length; at += 4 * 97) found.add(data.slice(at, at + 3).join());
            return found.size; }"""
    )
    assert colours > 20
    page.emulate_media(media="print")
    expect(page.locator(".printed")).to_be_visible()
    expect(page.locator(".side")).to_be_hidden()
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator(".printed")).to_have_count(0)
