"""Joins over HTTP, against what PostGIS says of the same rows."""

from __future__ import annotations

import io

import pyarrow.parquet as pq
import pytest

from layers.database.connection import connect
from server.joins import run
from tests.ogc.conftest import things_url  # noqa: F401
from tests.ogc.service import Service

SHOWN = "data_grade <= 2"  # of `INSIDER`, as whom the tests ask
DISTANCE = "ST_Distance(l.geom::geography, r.geom::geography)"
JOINED = f"FROM layer.points AS l JOIN layer.{{}} AS r ON {{}} WHERE l.{SHOWN} AND r.{SHOWN}"


@pytest.fixture(scope="module")
def service(things_url):  # noqa: F811
    running = Service(things_url)
    yield running
    running.close()


def fetch(service, statement):
    async def work():
        connection = await connect(service.url)
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    return service.run(work())


def features(service, **asked):
    return service.json("/twin/join", **asked)["features"]


def pairs_of(found):
    return [(one["properties"]["left_id"], one["properties"]["right_id"]) for one in found]


@pytest.mark.parametrize("right", ["areas", "lines"])
def test_what_intersects_is_what_postgis_says(service, right):
    expected = fetch(
        service, f"SELECT l.id AS a, r.id AS b {JOINED.format(right, 'ST_Intersects(l.geom, r.geom)')} ORDER BY 1, 2"
    )
    assert expected
    assert pairs_of(features(service, left="points", right=right, how="intersects")) == [
        (r["a"], r["b"]) for r in expected
    ]


@pytest.mark.parametrize(("right", "metres"), [("areas", 300), ("lines", 450.5), ("points", 600)])
def test_a_distance_is_that_of_the_ellipsoid(service, right, metres):
    on = f"ST_DWithin(l.geom::geography, r.geom::geography, {metres})"
    expected = fetch(service, f"SELECT l.id AS a, r.id AS b, {DISTANCE} AS m {JOINED.format(right, on)} ORDER BY 1, 2")
    found = features(service, left="points", right=right, within_m=metres)
    assert pairs_of(found) == [(r["a"], r["b"]) for r in expected]
    assert [one["properties"]["distance_m"] for one in found] == pytest.approx([r["m"] for r in expected], abs=0.02)


def test_the_nearest_of_each_and_the_first_by_id_of_equals(service):
    found = features(service, left="points", right="lines", how="nearest", **{"left-filter": "id < 'r0030'"})
    expected = fetch(
        service,
        f"""SELECT DISTINCT ON (l.id) l.id AS a, min({DISTANCE}) OVER (PARTITION BY l.id) AS m
        {JOINED.format("lines", "TRUE")} AND l.id < 'r0030' ORDER BY l.id""",
    )
    assert [one["properties"]["left_id"] for one in found] == [r["a"] for r in expected]
    assert [one["properties"]["distance_m"] for one in found] == pytest.approx([r["m"] for r in expected], abs=0.02)
    assert features(service, left="points", right="lines", how="nearest", within_m=0.001) != found


def test_what_is_counted_of_each_feature_of_the_right(service):
    measures = "count,sum(floors),mean(height_m),min(height_m),max(floors)"
    found = features(service, left="points", right="areas", aggregate=measures, **{"right-properties": "name"})
    expected = fetch(
        service,
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
    assert moved[0]["geometry"]["coordinates"][0][0][0][0] > 10_000


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
        ({"left": "points", "right": "areas", "crs": "EPSG:3857"}, "pairs"),
        ({"left": "points", "right": "areas", "f": "html"}, "allowed are json"),
        ({"left": "points", "right": "areas", "colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_named(service, asked, words):
    answer = service.ask("/twin/join", **asked)
    assert answer.status_code in {400, 404}, answer.text
    assert words in answer.text


@pytest.mark.parametrize(("limit", "asked"), [("LEFT_MAX", {}), ("RIGHT_MAX", {}), ("PAIRS_MAX", {"within_m": "5000"})])
def test_a_huge_join_is_refused_and_leaves_no_statement(service, monkeypatch, limit, asked):
    monkeypatch.setattr(run, limit, 50)
    answer = service.ask("/twin/join", left="points", right="areas", **asked)
    assert answer.status_code == 413, answer.text
    assert "take fewer" in answer.text
    left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'onemap columns'"
    assert fetch(service, left)[0]["count"] == 0


def test_a_slow_join_ends(service, monkeypatch):
    monkeypatch.setattr(run, "SECONDS_MAX", -1)
    assert service.ask("/twin/join", left="points", right="areas").status_code == 413
