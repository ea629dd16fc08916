"""What is recorded of requests, and that nothing sensitive leaves without a record."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from layers.actor import Actor
from layers.audit.canonical import canonical
from server.audit.request_record import moment_of, read_text, request_record
from server.audit.touched import Touched
from server.identity.identity import Identity, keep_identity
from server.identity.subject import AuthMethod, Subject
from tests.ogc.service import Service
from tests.server.audit.conftest import Records, writer_of

ITEMS = "collections/points/items"
FORMS = ["json", "html", "jsonld", "csv", "jsonfg", "geojsonl"]


def test_a_page_of_grade_2_is_one_record(service: Service, records: Records):
    answer = service.ask(ITEMS, actor="street", bbox="113,23,114,24", headers={"user-agent": "QGIS/3.40"})
    (record,) = records()
    expected = {
        "chain": "general",
        "action": "search",
        "object": "points",
        "subject_id": "street",
        "area_scope": ["440106011"],
        "max_grade_touched": 2,
        "row_count": answer.json()["numberReturned"],
        "decision": "mask",
        "result_code": 200,
        "device": "QGIS/3.40",
        "request_id": answer.headers["x-request-id"],
    }
    assert {key: record.get(key) for key in expected} == expected
    assert record["filter_summary"]["bbox"] == "113,23,114,24"
    assert re.fullmatch("[0-9a-f]{32}", record["filter_summary"]["query"])
    assert record["client_ip"]
    assert record["duration_ms"] >= 0


def test_what_is_asked_for_is_not_in_the_record(service: Service, records: Records):
    service.ask(ITEMS, actor="operator", filter="contact='张三丰'", headers={"x": "张".encode()})
    (record,) = records()
    assert record["filter_summary"].keys() == {"query"}
    assert "张" not in str(record)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("feature", ["", "/r0003"])
def test_sensitive_data_is_recorded_before_it_leaves(service: Service, records: Records, form: str, feature: str):
    if feature and form in {"csv", "geojsonl"}:
        return
    answer = service.ask(ITEMS + feature, actor="operator", f=form)
    assert answer.status_code == 200
    stored = [record for record in records() if record["chain"] == "sensitive"]
    assert [record["object"] for record in stored] == ["points" + feature]
    assert stored[0]["max_grade_touched"] == 4
    assert stored[0]["fields_grade3"] == ["points.contact", "points.secret"]
    assert stored[0]["action"] == ("export" if form == "csv" else "read")


SENSITIVE = [
    *(f"/ogc/{ITEMS}?f={form}" for form in FORMS),
    f"/ogc/{ITEMS}/r0003",
    f"/ogc/{ITEMS}?resulttype=hits",
    "/tiles/points/12/3337/1776.mvt",
    "/ogc/collections/points/map?width=20&height=20",
    "/ogc/collections/points/map/tiles/WebMercatorQuad/12/1776/3337",
    "/twin/snapshot?layers=points",
    "/twin/nearby?layers=points&lon=113.3&lat=23.1&radius_m=100",
    "/twin/replay?layers=points&from=2026-06-08T09:00:00%2B08:00&to=2026-06-08T09:01:00%2B08:00",
    "/live?layers=points",
    "/live",
]


@pytest.mark.parametrize("path", SENSITIVE)
@pytest.mark.usefixtures("refusing")
def test_nothing_sensitive_leaves_when_it_cannot_be_recorded(service: Service, path: str):
    answer = service.ask(path, actor="operator")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "audit" in answer.text
    assert "张三" not in answer.text


@pytest.mark.usefixtures("refusing")
def test_public_and_internal_reads_go_on_meanwhile(service: Service):
    for actor in ("anonymous", "street", "masked"):
        assert service.ask(ITEMS, actor=actor).status_code == 200
    assert service.ask("/health", actor="operator").status_code == 200
    assert service.ask("collections", actor="operator").status_code == 200


def test_what_is_not_known_to_the_audit_is_taken_for_the_most(service: Service, records: Records):
    service.ask("/twin/unheard-of", actor="operator")  # there is no such address
    service.ask("/twin/refused", actor="operator")
    (record,) = records()
    assert (record["object"], record["max_grade_touched"]) == ("/twin/refused", 4)


@pytest.mark.parametrize(
    "path", ["/ogc", "/ogc/collections/points/queryables", "/map.json", "/tiles/points.json", "/twin/themes"]
)
def test_documents_are_not_recorded(service: Service, records: Records, path: str):
    assert service.ask(path, actor="operator").status_code == 200
    assert records() == []


@pytest.mark.parametrize("query", [b"", b"limit=5&bbox=113,23,114,24&x=%E5%BC%A0", b"datetime=2026-06-08/.."])
@pytest.mark.parametrize("who", [AuthMethod.TOKEN, None])
def test_a_record_that_is_made_later_says_the_same(query: bytes, who: AuthMethod | None):
    scope = {
        "type": "http", "method": "GET", "path": '/ogc/collections/points/items/"1', "query_string": query,
        "headers": [(b"user-agent", b"QGIS/3.40")], "client": ("10.0.0.7", 1),
    }  # fmt: skip
    actor = Actor("street", 2, ("440106011",), roles=("street_dispatcher",), purpose="防汛")
    if who is not None:
        keep_identity(scope, Identity(Subject("street", "李四", actor.roles, actor.area_prefixes, method=who), actor))
    note = Touched(actor, None, 'points/"1', 2, ("points.a",), ("everybody", "everybody"), masked=True, rows=3)
    key = bytes(32)
    now, later = (
        json.loads(text)
        for text in (
            canonical(request_record(scope, note, 200, key)),
            read_text(scope, note, 200, key, moment_of(note)),
        )
    )
    for record in now, later:
        assert record.pop("audit_id")
        assert record.pop("at") > "2026"
        assert record.pop("duration_ms") >= 0
    assert later == now


def test_tiles_are_counted_by_the_minute(service: Service, records: Records):
    for x in range(3330, 3335):
        service.ask(f"/tiles/points/12/{x}/1776.mvt", actor="street")
    (record,) = records()
    assert record["requests"] == 5
    assert (record["object"], record["subject_id"]) == ("tiles/points", "street")


def test_a_refusal_is_recorded_and_strangers_are_counted(service: Service, records: Records):
    for _ in range(3):
        service.ask("/metrics", actor="street")
        service.ask("/metrics", actor=None)
    found = records()
    assert [(r["subject_id"], r["decision"], r["result_code"], r.get("requests", 1)) for r in found] == [
        ("street", "deny", 403, 1),
        ("street", "deny", 403, 1),
        ("street", "deny", 403, 1),
        ("anonymous", "deny", 403, 3),
    ]


def test_an_unchanged_copy_is_recorded_too(service: Service, records: Records):
    first = service.ask(ITEMS, actor="operator")
    again = service.ask(ITEMS, actor="operator", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert [record["result_code"] for record in records()] == [200, 304]


def test_a_stream_is_recorded_when_it_begins_and_when_it_ends(service: Service, records: Records):
    answer = service.ask(
        "/twin/replay?layers=points&from=2026-06-08T09:00:00Z&to=2026-06-08T09:01:00Z", actor="operator"
    )
    assert answer.status_code == 200
    began, ended = records()
    assert (began["action"], ended["action"]) == ("replay", "replay")
    assert ended["detail"] == {"began": began["audit_id"]}


def test_problems_tell_the_id_of_the_request(service: Service):
    answer = service.ask("/metrics", actor="street")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_without_an_audit_nothing_is_recorded(service: Service, records: Records):
    from server.audit.audit import Audit  # noqa: PLC0415  # beside the state that it stands in

    shared: Any = service.app.state.shared
    writer = writer_of(service)
    service.app.state.shared = replace(shared, audit=Audit(None))
    assert service.ask(ITEMS, actor="operator").status_code == 200
    service.app.state.shared = shared
    assert writer.waiting == 0
    assert records() == []
