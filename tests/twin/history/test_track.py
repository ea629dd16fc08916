"""A track is where items say that a thing was, simplified by no more than asked for, and shown to nobody else."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.actor import OPERATOR, Actor
from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from layers.errors import Forbidden
from layers.read.facts import throughout
from layers.read.rights import plain_fields
from tests.databases import run_async
from tests.twin.history.conftest import DAY, drive
from twin.history.simplify import kept_vertices
from twin.history.track import positions_of

ADDRESS = "/twin/features/vehicles/V1/track"
SPAN = {"from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat()}


def feature(history, address=ADDRESS, **asked):
    return history.json(address, **{**SPAN, **asked})


def vertices(found):
    lines, times = found["geometry"]["coordinates"], found["properties"]["times"]
    if found["geometry"]["type"] == "LineString":
        lines, times = [lines], [times]
    return [
        (datetime.fromisoformat(at), *place)
        for line, moments in zip(lines, times, strict=True)
        for place, at in zip(line, moments, strict=True)
    ]


def test_a_day_is_every_position_with_its_gap(history):
    found = feature(history)
    driven = list(drive("V1"))
    assert found["geometry"]["type"] == "MultiLineString"
    assert [len(line) for line in found["geometry"]["coordinates"]] == [1001, 999]
    expected = [(row[2], *np.round(row[3:5], 7)) for row in driven]
    assert vertices(found) == [(at, pytest.approx(x, abs=2e-7), pytest.approx(y, abs=2e-7)) for at, x, y in expected]
    assert found["properties"]["speed_kmh"][0][:3] == [0, 1, 2]
    assert {len(found["properties"][name][1]) for name in ("times", "speed_kmh", "heading_deg")} == {999}
    assert found["properties"]["vertices"] == 2000


@pytest.mark.parametrize("at", [0, 777, 1500])
def test_a_vertex_is_where_items_say_it_was(history, at):
    moment, x, y = vertices(feature(history))[at]
    item = history.json("/ogc/collections/vehicles/items/V1", at=moment.isoformat(), basis="phenomenon")
    assert item["geometry"]["coordinates"] == [x, y]


def test_a_simplified_track_is_nowhere_farther_than_asked(history):
    whole, some = (vertices(feature(history, **asked)) for asked in ({}, {"simplify_m": 20}))
    assert len(some) < len(whole) / 10
    times = np.array([at.timestamp() for at, *_ in some])
    places = np.array([place for _, *place in some])
    for moment, x, y in whole:
        there = [np.interp(moment.timestamp(), times, places[:, axis]) for axis in (0, 1)]
        assert np.hypot((there[0] - x) * 102_000, (there[1] - y) * 111_000) <= 21


@given(
    st.lists(st.tuples(st.floats(0.1, 100), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), min_size=1, max_size=60),
    st.floats(0, 5000),
)
def test_every_vertex_stays_within_the_tolerance_at_its_time(steps, tolerance_m):
    times = np.cumsum([step for step, *_ in steps])
    metres = np.array([place for _, *place in steps])
    kept = kept_vertices(times, metres, tolerance_m)
    assert kept[0]
    assert kept[-1]
    there = np.column_stack([np.interp(times, times[kept], metres[kept, axis]) for axis in (0, 1)])
    assert (np.hypot(*(there - metres).T) <= tolerance_m + 1e-6).all()


def test_a_stop_is_kept_although_it_lies_on_the_line():
    times = np.array([0.0, 10, 100, 110])
    metres = np.array([[0.0, 0], [100, 0], [100, 0], [200, 0]])
    assert kept_vertices(times, metres, 5.0).all()


def test_what_was_known_then_is_told_as_then(history):
    moment = DAY + timedelta(hours=9)
    late = ADDRESS.replace("V1", "V2")
    assert feature(history, late, at=moment.isoformat())["geometry"] is None, "it arrived the next day"
    known, true = (
        feature(history, at=moment.isoformat()),
        feature(history, late, at=moment.isoformat(), basis="phenomenon"),
    )
    for then in (known, true):
        assert moment - timedelta(seconds=20) < max(at for at, *_ in vertices(then)) < moment


def test_one_place_is_a_point_and_none_is_no_geometry(history):
    end = (DAY + timedelta(hours=8, seconds=5)).isoformat()
    assert feature(history, to=end)["geometry"]["type"] == "Point"
    nothing = feature(history, to=(DAY + timedelta(hours=7)).isoformat())
    assert nothing["geometry"] is None
    assert nothing["properties"]["times"] == []


def test_csv_has_a_line_for_each_vertex(history):
    lines = history.ask(ADDRESS, f="csv", **SPAN).text.splitlines()
    assert lines[0].lstrip("\ufeff") == "time,lon,lat,speed_kmh,heading_deg"
    assert len(lines) == 2001


@pytest.mark.parametrize(
    ("address", "asked", "status"),
    [
        (ADDRESS.replace("V1", "V9"), {}, 404),
        ("/twin/features/water_level_stations/S1/track", {}, 400),
        ("/twin/features/nothing/S1/track", {}, 404),
        (ADDRESS, {"simplify_m": "0"}, 400),
        (ADDRESS, {"simplify_m": "nan"}, 400),
        (ADDRESS, {"from": "1926-06-08T00:00:00Z"}, 413),
        (ADDRESS, {"from": "2226-06-08T00:00:00Z"}, 400),
        (ADDRESS, {"f": "gpx"}, 400),
        (ADDRESS, {"step": "1h"}, 400),
    ],
)
def test_bad_questions_are_told_what_is_allowed(history, address, asked, status):
    assert history.ask(address, **{**SPAN, **asked}).status_code == status


@pytest.mark.parametrize(
    ("actor", "status"), [("operator", 200), ("officer", 200), ("neighbour", 404), ("public", 404)]
)
def test_where_a_worker_was_is_shown_as_where_it_is(history, actor, status):
    answer = history.ask("/twin/features/grid_workers/W1/track", actor=actor, **SPAN)
    assert answer.status_code == status


def test_where_somebody_was_is_audited(history):
    history.json("/twin/features/grid_workers/W1/track", **SPAN)

    async def recorded():
        connection = await connect(history.url, Role.AUDITOR)
        try:
            return await connection.fetch("SELECT body::json->>'action' FROM audit.record WHERE body LIKE '%/W1%'")
        finally:
            await connection.close()

    assert {row[0] for row in run_async(recorded())} == {"replay"}


def test_a_track_reads_its_days_by_their_index(history):
    async def plan():
        connection = await connect(history.url, Role.READ)
        try:
            layer = (await read_catalog(connection))["vehicles"]
            past = throughout(layer, OPERATOR, "position", DAY, DAY + timedelta(days=1), of_few=True)
            text, values = positions_of(past, OPERATOR, "V1", {}).render()
            return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {text}", *values))
        finally:
            await connection.close()

    told = run_async(plan())
    assert "Index Scan using position_20260608_id_phenomenon_time_idx" in told
    assert "position_20260610" not in told, "days outside of the span are not read"
    assert "SubPlan" not in told, "no version is looked up for each place"


_VERSION = """
INSERT INTO past.vehicles SELECT (jsonb_populate_record(NULL::past.vehicles, to_jsonb(r) || $1::jsonb)).*
FROM layer.vehicles AS r WHERE r.id = 'V1'
"""


@given(
    st.lists(st.integers(-60, 1300), min_size=1, max_size=5, unique=True),
    st.lists(st.integers(1, 4), min_size=5, max_size=5),
    st.booleans(),
    st.sampled_from(
        [OPERATOR, Actor("a", 3), Actor("b", 2), Actor("c", 3, ("440106011",)), Actor("d", 3, ("4401069",))]
    ),
)
@settings(max_examples=25, deadline=None)
def test_versions_joined_by_their_times_are_those_that_are_looked_up(history, minutes, grades, is_late, actor):
    """A row is of the same version, or hidden, whether its version is joined or looked up."""

    async def work():
        connection = await connect(history.url, Role.OWNER)
        transaction = connection.transaction()
        await transaction.start()
        try:
            edges = [DAY + timedelta(hours=8, minutes=number) for number in sorted(minutes)]
            begins = [edges[0] - timedelta(days=0 if is_late else 9), *edges]
            for begin, end, grade in zip(begins, edges, grades, strict=False):
                changed = {"_known_from": begin.isoformat(), "_known_to": end.isoformat(), "data_grade": grade}
                await connection.execute(_VERSION, json.dumps(changed | {"vehicle_kind": str(grade)}))
            layer = (await read_catalog(connection))["vehicles"]
            return [await _rows(connection, layer, actor, of_few=few) for few in (False, True)]
        finally:
            await transaction.rollback()
            await connection.close()

    looked_up, joined = run_async(work())
    assert joined == looked_up


async def _rows(connection, layer, actor, *, of_few):
    try:
        past = throughout(layer, actor, "position", DAY, DAY + timedelta(days=1), of_few=of_few)
    except Forbidden:
        return None
    kind = plain_fields(past, actor).get("vehicle_kind")
    text, values = positions_of(past, actor, "V1", {"kind": "nullif(f.data_grade, 0)" if kind else "NULL"}).render()
    row = await connection.fetchrow(text, *values)
    columns = [np.frombuffer(row[name] or b"", dtype=">f8") for name in ("time", "lon", "lat", "kind")]
    return sorted(map(str, zip(*(column.tolist() for column in columns), strict=True)))
