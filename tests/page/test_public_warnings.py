"""Warnings for everybody: a stranger sees them on the map and in the overview, and no other event."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import expect

from layers.database.connection import connect
from tests.databases import run_async, temporary_database
from tests.page.conftest import DESK, Visitor
from tests.page.waiting import until
from tests.readers import SHIPPED_POLICY
from tests.running_app import running_for_operator

WARN = """
INSERT INTO layer.events (id, geom, source, severity, stage, title, occurred_at, due_at, area_code, data_grade, area)
SELECT 'w', ST_PointOnSurface(geom), 'weather_warning', 'red', 'dispatch', '暴雨红色预警信号', now(),
    now() + interval '1 hour', '440106', 1, ST_AsGeoJSON(geom)::jsonb FROM layer.districts LIMIT 1
"""
HATCHED = "document.querySelector('.mapview').map.queryRenderedFeatures({layers: ['over-warned-fill']}).length > 0"


@pytest.fixture(scope="module")
def served(cluster, district_template, tmp_path_factory):
    """Address and database of a district under the shipped policy, whose events were loaded without a public one."""
    with temporary_database(cluster, district_template) as url:
        home = tmp_path_factory.mktemp("home")
        with running_for_operator(home, url, policy={"folder": SHIPPED_POLICY}) as address:
            yield address, url


async def execute(url, statement):
    connection = await connect(url)
    await connection.execute(statement)
    await connection.close()


def test_a_public_warning_reaches_strangers_and_no_other_event_does(served, browser):
    address, url = served
    items = f"{address}/ogc/collections/events/items?f=json"
    assert httpx.get(items, timeout=60).status_code == 404
    visitor = Visitor(browser, address, DESK)
    page = visitor.idle()
    run_async(execute(url, WARN))
    expect(page.locator(".warnings button")).to_contain_text("暴雨红色预警信号")
    expect(page.locator(".legend")).to_contain_text("预警范围")
    until(page, HATCHED)
    assert [feature["id"] for feature in httpx.get(items, timeout=60).json()["features"]] == ["w"]
    told = httpx.get(f"{address}/twin/overview", timeout=60).json()
    assert [one["id"] for one in told["lists"]["warnings"]["features"]] == ["w"]
    numbers = {one["id"]: one["value"] for one in told["indicators"]}
    assert numbers["warnings"] == 1
    assert not {"events_open", "events_recorded"} & numbers.keys()  # of the public rows alone they would mislead
    run_async(execute(url, "UPDATE layer.events SET stage = 'closed' WHERE id = 'w'"))
    expect(page.locator(".warnings")).to_have_count(0)
    expect(page.locator(".legend")).not_to_contain_text("预警范围")
    assert not visitor.unexpected()
    page.close()
