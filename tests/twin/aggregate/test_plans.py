"""Counts of all events of a span are sums of rolled counts, found by their times; of events only open ones are read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from layers.actor import OPERATOR, Actor
from layers.catalog import read_catalog
from layers.clause import EMPTY, Clause
from layers.database.connection import Role, connect
from tests.databases import run_async
from twin.aggregate.areas import parse_by
from twin.aggregate.question import Question, counted
from twin.aggregate.rolled import is_rolled, rolled_counts, rolled_past

MIDNIGHT = datetime(2026, 6, 8, tzinfo=UTC)


async def _plan(url, actor, span, build, where=EMPTY):
    connection = await connect(url, Role.READ)
    try:
        await connection.execute("SET enable_seqscan = off")  # the counts of a district of 2 % are read whole
        catalog = await read_catalog(connection)
        question = Question(catalog["events"], actor, parse_by("grid"), where, *span)
        assert is_rolled(question) is not bool(where)
        text, values = build(question).render()
        return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {text}", *values))
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("start", "end", "read"),
    [
        (None, None, {"event_day"}),
        (MIDNIGHT, MIDNIGHT + timedelta(days=7), {"event_day"}),
        (MIDNIGHT + timedelta(hours=3), MIDNIGHT + timedelta(days=6, minutes=5), {"event_day", "event_5min"}),
        (MIDNIGHT + timedelta(hours=3), MIDNIGHT + timedelta(hours=4), {"event_5min"}),
    ],
)
def test_counts_by_grid_are_sums_of_rolled_counts(district_url, start, end, read):
    plan = run_async(_plan(district_url, OPERATOR, (start, end), rolled_counts))
    assert {name for name in ("event_day", "event_5min") if f" {name}" in plan} == read
    assert " on events " not in plan
    if start is not None:
        assert all(f"{name}_pkey" in plan for name in read)
        assert "bucket >=" in plan


def test_the_weeks_before_are_sums_of_rolled_counts(district_url):
    span = MIDNIGHT, MIDNIGHT + timedelta(days=1)
    plan = run_async(_plan(district_url, OPERATOR, span, rolled_past))
    assert "event_day_pkey" in plan
    assert " on events " not in plan


def test_a_filter_reads_the_events(district_url):
    plan = run_async(_plan(district_url, OPERATOR, (None, None), counted, Clause("f.stage <> 'closed'")))
    assert "event_day" not in plan
    assert " on events " in plan


def test_rights_of_an_area_are_judged_by_the_columns_of_the_counts(district_url):
    plan = run_async(_plan(district_url, Actor("officer", 3, ("440106011",)), (None, None), rolled_counts))
    assert "area_code" in plan.partition("event_day")[2]
    assert " on events " not in plan
