"""Pages of other origins: which may read, which may write, and the headers for them and for caches."""

from __future__ import annotations

import pytest

from server.http.origins import EXPOSED
from server.settings import load_settings
from tests.ogc.service import Service

MAP, OTHER = "https://map.example.gov.cn", "https://elsewhere.example"
READ = (
    "/ogc/collections/points/items",
    "/ogc/collections/points/items/r0001",
    "/ogc",
    "/styles/light.json",
    "/tiles/points.json",
    "/tiles/points/10/834/444.mvt",
    "/map.json",
    "/twin/feeds",
    "/health",
    "/asyncapi.json",
    "/openapi.json",
    "/ogc/collections/nowhere/items",
    "/nowhere",
    "/tiles/nowhere/0/0/0.mvt",
)
WRITE = (
    ("POST", "/feeds/anything"),
    ("POST", "/twin/refused/1/replay"),
    ("DELETE", "/ogc/collections/points/items/r1"),
)


def service_with(things_url, *origins):
    return Service(things_url, server={"origins": list(origins)})


@pytest.fixture(scope="module")
def named(things_url):
    running = service_with(things_url, MAP)
    yield running
    running.close()


@pytest.fixture(scope="module")
def anybody(things_url):
    running = service_with(things_url, "*", MAP)
    yield running
    running.close()


def ask(service, path, origin=None, method="GET", **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.ask(path, method=method, headers=({"origin": origin} if origin else {}) | sent)


def preflight(service, path, origin, method, headers="authorization"):
    asked = {"access_control_request_method": method, "access_control_request_headers": headers}
    return ask(service, path, origin, "OPTIONS", **asked)


def allowed(answer):
    return answer.headers.get("access-control-allow-origin")


def listed(answer, name):
    return {part.strip().lower() for value in answer.headers.get_list(name) for part in value.split(",")}


@pytest.mark.parametrize("path", READ)
def test_by_default_no_page_of_another_origin_reads(service, path):
    answer = ask(service, path, OTHER)
    assert allowed(answer) is None
    assert "origin" not in listed(answer, "vary")


@pytest.mark.parametrize("path", READ)
def test_a_named_origin_reads_every_answer_also_the_faults(named, path):
    answer = ask(named, path, MAP)
    assert allowed(answer) == MAP
    assert listed(answer, "access-control-expose-headers") >= {"link", "etag", "content-crs", "ogc-numbermatched"}
    for origin in (None, OTHER):
        answer = ask(named, path, origin)
        assert allowed(answer) is None
        assert "origin" in listed(answer, "vary"), "a cache would give one page the other's answer"


@pytest.mark.parametrize("path", READ)
def test_anybody_reads_where_the_setting_says_so(anybody, path):
    answers = [ask(anybody, path, origin) for origin in (None, OTHER, MAP, "null")]
    assert {allowed(answer) for answer in answers} == {"*"}


def test_what_clients_read_is_shown_to_them(anybody):
    page = ask(anybody, "/ogc/collections/points/items?limit=2&f=csv", OTHER)
    for name in ("Link", "ETag", "Content-Crs", "OGC-NumberMatched", "OGC-NumberReturned"):
        assert name in page.headers
        assert name in EXPOSED
    assert "Retry-After" in EXPOSED


@pytest.mark.parametrize(("method", "path"), WRITE)
def test_only_a_named_page_writes_and_no_page_rides_on_a_cookie(service, named, anybody, method, path):
    for running, origin, may in (
        (service, OTHER, False),
        (named, OTHER, False),
        (anybody, OTHER, False),
        (named, MAP, True),
        (anybody, MAP, True),
        (service, "http://map.test", True),  # its own page
        (service, None, True),  # no page at all
    ):
        answer = ask(running, path, origin, method)
        refused = answer.status_code == 403 and "server.origins" in answer.json().get("detail", "")
        assert refused is not may, (origin, answer.text)
        assert "access-control-allow-credentials" not in answer.headers


def test_a_page_behind_a_proxy_that_changes_the_host_is_still_ours(service):
    answer = ask(service, "/twin/refused/1/replay", OTHER, "POST", sec_fetch_site="same-origin")
    assert answer.status_code == 403
    assert "server.origins" not in answer.text


def test_a_search_too_long_for_an_address_is_reading(anybody):
    body = b'{"op": "=", "args": [{"property": "floors"}, 3]}'
    sent = {"origin": OTHER, "content-type": "application/json"}
    answer = anybody.ask("/ogc/collections/points/items", method="POST", headers=sent, content=body)
    assert answer.status_code == 200
    assert allowed(answer) == "*"


def test_preflights(service, named, anybody):
    for path in (*READ, *(path for _, path in WRITE)):
        assert preflight(service, path, OTHER, "GET").status_code == 403
        assert allowed(preflight(named, path, OTHER, "GET")) is None
        for running in (named, anybody):
            answer = preflight(running, path, MAP, "POST")
            assert answer.status_code == 204
            assert allowed(answer) in {MAP, "*"}
            assert {"get", "post", "delete"} <= listed(answer, "access-control-allow-methods")
            assert {"authorization", "content-type", "if-none-match"} <= listed(answer, "access-control-allow-headers")
        answer = preflight(anybody, path, OTHER, "GET")
        assert answer.status_code == 204
        assert "authorization" not in listed(answer, "access-control-allow-headers"), "a token for everybody"
        assert listed(answer, "access-control-allow-methods") == {"get", "head", "options", "post"}


def test_options_without_a_page_are_answered_as_before(named):
    answer = ask(named, "/ogc/collections/points/items", None, "OPTIONS")
    assert "GET" in answer.headers["allow"]


def test_a_fault_of_ours_is_told_to_the_page_too(named, monkeypatch):
    monkeypatch.setattr("server.routes.page.map_document", None)
    answer = ask(named, "/map.json", MAP)
    assert answer.status_code == 500
    assert allowed(answer) == MAP
    assert "the log has it" in answer.json()["detail"]


def test_the_setting_is_a_list_of_origins(monkeypatch):
    monkeypatch.setenv("ONEMAP_SERVER_ORIGINS", f"{MAP}, *")
    assert load_settings().server.origins == (MAP, "*")
    for wrong in ("map.example.gov.cn", f"{MAP}/", f"{MAP}/page", "https://Map.example", "", f"{MAP}\n"):
        with pytest.raises(Exception, match="origins"):
            load_settings(server={"origins": [wrong]})
