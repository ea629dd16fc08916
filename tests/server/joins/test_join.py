"""Joins over HTTP, against what PostGIS says of the same rows."""

from __future__ import annotations

import asyncio
import io
import threading

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from layers.columns.session import ColumnSession
from layers.coordinates.datum import DATUMS
from server.audit.touched import begin_note
from server.joins import run
from server.joins.request import read_join
from server.joins.row_bytes import row_bytes
from server.joins.run import Joined
from server.routes.join import _touch
from tests.ogc.conftest import things_url  # noqa: F401
from tests.ogc.service import Service
from tests.ogc.things import ACTORS
from tests.rights.asgi import _scope
from tests.twin.answer_datum import read_answer, read_json
from tests.twin.waiting import until

SHOWN = "data_grade <= 2"  # of `INSIDER`, as whom the tests ask
DISTANCE = "ST_Distance(l.geom::geography, r.geom::geography)"
JOINED = f"FROM layer.points AS l JOIN layer.{{}} AS r ON {{}} WHERE l.{SHOWN} AND r.{SHOWN}"


@pytest.fixture(scope="module")
def service(things_url):  # noqa: F811
    running = Service(things_url)
    yield running
    running.close()


def features(service, **asked):
    return service.json("/twin/join", **asked)["features"]


def pairs_of(found):
    return [(one["properties"]["left_id"], one["properties"]["right_id"]) for one in found]


@pytest.mark.parametrize("right", ["areas", "lines"])
def test_what_intersects_is_what_postgis_says(service, right):
    expected = service.fetch(
        f"SELECT l.id AS a, r.id AS b {JOINED.format(right, 'ST_Intersects(l.geom, r.geom)')} ORDER BY 1, 2"
    )
    assert expected
    assert pairs_of(features(service, left="points", right=right, how="intersects")) == [
        (r["a"], r["b"]) for r in expected
    ]


@pytest.mark.parametrize(("right", "metres"), [("areas", 300), ("lines", 450.5), ("points", 600)])
def test_a_distance_is_that_of_the_ellipsoid(service, right, metres):
    on = f"ST_DWithin(l.geom::geography, r.geom::geography, {metres})"
    expected = service.fetch(f"SELECT l.id AS a, r.id AS b, {DISTANCE} AS m {JOINED.format(right, on)} ORDER BY 1, 2")
    found = features(service, left="points", right=right, within_m=metres)
    assert pairs_of(found) == [(r["a"], r["b"]) for r in expected]
    assert [one["properties"]["distance_m"] for one in found] == pytest.approx([r["m"] for r in expected], abs=0.02)


def test_the_nearest_of_each_and_the_first_by_id_of_equals(service):
    found = features(service, left="points", right="lines", how="nearest", **{"left-filter": "id < 'r0030'"})
    expected = service.fetch(
        f"""SELECT DISTINCT ON (l.id) l.id AS a, min({DISTANCE}) OVER (PARTITION BY l.id) AS m
        {JOINED.format("lines", "TRUE")} AND l.id < 'r0030' ORDER BY l.id""",
    )
    assert [one["properties"]["left_id"] for one in found] == [r["a"] for r in expected]
    assert [one["properties"]["distance_m"] for one in found] == pytest.approx([r["m"] for r in expected], abs=0.02)
    assert features(service, left="points", right="lines", how="nearest", within_m=0.001) != found


def test_what_is_counted_of_each_feature_of_the_right(service):
    measures = "count,sum(floors),mean(height_m),min(height_m),max(floors)"
    found = features(service, left="points", right="areas", aggregate=measures, **{"right-properties": "name"})
    expected = service.fetch(
        f"""SELECT r.id, count(l.id) AS count, sum(l.floors)::float8 AS sum_floors, avg(l.height_m) AS mean_height_m,
            min(l.height_m) AS min_height_m, max(l.floors)::float8 AS max_floors, min(r.name) AS name
        FROM layer.areas AS r LEFT JOIN layer.points AS l ON ST_Covers(r.geom, l.geom) AND l.{SHOWN}
        WHERE r.{SHOWN} GROUP BY r.id ORDER BY r.id""",
    )
    assert [one["id"] for one in found] == [row["id"] for row in expected]
    for one, row in zip(found, expected, strict=True):
        assert one["properties"] == pytest.approx({name: value for name, value in row.items() if name != "id"})
        assert one["geometry"]["type"] == "MultiPolygon"


def test_both_sides_are_filtered_and_their_columns_chosen(service):
    asked = {
        "left": "points", "right": "areas", "left-filter": "floors > 3", "right-bbox": "113.3,23.1,113.35,23.12",
        "left-properties": "floors", "right-properties": "status,name", "left-datetime": "2026-01-02T00:00:00Z/..",
    }  # fmt: skip
    found = features(service, **asked)
    assert found
    for one in found:
        assert list(one["properties"]) == ["left_id", "left_floors", "right_id", "right_name", "right_status"]
        assert one["properties"]["left_floors"] > 3


def test_a_join_is_had_as_columns_too(service):
    asked = {"left": "points", "right": "areas", "aggregate": "count"}
    rows = service.json("/twin/join", **asked)["features"]
    for f in ("parquet", "arrow", "csv", "flatgeobuf", "gpkg", "xlsx"):
        assert service.ask("/twin/join", **asked, f=f).status_code == 200, f
    table = pq.read_table(io.BytesIO(service.ask("/twin/join", **asked, f="parquet").content))
    assert table["count"].to_pylist() == [one["properties"]["count"] for one in rows]
    moved = service.json("/twin/join", **asked, crs="EPSG:4547")["features"]
    assert [one["properties"] for one in moved] == [one["properties"] for one in rows]


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("crs", ["OGC:CRS84", "EPSG:4490", "EPSG:4547", "EPSG:3857", *DATUMS])
def test_its_geojson_has_the_axes_and_the_system_of_items(service, crs, counts):
    pairs = {"left": "points", "right": "areas", "within_m": 300}
    asked = {**pairs, "aggregate": "count"} if counts else pairs
    answer, plain = service.ask("/twin/join", **asked, crs=crs), features(service, **asked)
    items = service.ask(f"collections/{'areas' if counts else 'points'}/items", crs=crs, limit=1000)
    assert answer.headers["content-crs"] == items.headers["content-crs"]
    places = {one["id"]: shapely.from_geojson(orjson.dumps(one["geometry"])) for one in items.json()["features"]}
    found = answer.json()
    assert found.get("datum") == items.json().get("datum")
    assert [one["properties"] for one in found["features"]] == [one["properties"] for one in plain]  # metres too
    for one in found["features"]:
        same = places[one["id"] if counts else one["properties"]["left_id"]]
        assert shapely.from_geojson(orjson.dumps(one["geometry"])).equals_exact(same, 1e-6)
        assert one.get("datum") == found.get("datum")


@pytest.mark.parametrize("aggregate", [{"aggregate": "count"}, {}])
def test_a_file_of_a_join_says_its_datum_or_is_refused(service, aggregate):
    asked = {"left": "points", "right": "areas", "crs": "gcj02", **aggregate}
    shown = read_json(service.json("/twin/join", **asked)).lonlat
    stored = service.ask("/twin/join", **asked, f="parquet").content
    assert orjson.loads(pq.read_metadata(io.BytesIO(stored)).metadata[b"geo"])["columns"]["geometry"]["crs"] is None
    assert orjson.loads(pq.read_metadata(io.BytesIO(stored)).metadata[b"onemap"])["datum"] == "gcj02"
    for f, content in ((f, service.ask("/twin/join", **asked, f=f).content) for f in ("parquet", "arrow", "csv")):
        assert np.abs(read_answer(content, f).lonlat - shown).max() <= 1e-7, f
    assert b"gcj02" in service.ask("/twin/join", **asked, f="csv").content
    for f in ("flatgeobuf", "gpkg"):
        answer = service.ask("/twin/join", **asked, f=f)
        assert (answer.status_code, "take f=json, csv, parquet, arrow, xlsx" in answer.text) == (400, True), answer.text


def test_the_box_and_the_filter_of_a_side_come_in_a_datum(service):
    (one, *_) = service.json("collections/points/items", crs="gcj02", limit=1)["features"]
    x, y = one["geometry"]["coordinates"]
    near = {"left-bbox": f"{x - 1e-6},{y - 1e-6},{x + 1e-6},{y + 1e-6}", "left-bbox-crs": "gcj02"}
    by_filter = {"left-filter": f"S_DWITHIN(geom,POINT({x} {y}),0.2)", "left-filter-crs": "gcj02"}
    for asked in (near, by_filter):
        found = features(service, left="points", right="areas", how="nearest", **asked)
        assert [pair["properties"]["left_id"] for pair in found] == [one["id"]], asked


def test_a_reader_joins_only_the_rows_that_he_sees(service):
    for actor in ("anonymous", "operator", "street"):
        shown = {f["id"] for f in service.json("collections/points/items", limit=1000, actor=actor)["features"]}
        found = features(service, left="points", right="areas", actor=actor)
        assert {one["properties"]["left_id"] for one in found} <= shown, actor
        counted = features(service, left="points", right="areas", aggregate="count", actor=actor)
        assert sum(one["properties"]["count"] for one in counted) == len(found), actor


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"left": "points"}, "right"),
        ({"left": "points", "right": "nowhere"}, "there is no layer"),
        ({"left": "points", "right": "hidden"}, "there is no layer"),
        ({"left": "points", "right": "plain_list"}, "has no geometries"),
        ({"left": "points", "right": "areas", "how": "beside"}, "how"),
        ({"left": "points", "right": "areas", "within_m": "-1"}, "within_m"),
        ({"left": "points", "right": "areas", "within_m": "1000000"}, "within_m"),
        ({"left": "points", "right": "areas", "aggregate": "median(floors)"}, "allowed are count"),
        ({"left": "points", "right": "areas", "aggregate": "mean(name)"}, "allowed are count"),
        ({"left": "points", "right": "areas", "aggregate": "mean(secret)"}, "allowed are count"),
        ({"left": "points", "right": "areas", "aggregate": "count", "left-properties": "name"}, "no meaning"),
        ({"left": "points", "right": "areas", "right-properties": "secret"}, "allowed are"),
        ({"left": "points", "right": "areas", "left-filter": "secret = 'x'"}, "secret"),
        ({"left": "points", "right": "areas", "crs": "gcj2"}, "gcj02, bd09"),
        ({"left": "points", "right": "areas", "f": "html"}, "allowed are json"),
        ({"left": "points", "right": "areas", "colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_named(service, asked, words):
    answer = service.ask("/twin/join", **asked)
    assert answer.status_code in {400, 404}, answer.text
    assert words in answer.text


WIDE = {"within_m": "5000"}


@pytest.mark.parametrize(
    ("limit", "asked"),
    [
        ("LEFT_MAX", {}),
        ("RIGHT_MAX", {}),
        ("PAIRS_MAX", WIDE),
        ("COUNTED_MAX", {**WIDE, "aggregate": "count"}),
        ("BYTES_MAX", {}),
    ],
)
def test_a_huge_join_is_refused_and_leaves_no_statement(service, monkeypatch, limit, asked):
    monkeypatch.setattr(run, limit, 50)
    answer = service.ask("/twin/join", left="points", right="areas", **asked)
    assert answer.status_code == 413, answer.text
    assert "take fewer" in answer.text
    left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'onemap columns'"
    asyncio.run(until(lambda: service.fetch(left)[0]["count"] == 0))  # a closed session takes a moment to end


def test_a_slow_join_ends(service, monkeypatch):
    monkeypatch.setattr(run, "SECONDS_MAX", -1)
    assert service.ask("/twin/join", left="points", right="areas").status_code == 413


def test_pairs_are_refused_before_they_are_copied(service, monkeypatch):
    monkeypatch.setattr(run, "BYTES_MAX", 20_000)
    monkeypatch.setattr(run, "_rows", None)
    asked = {"left": "points", "right": "points", "within_m": 5000, "left-properties": "*"}
    answer = service.ask("/twin/join", **asked)
    assert (answer.status_code, "the pairs take more than" in answer.text) == (413, True), answer.text


def test_the_bytes_of_rows_are_those_of_their_values():
    rows = [
        {"a": "xx", "b": ["q", "ww"], "c": b"123"},
        {"a": None, "b": None, "c": None},
        {"a": "天", "b": [], "c": b""},
    ]
    batch = pa.RecordBatch.from_pylist(
        rows, schema=pa.schema({"a": pa.string(), "b": pa.list_(pa.string()), "c": pa.binary()})
    )
    assert row_bytes(batch).tolist() == [8, 0, 3]
    assert row_bytes(batch.slice(1)).tolist() == [0, 3]


class Begun:
    """Notes which statements begin to be read, and calls back at the first."""

    def __init__(self, monkeypatch, then=lambda _: None) -> None:
        self.statements, real = [], ColumnSession.batches

        def batches(session, statement, schema):
            self.statements.append(statement)
            if len(self.statements) == 1:
                then(session)
            yield from real(session, statement, schema)

        monkeypatch.setattr(ColumnSession, "batches", batches)


def test_the_time_runs_while_the_right_is_read(service, monkeypatch):
    monkeypatch.setattr(run, "SECONDS_MAX", -1)
    begun = Begun(monkeypatch)
    assert service.ask("/twin/join", left="points", right="areas").status_code == 413
    assert len(begun.statements) == 1


def test_a_client_that_goes_ends_the_join(service, monkeypatch):
    cancelled, gone, sent = threading.Event(), asyncio.Event(), []
    real = ColumnSession.cancel

    def cancel(session):
        real(session)
        cancelled.set()

    def leave(_):
        service._loop.call_soon_threadsafe(gone.set)
        assert cancelled.wait(60)

    async def receive():
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    monkeypatch.setattr(ColumnSession, "cancel", cancel)
    begun = Begun(monkeypatch, leave)
    scope = _scope("http", "/twin/join?left=points&right=areas", {}) | {"method": "GET", "scheme": "http"}
    service.run(service.app(scope, receive, send))
    assert (len(begun.statements), sent) == (1, [])
    assert service.ask("/twin/join", left="points", right="areas").status_code == 200


@pytest.mark.parametrize("aggregate", ["count", "sum(floors)"])
def test_the_audit_is_told_what_is_summed(service, aggregate):
    state = service.app.state.shared
    given = {"left": "points", "right": "areas", "aggregate": aggregate}
    join = read_join(given, state.catalog.current, ACTORS["operator"], state.settings.limits)
    note = begin_note()
    _touch(join, Joined(None, None, 0, 0))
    assert not any(name.startswith("points.") for name in note.fields), "no field of grade 3 is counted up"
