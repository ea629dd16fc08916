"""Pages of our own over HTTP: languages, links, errors for people and for programs, and what each reader is shown."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest

from layers.definition import read_definitions
from tests.ogc.service import BASE, Service
from tests.ogc.test_pages import Reader

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PAGES = (
    "/guide",
    "/guide/tiles",
    "/guide?q=GeoParquet",
    "/catalog",
    "/catalog/vehicles",
    "/status",
    "/docs",
    "/nothing",
)


@pytest.fixture(scope="module")
def service(served_layers_url: str) -> Iterator[Service]:
    running = Service(served_layers_url)
    yield running
    running.close()


def show(service: Service, path: str, actor: str = "operator", language: str = "zh-CN") -> tuple[Reader, str, int]:
    answer = service.ask(path, headers={**HTML, "accept-language": language}, actor=actor)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-language"] == language
    return Reader(answer.text), answer.text, answer.status_code


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_page_is_in_both_languages_and_loads_and_links_nothing_that_is_missing(service, language):
    asked = set()
    for path in PAGES:
        page, text, status = show(service, path, language=language)
        assert status == (404 if path == "/nothing" else 200)
        assert page.language == language
        assert text.count("<h1") >= 1
        assert {urlsplit(address).netloc for address in page.loaded} <= {"map.test", ""}
        asked |= {one for one in (*page.loaded, *page.followed) if one.startswith(BASE)}
    left_out = ("/twin/download", "/live?", "limit=all", "/nothing")  # heavy, endless, not there
    for address in sorted(asked):
        if not any(part in address for part in left_out):
            answer = service.ask(address.partition("#")[0], headers=HTML, actor="operator")
            assert answer.status_code == 200, (address, answer.text[:200])


def test_a_person_gets_a_page_and_a_program_problem_details(service):
    for path, status in (("/nothing", 404), ("/catalog/nothing", 404), ("/twin/nearby?lon=x", 400), ("/audit", 403)):
        _, text, given = show(service, path, actor="street")
        assert given == status
        assert f"{BASE}/guide" in text
        assert ("/login?next=" in text) == (status == 403)
        for accept in ("application/json", "*/*", "application/json,text/html;q=0.5", "image/png"):
            answer = service.ask(path, headers={"accept": accept}, actor="street")
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json", accept
        posted = service.ask(path, method="POST", headers=HTML, actor="street")
        assert posted.headers["content-type"] == "application/problem+json"
    _, text, _ = show(service, "/nothing/<b>x</b>")
    assert "<b>x" not in text


def test_an_error_page_says_what_is_wrong_in_a_language_even_when_the_language_is_wrong(service):
    answer = service.ask("/catalog?lang=fr", headers=HTML)
    assert answer.status_code == 400
    assert "lang is &#39;fr&#39;" in answer.text


def test_the_catalogue_shows_each_reader_what_he_may_see(service):
    for actor in ("street", "masked", "operator"):
        visible = {one["id"] for one in service.json("/ogc/collections?f=json", actor=actor)["collections"]}
        layers = visible & read_definitions().keys()
        page, _, _ = show(service, "/catalog", actor=actor)
        linked = {urlsplit(one).path.removeprefix("/catalog/") for one in page.followed if "/catalog/" in one}
        assert linked - {"qgis.xml"} == layers
    assert show(service, "/catalog/vehicles", actor="street")[2] == 404


def test_a_collection_shows_the_fields_of_its_schema_and_its_codes(service):
    for actor in ("anonymous", "operator"):
        schema = service.json("/ogc/collections/events/schema?f=json", actor=actor)["properties"]
        _, text, _ = show(service, "/catalog/events", actor=actor)
        shown = {name for name in read_definitions()["events"].by_name if f"<td><code>{name}</code></td>" in text}
        assert shown == schema.keys() - {"id", "geometry"}
        labels = [one["title"] for one in schema["stage"]["oneOf"]]
        assert all(label in text for label in labels)


def test_links_of_a_collection_are_those_that_apply(service):
    for name, applies in {"vehicles": {"Moving"}, "iot_devices": {"SensorThings", "EDR"}, "addresses": set()}.items():
        _, text, _ = show(service, f"/catalog/{name}")
        told = {word for word in ("Moving", "SensorThings", "EDR") if word in text}
        assert told == applies, name


def test_qgis_gets_a_connection_to_this_server(service):
    answer = service.ask("/catalog/qgis.xml")
    (connection,) = ET.fromstring(answer.content)  # noqa: S314  # ours
    assert connection.attrib["url"] == f"{BASE}/ogc"
    assert connection.attrib["version"] == "OGC_API_FEATURES"
    assert connection.attrib["pagingenabled"] == "true", "QGIS knows no other spelling"
    assert "attachment" in answer.headers["content-disposition"]


def test_feeds_are_shown_with_their_state_and_are_where_operators_are(service, served_layers_url):
    told = service.json("/twin/feeds", actor="operator")
    _, text, _ = show(service, "/status")
    assert told["feeds"]
    for feed in told["feeds"]:
        assert f'<tr id="{feed["name"]}">' in text
        assert feed["title_zh"] in text
    elsewhere = Service(served_layers_url, server={"admin_port": 8001})
    try:
        assert elsewhere.ask("/status", headers=HTML).status_code == 404
        assert "/status" not in elsewhere.ask("/catalog", headers=HTML).text
    finally:
        elsewhere.close()


def test_an_empty_field_of_a_form_is_no_condition(service):
    empty = "f=html&lang=zh-CN&filter=&sortby=&limit=5"
    assert show(service, f"/ogc/collections/grids/items?{empty}")[2] == 200
    assert service.ask("/ogc/collections/grids/items?f=json&filter=").status_code == 400
