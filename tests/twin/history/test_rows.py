"""History as rows: every fact once, in order, on pages and in streams, of what the reader may see."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta

import pytest

from layers.actor import OPERATOR
from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from tests.databases import run_async
from tests.twin.history.conftest import AREA, DAY, drive
from tests.twin.history.test_series import counting
from twin.history.question import RowsQuestion
from twin.history.rows import RowKey, read_cursor, rows_statement, write_cursor
from twin.history.span import HistorySpan

SPAN = {"from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat()}
WEEK = {"from": DAY.isoformat(), "to": (DAY + timedelta(days=7)).isoformat()}


def paged(history, address, **asked):
    """Return the rows of all pages."""
    rows, document = [], history.json(address, **asked)
    while True:
        rows += document["rows"]
        assert document["number_returned"] == len(document["rows"])
        if document["next"] is None:
            return rows
        document = history.json(document["next"])


def keys(rows):
    return [(row["layer"], row["id"], row.get("property"), datetime.fromisoformat(row["time"])) for row in rows]


@pytest.mark.parametrize("limit", [999, 1000, 10_000])
def test_pages_of_positions_hold_each_of_them_once(history, limit):
    rows = paged(history, "/twin/positions", limit=limit, **SPAN)
    workers = [("grid_workers", "W1", None, row[2]) for row in drive("W1", "grid_workers", number=50)]
    driven = [("vehicles", one, None, row[2]) for one in ("V1", "V2") for row in drive(one)]
    assert keys(rows) == workers + driven
    assert rows[50] == {
        "layer": "vehicles", "id": "V1", "time": rows[50]["time"], "speed_kmh": 0, "heading_deg": 90,
        "grid_code": "440106011001001", "area_code": AREA, "lon": pytest.approx(113.33, abs=1e-4),
        "lat": pytest.approx(23.14, abs=1e-4),
    }  # fmt: skip


def test_observations_are_those_that_count(history):
    rows = paged(history, "/twin/observations", property="level_m", ids="S1", limit=777, **WEEK)
    expected = counting()
    assert [(key[3], row["value"], row["quality_flag"]) for key, row in zip(keys(rows), rows, strict=True)] == [
        (at, expected[at][3], expected[at][6]) for at in sorted(expected)
    ]


@pytest.mark.parametrize("form", ["json", "geojson", "csv"])
def test_a_stream_holds_what_pages_hold(history, form):
    answer = history.ask("/twin/positions", f=form, limit="all", **SPAN)
    expected = paged(history, "/twin/positions", limit=10_000, **SPAN)
    if form == "json":
        assert answer.json()["rows"] == expected
        assert answer.json()["number_returned"] == len(expected)
    elif form == "geojson":
        places = [feature["geometry"]["coordinates"] for feature in answer.json()["features"]]
        assert places == [[row["lon"], row["lat"]] for row in expected]
    else:
        table = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
        assert [(row["id"], float(row["lon"])) for row in table] == [(row["id"], row["lon"]) for row in expected]


def test_rows_are_chosen_by_layer_id_place_and_filter(history):
    asked = {"layers": "vehicles", "limit": 10_000, **SPAN}
    everything = paged(history, "/twin/positions", **asked)
    buses = paged(history, "/twin/positions", filter="vehicle_kind = 'bus'", **asked)
    assert {row["id"] for row in buses} == {"V1"}
    assert len(buses) == 2000
    assert len(paged(history, "/twin/positions", ids="V2,V7", **asked)) == 2000
    west = paged(history, "/twin/positions", bbox="113.33,23.13,113.335,23.16", **asked)
    assert west == [row for row in everything if 113.33 <= row["lon"] <= 113.335]
    fast = paged(history, "/twin/positions", filter="speed_kmh > 58", **asked)
    assert {row["speed_kmh"] for row in fast} == {59}
    high = paged(history, "/twin/observations", filter="value > 3.5 AND property = 'level_m'", limit=10_000, **WEEK)
    assert high
    assert min(row["value"] for row in high) > 3.5


@pytest.mark.parametrize(
    ("address", "asked", "status"),
    [
        ("/twin/positions", {"layers": "water_level_stations"}, 400),
        ("/twin/observations", {"layers": "grids"}, 400),
        ("/twin/positions", {"layers": "nothing"}, 404),
        ("/twin/positions", {"limit": "0"}, 400),
        ("/twin/positions", {"limit": "10001"}, 400),
        ("/twin/positions", {"cursor": "abc"}, 400),
        ("/twin/positions", {"filter": "sim_no = 1 AND nothing = 2"}, 400),
        ("/twin/positions", {"bbox": "1,2,3"}, 400),
        ("/twin/positions", {"from": "1026-01-01T00:00:00Z"}, 400),
        ("/twin/positions", {"from": "1926-01-01T00:00:00Z"}, 413),
        ("/twin/positions", {"from": "2926-01-01T00:00:00Z"}, 400),
        ("/twin/positions", {"f": "parquet2"}, 400),
        ("/twin/positions", {"ids": ",".join(map(str, range(1001)))}, 413),
        ("/twin/positions", {"nothing": "1"}, 400),
        ("/twin/events/versions", {"layers": "events"}, 400),
    ],
)
def test_bad_questions_are_told_what_is_allowed(history, address, asked, status):
    answer = history.ask(address, **{**SPAN, **asked})
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("actor", ["neighbour", "public", "grid_worker", "officer"])
def test_who_does_not_see_a_thing_does_not_see_its_rows(history, actor):
    seen = {
        feature["id"]
        for layer in ("vehicles", "grid_workers")
        for feature in (
            history.ask(f"/ogc/collections/{layer}/items", actor=actor, at=SPAN["to"], basis="phenomenon").json()
        ).get("features", ())
    }
    minutes = {"from": SPAN["from"], "to": (DAY + timedelta(hours=8, minutes=2)).isoformat()}
    rows = history.json("/twin/positions", actor=actor, **minutes)["rows"]
    assert {row["id"] for row in rows} == seen


def test_many_rows_are_an_export(history):
    for limit in ("1000", "all"):
        answer = history.ask("/twin/positions", actor="officer", layers="vehicles", limit=limit, **SPAN)
        assert answer.status_code == 403
        assert answer.json()["parameter"] == "approval"


def test_a_cursor_is_of_its_question(history):
    token = history.json("/twin/positions", limit=1, **SPAN)["next"].partition("cursor=")[2]
    assert write_cursor(read_cursor(token)) == token
    assert history.ask("/twin/positions", layers="vehicles", cursor=token, **SPAN).status_code == 400


def test_a_page_reads_its_days_by_their_index(history):
    async def plan():
        connection = await connect(history.url, Role.READ)
        try:
            layer = (await read_catalog(connection))["vehicles"]
            question = RowsQuestion("position", [layer], OPERATOR, HistorySpan(DAY, DAY + timedelta(hours=20)))
            key = RowKey("vehicles", "V1", "", DAY + timedelta(hours=9), 1)
            await connection.execute("SET enable_sort = off; SET enable_seqscan = off; SET enable_bitmapscan = off")
            text, values = rows_statement(question.queries(key)[0], 100).render()
            return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {text}", *values))
        finally:
            await connection.close()

    told = run_async(plan())
    assert "position_20260608" in told
    assert "position_20260610" not in told, "days outside of the span are not read"
    assert "Index Scan using position_20260608_id_phenomenon_time_idx" in told
