"""Counts by steps of time: every event of a span is in the step in which it occurred; empty steps are there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.catalog import read_catalog
from layers.clause import Clause
from layers.database.connection import connect
from layers.read.query import ItemsQuery, page
from layers.read.sort_keys import SortKey
from tests.databases import run_async
from tests.twin.service import ACTORS, serving
from twin.aggregate.steps import STEPS_S

BEGAN = datetime(2026, 6, 8, tzinfo=UTC)
HAPPENED = """
INSERT INTO layer.events (id, geom, source, stage, occurred_at, closed_at, due_at, data_grade)
SELECT 'e' || n, ST_SetSRID(ST_Point(113.36, 23.13), 4490), 'hotline',
    CASE WHEN n % 3 = 0 THEN 'closed' ELSE 'handle' END,
    '2026-06-08T00:00:00Z'::timestamptz + (n * 7919 % 172800) * interval '1 second',
    CASE WHEN n % 3 = 0 THEN '2026-06-18T00:00:00Z'::timestamptz END, '2026-06-09T00:00:00Z', 1 + n % 4
FROM generate_series(1, 600) AS n
"""


@pytest.fixture(scope="module")
def two_days(cluster, district_template):
    """The application with 600 events of four grades, spread over two days."""

    async def happen(url):
        connection = await connect(url)
        await connection.execute(HAPPENED)
        await connection.close()

    with serving(cluster, district_template, happen) as running:
        yield running


@settings(max_examples=12, deadline=None)
@given(
    step=st.sampled_from(["5m", "15m", "1h", "6h", "1d"]),
    start_s=st.integers(-90_000, 200_000),
    length_s=st.integers(1, 200_000),
    actor=st.sampled_from(["anonymous", "operator", "officer"]),
)
def test_a_step_counts_the_events_that_occurred_in_it(two_days, step, start_s, length_s, actor):
    start = BEGAN + timedelta(seconds=start_s)
    end = start + timedelta(seconds=length_s)
    span = {"from": start.isoformat(), "to": end.isoformat()}
    answer = two_days.ask("/twin/aggregate", layer="events", by=f"time:{step}", actor=actor, f="json", **span)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    first, last = f"{start:%Y-%m-%dT%H:%M:%SZ}", f"{end:%Y-%m-%dT%H:%M:%SZ}"
    text = f"occurred_at >= TIMESTAMP('{first}') AND occurred_at < TIMESTAMP('{last}')"
    items = two_days.json(
        "collections/events/items", actor=actor, filter=text, limit=1000, properties="occurred_at,closed_at"
    )["features"]
    expected: dict[datetime, list[int]] = {}
    for item in items:
        counts = expected.setdefault(_begin(item["properties"]["occurred_at"], step), [0, 0])
        counts[0] += 1
        counts[1] += item["properties"]["closed_at"] is None
    steps = {datetime.fromisoformat(row["code"]): [row["count"], row["open"]] for row in found["areas"]}
    assert {begin: counts for begin, counts in steps.items() if counts[0]} == expected
    assert found["matched"] == len(items)
    length = timedelta(seconds=STEPS_S[step])
    begins = sorted(steps)
    assert begins[0] <= start < begins[0] + length
    assert begins[-1] < end <= begins[-1] + length
    assert all(after - before == length for before, after in pairwise(begins))


def _begin(time, step):
    """Return when the step of a time begins, by the clocks of the district."""
    local = datetime.fromisoformat(time) + timedelta(hours=8)
    since = (local - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds() // STEPS_S[step]
    return datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=since * STEPS_S[step], hours=-8)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"by": "time:1h"}, "need 'from' and 'to'"),
        ({"by": "time:2h", "from": "2026-06-08T00:00:00Z", "to": "2026-06-09T00:00:00Z"}, "time:1h"),
        ({"by": "time:1m", "from": "2026-06-01T00:00:00Z", "to": "2026-06-09T00:00:00Z"}, "at most 2000"),
        (
            {"by": "time:1h", "from": "2026-06-08T00:00:00Z", "to": "2026-06-09T00:00:00Z", "compare": "weekday"},
            "compared with nothing",
        ),
    ],
)
def test_what_cannot_be_counted_by_time_is_refused(two_days, asked, told):
    answer = two_days.ask("/twin/aggregate", layer="events", actor="operator", f="json", **asked)
    assert answer.status_code == (413 if "at most" in told else 400)
    assert told in answer.json()["detail"]


def test_layers_without_a_time_have_no_steps(two_days):
    span = {"from": "2026-06-08T00:00:00Z", "to": "2026-06-09T00:00:00Z"}
    answer = two_days.ask("/twin/aggregate", layer="roads", by="time:1h", actor="operator", f="json", **span)
    assert answer.status_code == 400


@pytest.mark.parametrize("actor", ["operator", "officer"])
def test_the_newest_events_are_read_from_their_index(two_days, actor):
    async def explain():
        connection = await connect(two_days.url)
        await connection.execute("ANALYZE layer.events; SET enable_sort = off")
        layer = (await read_catalog(connection))["events"]
        is_open = Clause("onemap.event_is_open(f.stage, f.closed_at)")
        newest = (SortKey(layer.definition.by_name["occurred_at"], descending=True),)
        query = ItemsQuery(layer, ACTORS[actor], is_open, sort=newest, limit=100, after=("2026-06-09T00:00:00Z", "e1"))
        text, values = page(query).render()
        rows = await connection.fetch(f"EXPLAIN {text}", *values)
        await connection.close()
        return "\n".join(row[0] for row in rows)

    assert "using events_newest" in run_async(explain())
