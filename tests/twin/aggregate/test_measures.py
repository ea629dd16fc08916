"""What is told of areas beside counts is what the items say: rates, medians, codes, the week before, another moment."""

from __future__ import annotations

import csv
import io
import statistics
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from layers.actor import Actor
from layers.database.connection import connect
from layers.policy.policy import Policy
from tests.impersonation import Impersonation
from tests.layers.read.policies import actor_of, role, rule
from tests.twin.aggregate.test_aggregate import HAPPENED
from tests.twin.service import ACTORS, serving

ELSEWHERE = "440106099001"
ARRIVED = datetime(2026, 6, 20, tzinfo=UTC)
FORGETFUL = Policy(
    (role("anonymous", 1), role("reader")), (rule("reads", "reader", operations=("read", "aggregate", "export")),)
)
_VERSIONS = """
INSERT INTO twin.event_version (event_id, phenomenon_time, source_version, stage, record, ingested_at)
SELECT 'late4', e.occurred_at + v.hours * interval '1 hour', v.hours, v.stage,
    jsonb_build_object(
        'stage', v.stage, 'area_code', e.area_code, 'occurred_at', e.occurred_at, 'event_class', e.event_class
    ),
    coalesce(v.arrived, e.occurred_at + v.hours * interval '1 hour')
FROM layer.events AS e CROSS JOIN (
    VALUES (0, 'file', NULL), (1, 'returned', $1::timestamptz), (2, 'handle', NULL)
) AS v (hours, stage, arrived) WHERE e.id = 'late4'
"""
SPAN = {"from": "2026-06-09T16:00:00Z", "to": "2026-06-16T16:00:00Z"}


@pytest.fixture(scope="module")
def district(cluster, district_template):
    """The application over the synthetic district, with events, some of which were sent back or are repeated."""
    with serving(cluster, district_template, _happen) as running:
        actors = {
            **ACTORS,
            "forgetful": actor_of(FORGETFUL, "reader"),
            "bound": Actor("bound", 4, (_busiest(running),)),
        }
        running.app.state.shared = replace(running.app.state.shared, authenticator=Impersonation(actors))
        yield running


async def _happen(url):
    connection = await connect(url)
    await connection.execute("DELETE FROM layer.events")
    await connection.execute(HAPPENED)
    await connection.execute("UPDATE layer.events SET duplicate_of = 'e1' WHERE right(id, 1) = '3'")
    await connection.execute(
        """INSERT INTO twin.event_version (event_id, phenomenon_time, source_version, stage, record)
        SELECT id, occurred_at, 1, 'returned', jsonb_build_object(
            'stage', 'returned', 'area_code', CASE WHEN right(id, 2) = '14' THEN $1::text ELSE area_code END
        ) FROM layer.events WHERE right(id, 1) = '4'""",
        ELSEWHERE,
    )
    await connection.execute(
        """INSERT INTO layer.events (id, occurred_at, stage, area_code, event_class, data_grade)
        SELECT 'late4', '2026-06-10T00:00:00Z', 'handle', area_code, '0101', 1 FROM layer.events WHERE id = 'e1'"""
    )
    await connection.execute(_VERSIONS, ARRIVED)
    await connection.close()


def _busiest(running):
    """The community with most events."""
    areas = running.json("/twin/aggregate", layer="events", by="community", f="json", **SPAN)["areas"]
    return max(areas, key=lambda area: area["count"])["code"]


@pytest.fixture(scope="module")
def items(district):
    found, address = [], "/ogc/collections/events/items?limit=10000"
    while address:
        page = district.json(address)
        found += [{"id": one["id"], **one["properties"]} for one in page["features"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    return found


def at(text):
    return datetime.fromisoformat(text)


def within(items, back=timedelta(0)):
    start, end = at(SPAN["from"]) - back, at(SPAN["to"]) - back
    return [one for one in items if start <= at(one["occurred_at"]) < end]


def aggregate(district, actor="operator", **asked):
    document = district.json("/twin/aggregate", actor=actor, layer="events", f="json", **asked)
    return {area["code"]: area for area in document["areas"]}


def measured(events):
    limited = [one for one in events if one["closed_at"] and one["due_at"]]
    in_time = [one for one in limited if at(one["closed_at"]) <= at(one["due_at"])]
    hours = [(at(one["closed_at"]) - at(one["occurred_at"])).total_seconds() / 3600 for one in limited]
    returned = [one for one in events if one["id"][-1] == "4" or one["stage"] == "returned"]
    repeated = [one for one in events if one["duplicate_of"]]
    return {
        "closed": len([one for one in events if one["closed_at"]]),
        "on_time": len(in_time),
        "on_time_rate": len(in_time) / len(limited) if limited else None,
        "returned": len(returned) if events else None,
        "repeated_rate": len(repeated) / len(events) if events else None,
        "median_close_h": statistics.median(hours) if hours else None,
        "max(data_grade)": max((one["data_grade"] for one in events), default=None),
    }


@pytest.mark.parametrize("by", ["community", "event_class"])
def test_measures_are_those_of_the_items(district, items, by):
    names = list(measured([]))
    found = aggregate(district, by=by, measures=",".join(names), **SPAN)
    field = "area_code" if by == "community" else by
    assert sum(area["count"] for area in found.values()) == len([one for one in within(items) if one[field]])
    for code, area in found.items():
        mine = [one for one in within(items) if one[field] == code]
        assert area["count"] == len(mine)
        expected = measured(mine) if mine else dict.fromkeys(names)
        assert {name: area[name] for name in names} == pytest.approx(expected, abs=1e-3), code


def test_what_an_event_was_while_it_was_in_another_area_counts_for_nobody_of_this_one(district, items):
    area = _busiest(district)
    mine = [one["id"] for one in within(items) if one["area_code"] == area and one["id"][-1] == "4"]
    elsewhere = [one for one in mine if one[-2:] == "14"]
    assert 0 < len(elsewhere) < len(mine)
    asked = {"by": "community", "measures": "returned", **SPAN}
    assert aggregate(district, **asked)[area]["returned"] == len(mine)
    assert aggregate(district, "bound", **asked)[area]["returned"] == len(mine) - len(elsewhere)


@pytest.mark.parametrize(
    ("asked", "returned"),
    [
        ({"at": "2026-06-10T00:30:00Z", "basis": "phenomenon"}, 0),
        ({"at": "2026-06-11T00:00:00Z", "basis": "phenomenon"}, 1),
        ({"at": "2026-06-11T00:00:00Z", "basis": "known"}, 0),
        ({"at": ARRIVED.isoformat(), "basis": "known"}, 1),
        ({}, 1),
    ],
)
def test_whether_an_event_was_returned_is_told_as_of_the_moment(district, asked, returned):
    found = aggregate(district, by="event_class", measures="returned", filter="id = 'late4'", **asked)
    (area,) = [area for area in found.values() if area["count"]]
    assert area["returned"] == returned


def test_who_may_not_look_back_does_not_learn_what_was_returned(district):
    asked = {"layer": "events", "by": "community", "f": "json"}
    answer = district.ask("/twin/aggregate", actor="forgetful", measures="returned_rate", **asked)
    assert answer.status_code == 400
    assert "closed_rate" in answer.json()["detail"]
    assert "allowed are" in answer.json()["detail"]
    assert ", returned" not in answer.json()["detail"]
    assert district.ask("/twin/aggregate", actor="forgetful", measures="closed_rate", **asked).status_code == 200


def test_every_code_has_a_row_with_its_words(district):
    found = aggregate(district, by="event_class", **SPAN)
    listed = district.app.state.shared.catalog.current.code_lists["event_class"].codes
    assert {one.code: one.label_zh for one in listed}.items() <= {
        code: area["name"] for code, area in found.items()
    }.items()
    assert any(area["count"] == 0 for area in found.values())


def test_a_count_stands_beside_that_of_the_same_weekdays(district, items):
    found = aggregate(district, by="community", compare="weekday", **SPAN)
    for code, area in found.items():
        before = len([one for one in within(items, timedelta(days=7)) if one["area_code"] == code])
        assert area["count_before"] == before
        assert area["change"] == (pytest.approx(area["count"] / before - 1, abs=1e-3) if before else None)
    table = district.ask("/twin/aggregate", layer="events", f="csv", by="community", compare="weekday", **SPAN).text
    head, *_ = csv.reader(io.StringIO(table.lstrip("\ufeff")))
    assert head[-2:] == ["count_before", "change"]


def test_a_moment_counts_what_items_tell_of_it(district):
    moment = {"at": "2026-06-12T00:00:00Z", "basis": "phenomenon"}
    counts = aggregate(district, by="community", **moment)
    seen = district.json("/ogc/collections/events/items?resulttype=hits", **moment)["numberMatched"]
    assert 0 < sum(area["count"] for area in counts.values()) <= seen < 4000
    code, area = max(counts.items(), key=lambda pair: pair[1]["count"])
    hits = district.json(f"/ogc/collections/events/items?resulttype=hits&area_code={code}", **moment)["numberMatched"]
    assert area["count"] == hits


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"measures": "median(nothing)"}, 400),
        ({"measures": "median(stage)"}, 400),
        ({"measures": "speed"}, 400),
        ({"measures": ",".join(f"max(x{n})" for n in range(11))}, 413),
        ({"compare": "weekday"}, 400),
        ({"compare": "year", **SPAN}, 400),
        ({"by": "title"}, 400),
        ({"at": "2126-01-01T00:00:00Z"}, 400),
        ({"basis": "known"}, 400),
    ],
)
def test_bad_questions_are_told_what_is_allowed(district, asked, status):
    answer = district.ask("/twin/aggregate", layer="events", **asked)
    assert answer.status_code in {status, 422}, answer.text


def test_the_audit_is_told_the_field_of_a_sum(district, monkeypatch):
    told = []
    monkeypatch.setattr("server.routes.aggregate.touch", lambda *_, **how: told.append(how))
    for measures in ("sum(quantity),median(beds_total)", None):
        asked = {"measures": measures} if measures else {}
        assert district.ask("/twin/aggregate", layer="emergency_resources", by="street", **asked).status_code == 200
    assert told == [
        {"fields": False, "computed": ("quantity", "beds_total")},
        {"fields": False, "computed": ()},
    ]
