"""Tests of the legend in the layer list, in the language of the page."""

from __future__ import annotations

from playwright.sync_api import expect


def test_a_layer_explains_its_colours(visit):
    page = visit().idle()
    row = page.locator('[data-layer="urban_villages"]')
    expect(page.locator(".layers .code")).to_have_count(0)
    row.locator(".explain").click()
    expect(page.locator(".layers .code")).to_have_text(["低风险", "一般风险", "较大风险", "重大风险"])
    page.locator("header button[lang=en]").click()
    expect(page.locator('[data-layer="urban_villages"] .explain')).to_have_attribute(
        "aria-label", "Legend and options of Urban villages"
    )
