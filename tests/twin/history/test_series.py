"""A series is what its raw values are, however it is read: from the roll-up, from history, late or corrected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.database.connection import Role, connect
from tests.databases import run_async
from tests.twin.history.conftest import AREA, DAY, levels
from tests.twin.service import ACTORS
from twin.store.five_minutes import BUCKETS

ADDRESS = "/twin/features/water_level_stations/S1/observations"
LENGTHS = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1), "1d": timedelta(days=1)}
WEEK = {"from": DAY.isoformat(), "to": (DAY + timedelta(days=7)).isoformat()}


def counting(known_at=None):
    """Return the rows that count, by time."""
    found = {}
    for row in levels():
        if known_at is None or row[8] <= known_at:
            found[row[2]] = row
    return found


def bucketed(rows, length):
    buckets = {}
    for at in sorted(rows):
        buckets.setdefault(at - (at - DAY) % length, []).append(rows[at])
    return {
        start: {
            "mean": sum(r[3] for r in some) / len(some),
            "min": min(r[3] for r in some),
            "max": max(r[3] for r in some),
            "last": some[-1][3],
            "count": len(some),
            "sum": sum(r[3] for r in some),
            "n": len(some),
            "flagged": sum(r[6] not in {None, "good"} for r in some),
        }
        for start, some in buckets.items()
    }


def read(history, **asked):
    answer = history.json(ADDRESS, property="level_m", **asked)
    return {datetime.fromisoformat(one.pop("time")): one for one in answer["observations"]}


@pytest.mark.parametrize("step", LENGTHS)
@pytest.mark.parametrize("known", [None, DAY + timedelta(days=2, hours=5)])
def test_a_week_is_what_its_values_are(history, step, known):
    asked = {"agg": "mean,min,max,last,count,sum", "step": step, **WEEK}
    if known:
        asked |= {"at": known.isoformat()}
    expected = bucketed(counting(known), LENGTHS[step])
    found = read(history, **asked)
    assert found.keys() == expected.keys(), "gaps stay gaps"
    for start, bucket in found.items():
        assert bucket == pytest.approx(expected[start], abs=1e-6), start


@pytest.mark.parametrize("step", LENGTHS)
@pytest.mark.parametrize("basis", ["known", "phenomenon"])
@pytest.mark.parametrize("at", [DAY + timedelta(hours=5, minutes=33), DAY + timedelta(days=3, hours=1, seconds=200)])
def test_the_last_bucket_of_a_moment_has_nothing_that_came_later(history, step, basis, at):
    rows = counting(at if basis == "known" else None)
    expected = bucketed({when: row for when, row in rows.items() if when <= at}, LENGTHS[step])
    found = read(history, at=at.isoformat(), basis=basis, agg="last,count,sum", step=step, **{"from": WEEK["from"]})
    assert found.keys() == expected.keys()
    for start, bucket in found.items():
        assert bucket == pytest.approx({name: expected[start][name] for name in bucket}, abs=1e-6), start


def test_raw_values_are_those_that_count_with_their_flags(history):
    expected = {at: {"value": row[3]} | ({"quality_flag": row[6]} if row[6] else {}) for at, row in counting().items()}
    assert read(history, step="raw", **WEEK) == expected


@settings(max_examples=15)
@given(start=st.integers(0, 7 * 86_400), hours=st.integers(1, 60), step=st.sampled_from(sorted(LENGTHS)))
def test_any_span_is_of_whole_buckets(history, start, hours, step):
    first = DAY + timedelta(seconds=start)
    last = first + timedelta(hours=hours)
    length = LENGTHS[step]
    expected = {at: bucket for at, bucket in bucketed(counting(), length).items() if at < last and at + length > first}
    found = read(history, step=step, agg="count", **{"from": first.isoformat(), "to": last.isoformat()})
    assert {at: one["count"] for at, one in found.items()} == {at: one["count"] for at, one in expected.items()}


def test_an_answer_says_what_it_is_of(history):
    document = history.json(ADDRESS, property="level_m", step="1d", **WEEK)
    head = {name: document[name] for name in ("layer", "id", "property", "title_zh", "title_en", "unit", "step")}
    assert head == {
        "layer": "water_level_stations", "id": "S1", "property": "level_m", "title_zh": "水位",
        "title_en": "Water level", "unit": "m", "step": "1d",
    }  # fmt: skip
    assert document["number_returned"] == 7
    assert datetime.fromisoformat(document["observations"][0]["time"]).astimezone(UTC) == DAY


def test_texts_are_told_raw(history):
    span = {"from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat()}
    found = history.json(ADDRESS, property="online_status", **span)["observations"]
    assert [one["text"] for one in found] == ["online"] * 3


def test_csv_has_the_same_rows(history):
    rows = history.ask(ADDRESS, property="level_m", step="1h", agg="max", f="csv", **WEEK).text.splitlines()
    assert rows[0].lstrip("\ufeff") == "time,max,n,flagged"
    assert len(rows) - 1 == len(read(history, step="1h", agg="max", **WEEK))


@pytest.mark.parametrize(
    ("asked", "parameter", "status"),
    [
        ({"property": "no_such"}, "property", 400),
        ({"property": "level_m", "step": "2h"}, "step", 400),
        ({"property": "level_m", "step": "1h", "agg": "median"}, "agg", 400),
        ({"property": "level_m", "agg": "mean"}, "agg", 400),
        ({"property": "level_m", "from": "2126-01-01T00:00:00Z"}, "from", 400),
        ({"property": "level_m", "from": "yesterday"}, "from", 400),
        ({"property": "level_m", "from": "2026-06-08T00:00:00"}, "from", 400),
        ({"property": "level_m", "from": "1026-01-01T00:00:00Z"}, "from", 400),
        ({"property": "level_m", "from": "2026-06-08T00:00:00Z", "to": "2026-06-07T00:00:00Z"}, "to", 400),
        ({"property": "level_m", "at": "2126-01-01T00:00:00Z"}, "at", 400),
        ({"property": "level_m", "step": "5m", "from": "1926-01-01T00:00:00Z"}, "from", 413),
        ({"property": "level_m", "step": "5m", "from": "1956-01-01T00:00:00Z"}, "step", 413),
        ({"property": "level_m", "step": "raw", "from": "2026-01-01T00:00:00Z"}, "step", 413),
        ({"property": "level_m", "f": "parquet2"}, "f", 400),
    ],
)
def test_bad_questions_are_told_what_is_allowed(history, asked, parameter, status):
    answer = history.ask(ADDRESS, **asked)
    assert answer.status_code == status, answer.text
    assert answer.json()["parameter"] == parameter


def test_a_property_that_is_not_there_is_told_beside_those_that_are(history):
    text = history.ask(ADDRESS, property="x").json()["detail"]
    assert "level_m" in text
    assert "turbidity" in text


@pytest.mark.parametrize(
    ("actor", "status"), [("operator", 200), ("officer", 200), ("neighbour", 404), ("public", 404)]
)
def test_who_does_not_see_the_station_does_not_learn_of_its_series(history, actor, status):
    assert ACTORS["officer"].area_prefixes == (AREA,)
    assert history.ask(ADDRESS, property="level_m", actor=actor).status_code == status
    hidden = history.ask(ADDRESS.replace("S1", "S2"), property="level_m", actor="anonymous")
    missing = history.ask(ADDRESS.replace("S1", "S9"), property="level_m", actor="anonymous")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["detail"].replace("S2", "S9") == missing.json()["detail"]


def test_a_week_is_read_from_the_roll_up_by_its_key(history):
    async def plan():
        connection = await connect(history.url, Role.READ)
        try:
            asked = "S1", "level_m", DAY, DAY + timedelta(days=1)
            return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN (ANALYZE) {BUCKETS}", *asked))
        finally:
            await connection.close()

    told = run_async(plan())
    assert "observation_5min_pkey" in told
    assert "Seq Scan on observation_2" not in told
    assert told.count("never executed") >= 1, "history of the closed days is not read"
