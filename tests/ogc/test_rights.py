"""Hidden data is in no answer and cannot be inferred from any request."""

from __future__ import annotations

import csv
import io

import pytest

WAYS = ["json", "html", "jsonld", "csv", "jsonfg", "geojsonl"]
SEEN = {  # i-th row: grade 1 + i % 4, area 4401060(11 + i % 3)
    "anonymous": lambda i: i % 4 < 2,
    "operator": lambda _: True,
    "street": lambda i: i % 4 < 2 and i % 3 == 0,
    "masked": lambda i: i % 4 < 2,
}


def ids_seen(actor):
    return [f"r{i:04}" for i in range(200) if SEEN[actor](i)]


@pytest.mark.parametrize("actor", SEEN)
@pytest.mark.parametrize("slow", [False, True])
def test_rows_and_their_number_are_those_one_may_see(service, actor, slow):
    page = service.json("collections/points/items", actor=actor, slow=slow, limit="1000")
    assert [feature["id"] for feature in page["features"]] == ids_seen(actor)
    hits = service.json("collections/points/items", actor=actor, slow=slow, resulttype="hits")
    assert hits["numberMatched"] == len(ids_seen(actor)) == service.json("collections/points", actor=actor)["itemCount"]
    assert hits["features"] == []


@pytest.mark.parametrize("actor", SEEN)
@pytest.mark.parametrize("slow", [False, True])
def test_a_row_out_of_sight_does_not_exist(service, actor, slow):
    for i in range(12):
        answer = service.ask(f"collections/points/items/r{i:04}", actor=actor, slow=slow)
        assert answer.status_code == (200 if SEEN[actor](i) else 404)


@pytest.mark.parametrize("form", WAYS)
def test_values_out_of_sight_are_in_no_form(service, form):
    for path in ["collections/points/items?limit=1000", "collections/points/items/r0001"]:
        if form in {"csv", "geojsonl"} and path.endswith("r0001"):
            continue
        text = service.ask(path, f=form).text
        for hidden in ("张三", "张*", "secret", "never", "contact"):
            assert hidden not in text, (path, hidden)
        masked = service.ask(path, f=form, actor="masked").text
        assert "张**" in masked
        assert "张三" not in masked
        assert "张三" in service.ask(path, f=form, actor="operator").text
        assert "never" not in service.ask(path, f=form, actor="operator").text


def test_a_csv_holds_the_rows_one_may_see(service):
    text = service.ask("collections/points/items", f="csv", limit="1000", actor="street").content.decode("utf-8-sig")
    assert [row["id"] for row in csv.DictReader(io.StringIO(text))] == ids_seen("street")


@pytest.mark.parametrize("actor", ["anonymous", "masked"])
@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize(
    "asked",
    [
        {"filter": "secret LIKE 's%'"},
        {"filter": "contact = '张三'"},
        {"filter": "CASEI(contact) = '张三'"},
        {"filter": "inner IS NOT NULL"},
        {"sortby": "contact"},
        {"sortby": "-secret"},
        {"secret": "secret"},
        {"contact": "张三"},
        {"properties": "secret"},
        {"properties": "inner"},
    ],
)
def test_nothing_can_be_found_out_by_asking(service, actor, slow, asked):
    answer = service.ask("collections/points/items", actor=actor, slow=slow, **asked)
    assert answer.status_code == 400
    assert "allowed" in answer.json()["description"]
    assert "inner" not in answer.json()["description"].partition("allowed are")[2].split(", ")


def test_the_description_of_the_interface_keeps_secrets_too(service):
    for actor, told in [("anonymous", False), ("operator", True)]:
        text = service.ask("openapi", f="json", actor=actor).text
        assert ("secret" in text) is told
        assert ("/collections/hidden" in text) is told
        assert "inner" not in text


def test_one_audience_never_gets_the_answer_of_another(service):
    tags = {service.ask("collections/points/items", actor=actor).headers.get("etag", actor) for actor in SEEN}
    assert len(tags) == len(SEEN)
    for actor in SEEN:
        assert "hidden" not in service.ask("collections", actor=actor).text or actor == "operator"


def test_a_wrong_token_is_told(service):
    answer = service.ask("collections", actor=None, headers={"authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "NotAuthenticated"
