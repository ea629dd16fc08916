"""Items beside the features themselves: errors, caching, compression, links, representations."""

from __future__ import annotations

import gzip
import json

import pytest

ITEMS = "collections/points/items"


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"colour": "red"}, ("colour", "bbox")),
        ({"filter": "nothing = 1"}, ("nothing", "floors")),
        ({"filter": "floors = 'x'"}, ("floors",)),
        ({"floors": "x"}, ("floors", "x")),
        ({"datetime": "yesterday"}, ("datetime", "yesterday")),
        ({"limit": "0"}, ("limit", "0")),
        ({"offset": "-1"}, ("offset", "-1")),
        ({"bbox": "1,2,3"}, ("bbox",)),
        ({"bbox": "1,9,3,4"}, ("bbox", "9")),
        ({"sortby": "tags"}, ("tags", "floors")),
        ({"properties": "nothing"}, ("nothing", "floors")),
        ({"skipGeometry": "perhaps"}, ("skipGeometry", "true")),
        ({"resulttype": "x"}, ("resulttype", "hits")),
        ({"filter": "floors = 1", "filter__lang": "xpath"}, ("xpath", "cql2-text")),
        ({"f": "xml"}, ("xml", "json")),
    ],
)
def test_what_is_wrong_is_told_with_what_is_allowed(service, slow, asked, words):
    answer = service.ask(ITEMS, slow=slow, **asked)
    assert answer.status_code == 400
    body = answer.json()
    assert {"code", "description"} <= body.keys()
    for word in words:
        assert word in body["description"]


@pytest.mark.parametrize("slow", [False, True])
def test_text_comes_as_it_is(service, slow):
    answer = service.ask(f"{ITEMS}/r0001", slow=slow)
    assert answer.json()["properties"]["name"] == 'a<b & "c" 1'
    assert "&lt;" not in answer.text


@pytest.mark.parametrize("slow", [False, True])
def test_media_type_follows_what_is_accepted(service, slow):
    for accept in ("application/geo+json", "application/json", "*/*", "", "text/html;q=0, */*"):
        answer = service.ask(ITEMS, slow=slow, headers={"accept": accept})
        assert answer.headers["content-type"] == "application/geo+json", accept
    browser = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    assert service.ask(ITEMS, slow=slow, headers=browser).headers["content-type"].startswith("text/html")


def test_datetime_has_the_meaning_of_a_day(service):
    day = service.json(ITEMS, datetime="2026-01-05", actor="operator", limit="100")["features"]
    assert day
    assert all(feature["properties"]["seen_at"].startswith("2026-01-05") for feature in day)
    open_end = service.json(ITEMS, datetime="2026-01-05/", actor="operator")["numberMatched"]
    assert open_end == service.json(ITEMS, datetime="2026-01-05/..", actor="operator")["numberMatched"]
    before = service.json(ITEMS, datetime="../2026-01-04", actor="operator")["numberMatched"]
    assert before + open_end == 200
    assert service.json(ITEMS, datetime="1980-01-01")["numberMatched"] == 0
    assert service.json("collections/areas/items", datetime="1980-01-01")["numberMatched"] == 100  # no time: all match


async def _take_all(pool):
    return [await pool.acquire() for _ in range(pool.get_max_size())]


async def _give_back(pool, connections):
    for connection in connections:
        await pool.release(connection)


def test_a_copy_that_is_current_costs_no_query(own_service):
    first = own_service.ask(ITEMS)
    again = {"if-none-match": first.headers["etag"]}
    shared = own_service.app.state.shared
    taken = [
        own_service.run(_take_all(pool)) for pool in (shared.pool, shared.lookups)
    ]  # no other request gets a connection
    try:
        unchanged = own_service.ask(ITEMS, headers=again)
        since = own_service.ask(ITEMS, headers={"if-modified-since": first.headers["last-modified"]})
    finally:
        for pool, connections in zip((shared.pool, shared.lookups), taken, strict=True):
            own_service.run(_give_back(pool, connections))
    assert unchanged.status_code == since.status_code == 304
    assert unchanged.content == b""
    assert unchanged.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize("path", ["/ogc", "collections", "collections/points", "collections/points/schema", "openapi"])
def test_documents_have_tags_too(service, path):
    tag = service.ask(path).headers["etag"]
    assert service.ask(path, headers={"if-none-match": tag}).status_code == 304
    assert service.ask(path, lang="en", headers={"if-none-match": tag}).status_code in {200, 304}


def test_answers_are_compressed_for_those_who_can_read_it(service):
    packed = service.ask(ITEMS, limit="100", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    plain = service.ask(ITEMS, limit="100", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert packed.json()["features"] == plain.json()["features"]
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 4
    assert gzip.compress(b"")  # httpx unpacked it


def test_text_sequence_has_a_feature_a_line_and_leads_on(service):
    answer = service.ask(ITEMS, f="geojsonl", limit="7")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["id"] for line in lines] == [f["id"] for f in service.json(ITEMS, limit="7")["features"]]
    assert 'rel="next"' in answer.headers["link"]
    assert answer.headers["ogc-numbermatched"] == "100"


@pytest.mark.parametrize("path", ["/ogc", "collections", "collections/points/schema", "collections/points/items/r0001"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
def test_writing_is_refused(service, path, method):
    answer = service.ask(path, method=method, content=b"{}", headers={"content-type": "application/geo+json"})
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


def test_a_feature_sent_to_items_is_refused(service):
    answer = service.ask(
        ITEMS, method="POST", content=b"{}", headers={"content-type": "application/geo+json; charset=utf-8"}
    )
    assert answer.status_code == 400
    assert "CQL2" in answer.json()["description"]


def test_head_and_options(service):
    head = service.ask("collections", method="HEAD")
    assert head.status_code == 200
    assert head.content == b""
    assert "GET" in service.ask(ITEMS, method="OPTIONS").headers["allow"]


@pytest.mark.parametrize("slow", [False, True])
def test_a_filter_without_a_media_type_is_read_as_json(service, slow):
    content = b'{"op": "=", "args": [{"property": "id"}, "r0001"]}'
    answer = service.ask(ITEMS, slow=slow, method="POST", content=content)
    assert [feature["id"] for feature in answer.json()["features"]] == ["r0001"]
    assert service.ask(ITEMS, slow=slow, method="POST", content=b"not json").status_code == 400


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("T_INTERSECTS(seen_at, INTERVAL('2026-01-05T00:00:00Z', '2026-01-05T23:59:59Z'))", 4),
        ("S_INTERSECTS(geom, BBOX(113.299, 23.099, 113.301, 23.101))", 1),
        ("name = 'a<b & \"c\" 1'", 1),
    ],
)
def test_filters_that_pygeoapi_alone_cannot_read(service, slow, text, number):
    assert service.json(ITEMS, slow=slow, filter=text, actor="operator")["numberMatched"] == number
