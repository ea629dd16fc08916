"""The plans behind answers: days that a filter excludes are not read, and a series is found by its index."""

from __future__ import annotations

import re

import orjson
import pytest

from layers.actor import Actor
from layers.clause import all_of
from layers.database.connection import Role, connect
from server.sensorthings import answering
from server.sensorthings.filter_text import read_filter
from tests.databases import run_async
from twin.sensing.condition import Condition
from twin.sensing.entities import EntityQuery
from twin.sensing.entity_types import SETS
from twin.sensing.rows import SensingRows, of_values
from twin.sensing.things import measuring_layers

OBSERVATIONS = SETS["Observations"]


def plan_of(sensors, actor, text, key, order=()):
    """Return the plan of a page of observations as text."""
    rows = SensingRows.of(actor, measuring_layers(sensors.app.state.shared.catalog.current, actor))
    condition = Condition(OBSERVATIONS, rows)
    where = condition.of(read_filter(text))
    query = EntityQuery(
        OBSERVATIONS, rows, key, all_of([where]), frozenset(condition.reads), order, frozenset({"value", "text"}), top=1
    )
    statement, values = query.ordered(of_values(key)).render()

    async def explain():
        connection = await connect(sensors.url, Role.READ)
        try:
            await connection.execute("SET plan_cache_mode = force_custom_plan; SET enable_seqscan = off")
            return await connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *values)
        finally:
            await connection.close()

    return orjson.dumps(orjson.loads(run_async(explain()))).decode()


def days(plan):
    """Return the days whose history rows `n` are read."""
    return set(re.findall(r'"Relation Name":"observation_(\d{8}|rest)","Schema":"[^"]*","Alias":"n_', plan)) | set(
        re.findall(r'"Relation Name":"observation_(\d{8}|rest)","Alias":"n', plan)
    )


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("phenomenonTime ge 2026-11-02T00:00:00Z and phenomenonTime lt 2026-11-03T00:00:00Z", {"20261102"}),
        ("phenomenonTime eq 2026-11-03T05:00:00Z", {"20261103"}),
        ("during(phenomenonTime, 2026-11-01T10:00:00Z/2026-11-01T20:00:00Z)", {"20261101"}),
        ("result gt 2 and phenomenonTime lt 2026-11-02T00:00:00Z", {"20261101", "rest"}),
    ],
)
def test_days_that_a_filter_excludes_are_not_read(sensors, text, read):
    key = {"layer": "water_level_stations", "id": "W1", "property": "level_m"}
    plan = plan_of(sensors, Actor("all", clearance=4), text, key)
    assert days(plan) == read


def test_a_series_is_found_by_its_index(sensors):
    key = {"layer": "water_level_stations", "id": "W1", "property": "level_m"}
    plan = plan_of(sensors, Actor("all", clearance=4), "phenomenonTime ge 2026-11-02T00:00:00Z", key)
    assert "observation_20261102_id_property_phenomenon_time_idx" in plan
    assert "rain_gauges" not in plan


def test_the_newest_of_a_series_is_found_from_the_end_of_its_index(sensors):
    key = {"layer": "water_level_stations", "id": "W1", "property": "level_m"}
    plan = plan_of(sensors, Actor("all", clearance=4), "result gt -9", key, (("time", True),))
    assert '"Scan Direction":"Backward"' in plan


def test_on_the_way_to_what_is_asked_for_keys_are_read_alone(sensors, monkeypatch):
    read, real = [], answering.page

    async def page(connection, query):
        read.append(query)
        return await real(connection, query)

    monkeypatch.setattr(answering, "page", page)
    assert sensors.found("Things('water_level_stations:W1')/Datastreams")["value"]
    way, asked = read
    assert (way.entity.set, way.columns) == ("Things", frozenset())
    assert asked.columns
