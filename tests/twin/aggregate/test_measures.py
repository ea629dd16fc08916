"""What is told of areas beside counts is what the items say: rates, medians, codes, the week before, another moment."""

from __future__ import annotations

import csv
import io
import statistics
from datetime import datetime, timedelta

import pytest

from layers.database.connection import connect
from tests.databases import run_async, temporary_database
from tests.twin.aggregate.test_aggregate import HAPPENED
from tests.twin.service import TwinService

SPAN = {"from": "2026-06-09T16:00:00Z", "to": "2026-06-16T16:00:00Z"}


@pytest.fixture(scope="module")
def district(cluster, district_template):
    """The application over the synthetic district, with events, some of which were sent back or are repeated."""
    with temporary_database(cluster, district_template) as url:
        run_async(_happen(url))
        running = TwinService(url)
        yield running
        running.close()


async def _happen(url):
    connection = await connect(url)
    await connection.execute("DELETE FROM layer.events")
    await connection.execute(HAPPENED)
    await connection.execute("UPDATE layer.events SET duplicate_of = 'e1' WHERE right(id, 1) = '3'")
    await connection.execute(
        """INSERT INTO twin.event_version (event_id, phenomenon_time, source_version, stage, record)
        SELECT id, occurred_at, 1, 'returned', '{}' FROM layer.events WHERE right(id, 1) = '4'"""
    )
    await connection.close()


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


def aggregate(district, **asked):
    document = district.json("/twin/aggregate", layer="events", f="json", **asked)
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
