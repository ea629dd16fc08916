"""Table 7.3 in a browser: five readers, each logged in with an account, open one feature after the other.

The pages of features are read without their scripts, which draw a map and write no field.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from layers.identity.accounts import add_account
from layers.identity.labels import IdentityLabels
from layers.identity.passwords import hash_password
from layers.policy.read import read_policy
from server.settings import load_settings
from tests.databases import temporary_database
from tests.layers.policy.district import District
from tests.layers.policy.features import FEATURES
from tests.layers.policy.test_table_7_3 import FULL, READERS, TABLE
from tests.page.conftest import DESK, Visitor
from tests.readers import SHIPPED_POLICY
from tests.running_app import running_app

PASSWORD = "correct horse battery staple"
PEOPLE = ("anonymous", "street", "grid", "analyst", "auditor")
TEXTS = {"description", "description_redacted", "name", "phone", "plate_no", "complainant_name", "complainant_phone",
         "contact_name", "contact_phone", "worker_id"}  # fmt: skip
"""Fields whose values a page shows as they are, and no other field of the feature holds."""


@pytest.fixture(scope="module")
def served(cluster, layers_template, tmp_path_factory):
    """Serve the features of the table under the shipped policy, with an account for each reader; before the browser."""
    policy = read_policy(SHIPPED_POLICY)
    with temporary_database(cluster, layers_template) as url:
        district = District(url)
        for name in PEOPLE[1:]:
            asked = READERS[name]
            roles, attributes = (asked["role"],), dict(asked.get("attributes", ()))
            labels = IdentityLabels(roles, tuple(asked.get("areas", ())), (), policy.clearance_of(roles), attributes)
            account = {"title": name, "password_hash": hash_password(PASSWORD), "demo": name == "auditor"}  # no code
            district.run(add_account(district.connection, name, labels, **account))
        settings = load_settings(
            home=tmp_path_factory.mktemp("home"), database={"url": url}, policy={"folder": SHIPPED_POLICY}
        )
        with running_app(settings) as address:
            yield address
        district.close()


def log_in(page, address, name):
    """Log in by the form."""
    page.goto(f"{address}/login?next=/status")
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("#local button").click()
    expect(page.locator(".account .who")).to_have_text(name)


def features_of(reader):
    """Yield each feature of the table with the fields of it that a page shows as they are, and their marks."""
    cells = [param.values for param in TABLE if param.values[3] == reader]
    for layer, feature in dict.fromkeys((layer, feature) for layer, _, feature, _, _ in cells):
        stored = next(values for name, _, values in FEATURES[layer] if name == feature)
        marks = {field: mark for of, field, one, _, mark in cells if (of, one) == (layer, feature) and field in TEXTS}
        yield layer, feature, {stored[field]: mark for field, mark in marks.items()}


@pytest.mark.parametrize("reader", PEOPLE)
def test_a_reader_who_logged_in_sees_what_the_table_says(served, browser, reader):
    visitor = Visitor(browser, served, DESK, None)
    visitor.expects("404")
    page = visitor.page
    if reader != "anonymous":
        log_in(page, served, reader)
    page.context.new_cdp_session(page).send("Emulation.setScriptExecutionDisabled", {"value": True})
    seen = 0
    for layer, feature, marks in features_of(reader):
        page.goto(f"{served}/ogc/collections/{layer}/items/{feature}?f=html")
        text = page.locator("body").inner_text()
        for value, mark in marks.items():
            assert (value in text) == (mark == FULL), (layer, feature, value)
            seen += mark == FULL
    assert seen or reader in {"anonymous", "analyst"}
    faults = visitor.unexpected()
    page.close()
    assert not faults


def test_a_layer_is_drawn_for_who_sees_some_of_its_rows(served, browser):
    """Where a layer lies is not told to who sees a part of it; it is drawn without."""
    page = Visitor(browser, served, DESK, None).page
    log_in(page, served, "street")
    sources = page.context.request.get(f"{served}/styles/dark.json").json()["sources"]
    assert {"events", "video_points", "grid_workers", "vehicles"} <= set(sources)
    assert "bounds" not in sources["events"]
