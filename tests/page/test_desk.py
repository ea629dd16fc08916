"""The desk: the workbench of layers, themes, the panel of a feature, the search, what moves; one page for all walks."""

from __future__ import annotations

import httpx
from playwright.sync_api import expect

from layers.database.connection import connect
from layers.definition import read_definitions
from layers.schema.tables import refresh_statistics
from tests.databases import run_async
from tests.page.waiting import until
from twin.log.changes import append

MAP = "document.querySelector('.mapview').map"
VILLAGES = '[data-layer="urban_villages"]'


def shown(page):
    """The ids of the layers that are on."""
    return page.evaluate(
        "[...document.querySelectorAll('[data-layer]:not(.off)')].map(row => row.dataset.layer).sort()"
    )


def test_the_workbench_of_layers(walk):
    visitor = walk()
    page = visitor.page
    assert len(shown(page)) <= 11  # six of the theme, five that they stand on
    expect(page.locator(f"{VILLAGES} .here")).to_have_text("4")
    expect(page.locator(".legend dt", has_text="城中村")).to_be_visible()

    page.locator(".seek input").fill("城中村")
    expect(page.locator("[data-layer]")).to_have_count(1)
    expect(page.locator(".layers .code")).to_have_count(0)
    page.locator(f"{VILLAGES} .explain").click()
    expect(page.locator(".layers .code")).to_have_text(["低风险", "一般风险", "较大风险", "重大风险"])
    slider = page.locator(".options input[type=range]")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    until(page, "location.hash.includes('opacity=urban_villages:0.9')")
    page.locator(".options [title=上移一层]").click()
    until(page, "location.hash.includes('order=')")
    page.locator(".options [title=缩放到图层]").click()
    until(page, f"{MAP}.getZoom() > 11.5")
    page.locator(".options [title=只看此图层]").click()
    page.locator(f"{VILLAGES} .explain").click()
    expect(page.locator(".options")).to_have_count(0)
    page.locator(".seek input").fill("")
    visitor.idle()
    assert set(shown(page)) == {"urban_villages", "districts", "streets", "roads", "waterways", "buildings"}
    expect(page.locator(".legend dt")).to_have_text(["城中村"])
    page.locator(".seek input").fill("没有这个")
    expect(page.locator(".layers .nothing")).to_contain_text("没有这个")
    page.locator(".seek input").fill("")


def test_a_theme_is_one_choice_and_a_link(walk, address):
    themes = httpx.get(f"{address}/twin/themes", timeout=60).json()["themes"]
    flood = next(theme for theme in themes if theme["name"] == "flood_control")
    wanted = {*flood["base"], *(layer["id"] for layer in flood["layers"])}
    visitor = walk("#12.00/23.13000/113.35000&theme=flood_control")
    page = visitor.page
    expect(page.locator("select.topic")).to_have_value("flood_control")
    assert set(shown(page)) == wanted
    page.locator(f"{VILLAGES} .eye").click()
    assert set(shown(page)) == wanted | {"urban_villages"}
    page.locator("select.topic").select_option("overview")
    until(page, "location.hash.includes('theme=overview')")
    assert page.locator(f"{VILLAGES} .eye").get_attribute("aria-pressed") == "true"
    visitor.idle()
    tiles = page.evaluate(f"{MAP}.getSource('events')?.tiles?.[0] ?? ''")
    assert not tiles or "filter=stage%20NOT%20IN" in tiles


def test_the_panel_answers_before_it_lists_fields(walk, a_building):
    feature_id, _, lon, lat = a_building
    page = walk(f"#16.00/{lat:.5f}/{lon:.5f}&sel=buildings/{feature_id}").page
    panel = page.locator(".docked .feature")
    expect(panel.locator(".related .lies .link").first).to_be_visible()
    order = page.evaluate(
        "[...document.querySelectorAll('.docked .details > section')].map(section => section.className)"
    )
    assert order.index("related") < order.index("")
    inside = page.evaluate(
        f"(([lon, lat]) => {{ const at = {MAP}.project([lon, lat]).x; "
        "return at < document.querySelector('.docked .feature').getBoundingClientRect().left; })"
        f"([{lon}, {lat}])"
    )
    assert inside, "what was chosen is not below the panel"
    panel.locator(".related .lies .link").first.click()
    until(page, "location.hash.includes('sel=districts') || location.hash.includes('sel=streets')")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    page.locator(".maplibregl-canvas").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".docked .feature [role=tab]").first).to_be_visible()
    page.keyboard.press("Escape")


def test_the_search_finds_layers_names_codes_and_places(walk, a_building):
    feature_id, _, lon, lat = a_building
    page = walk().page
    page.keyboard.press("/")
    box = page.locator(".search input")
    expect(box).to_be_focused()
    options = page.locator(".search [role=option]")

    box.fill("水位")
    expect(options.filter(has_text="图层").first).to_contain_text("水位站")

    box.fill(feature_id)
    expect(options.filter(has_text="建筑物").first).to_be_visible()

    box.fill("石牌")
    street = options.filter(has_text="街道").first
    expect(street).to_contain_text("石牌")
    page.keyboard.press("Escape")

    box.fill(f"{lat:.5f}, {lon:.5f}")
    expect(options).to_have_count(3)
    expect(options.first).to_contain_text(f"{lon:.5f}, {lat:.5f}")
    centre = f"(({MAP}.getCenter().lng - {lon}) ** 2 + ({MAP}.getCenter().lat - {lat}) ** 2) ** 0.5"
    page.keyboard.press("Enter")
    until(page, f"{MAP}.getZoom() > 14 && {centre} < 0.004")
    page.keyboard.press("/")
    box.fill(f"{lon} {lat}")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    until(page, f"{centre} > 0.004")  # the same numbers in GCJ-02 are half a kilometre away
    box.fill("没有这样的名字啊")
    expect(page.locator(".search [role=status]")).to_contain_text("没有找到")
    box.fill("")


def test_a_car_moves_without_a_tile(walk, page_database):
    vehicles = read_definitions()["vehicles"]
    start, end = (113.3500, 23.1300), (113.3512, 23.1306)

    async def park(connection):
        await connection.execute(
            "INSERT INTO layer.vehicles (id, geom, vehicle_kind, data_grade) "
            "VALUES ('car-1', ST_SetSRID(ST_MakePoint($1, $2), 4490), 'bus', 1)",
            *start,
        )
        await refresh_statistics(connection, vehicles)

    async def drive(connection):
        change = {"kind": "position", "layer": "vehicles", "id": "car-1", "lon": end[0], "lat": end[1], "grade": 1}
        async with connection.transaction():
            await append(connection, [change])

    async def leave(connection):
        await connection.execute("DELETE FROM layer.vehicles WHERE id = 'car-1'")
        await refresh_statistics(connection, vehicles)

    def done(work):
        async def run():
            connection = await connect(page_database)
            try:
                await work(connection)
            finally:
                await connection.close()

        run_async(run())

    def is_at(place):
        return (
            f"{MAP}.getSource('vehicles') && {MAP}.querySourceFeatures('vehicles').some(one => "
            f"Math.hypot(one.geometry.coordinates[0] - {place[0]}, one.geometry.coordinates[1] - {place[1]}) < 1e-4)"
        )

    done(park)
    try:
        page = walk("#15.00/23.13000/113.35000").page
        until(page, is_at(start))
        asked = []
        page.on("request", lambda request: asked.append(request.url) if "/tiles/vehicles" in request.url else None)
        done(drive)
        until(page, is_at(end))
        assert not asked
    finally:
        done(leave)
