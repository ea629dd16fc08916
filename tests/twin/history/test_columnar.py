"""History in files of columns holds the rows of its JSON, whoever reads it; pandas and pyarrow read them."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import geopandas as gpd
import openpyxl
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from layers.database.connection import Role, connect
from tests.databases import run_async
from tests.twin.history.conftest import AREA, DAY, GRID

SPAN = {"from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat()}
TRACK = "/twin/features/vehicles/V1/track"
SERIES = "/twin/features/water_level_stations/S1/observations"
LOCAL = timedelta(hours=8)
FORMS = {"fgb": "flatgeobuf", "gpkg": "gpkg"}  # by the ending of a file
ASKED = [
    ("/twin/positions", {"layers": "vehicles", "ids": "V1"}),
    ("/twin/positions", {}),
    ("/twin/observations", {"layers": "water_level_stations"}),
    ("/twin/events/versions", {}),
]


@pytest.fixture(scope="module", autouse=True)
def event(history):
    """One event with two versions."""
    point = "ST_SetSRID(ST_MakePoint(113.33, 23.14), 4490)"
    history.execute(
        "INSERT INTO layer.events (id, name, geom, area_code, grid_code, data_grade, event_class)"
        f" VALUES ('E1', 'E1', {point}, '{AREA}', '{GRID}', 2, '0101')"
    )
    for number in (1, 2):
        said = orjson.dumps({"name": f"=E{number}", "event_class": "0101", "lon": 113.33, "lat": 23.14}).decode()
        at = DAY + timedelta(hours=number)
        history.execute(
            "INSERT INTO twin.event_version (event_id, phenomenon_time, source_version, record, ingested_at)"
            f" VALUES ('E1', '{at}', {number}, '{said}', '{at}')"
        )
    yield
    history.execute("DELETE FROM twin.event_version WHERE event_id = 'E1'")
    history.execute("DELETE FROM layer.events WHERE id = 'E1'")


def test_versions_of_events_are_there_to_compare(history):
    assert len(history.json("/twin/events/versions", **SPAN)["rows"]) == 2


def table(answer, form):
    assert answer.status_code == 200, answer.text
    content = io.BytesIO(answer.content)
    return pq.read_table(content) if form == "parquet" else pa.ipc.open_stream(content).read_all()


def plain(row):
    """Return a row of columns as JSON has it: without its point and its box, with its moment as text."""
    kept = {name: value for name, value in row.items() if name not in {"geometry", "bbox"}}
    return {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in kept.items()}


def moments(row):
    times = {"time"} & row.keys()
    return {name: datetime.fromisoformat(value) if name in times else value for name, value in row.items()}


@pytest.mark.parametrize("actor", ["operator", "officer", "neighbour", "public"])
@pytest.mark.parametrize("form", ["parquet", "arrow"])
@pytest.mark.parametrize(("address", "asked"), ASKED)
def test_columns_hold_the_rows_of_json_for_every_reader(history, address, asked, form, actor):
    told = history.ask(address, actor=actor, limit="all", **SPAN, **asked)
    for limit in ({}, {"limit": "10000"}):
        answer = history.ask(address, actor=actor, f=form, **limit, **SPAN, **asked)
        assert answer.status_code == told.status_code, answer.text
        if told.status_code != 200:
            continue
        rows = told.json()["rows"]
        found = table(answer, form)
        assert [plain(row) for row in found.to_pylist()] == [moments(row) for row in rows]
        assert answer.headers["ogc-numberreturned"] == str(len(rows))
        assert answer.headers["cache-control"] == "private, no-store"


def test_a_page_of_columns_has_the_next_one_in_its_header(history):
    asked = {"layers": "vehicles", "limit": "1500", **SPAN}
    first = history.ask("/twin/positions", f="parquet", **asked)
    following = first.headers["link"].partition(">")[0].removeprefix("<")
    second = history.ask(following)
    both = [plain(row) for answer in (first, second) for row in table(answer, "parquet").to_pylist()]
    pages = history.json("/twin/positions", **{**asked, "limit": "3000"})["rows"]
    assert both == [moments(row) for row in pages]


def test_pandas_reads_points_where_the_rows_are(history):
    answer = history.ask("/twin/positions", f="parquet", layers="vehicles", **SPAN)
    frame = pd.read_parquet(io.BytesIO(answer.content))
    assert len(frame) == 4_000
    points = shapely.from_wkb(frame["geometry"].to_numpy())
    assert (shapely.get_x(points) == frame["lon"]).all()
    assert (shapely.get_y(points) == frame["lat"]).all()
    geo = orjson.loads(pq.read_metadata(io.BytesIO(answer.content)).metadata[b"geo"])
    assert geo["columns"]["geometry"]["geometry_types"] == ["Point"]
    unit = pq.read_schema(io.BytesIO(answer.content)).field("speed_kmh").metadata[b"unit"]
    assert unit == b"km/h"


def test_whoever_sees_no_place_gets_no_point(history):
    answer = history.ask("/twin/observations", f="arrow", layers="water_level_stations", ids="S1", **SPAN)
    found = table(answer, "arrow").to_pylist()
    assert all((row["geometry"] is None) is (row["lon"] is None) for row in found)
    assert len(found) > 200


@pytest.mark.parametrize("form", ["fgb", "gpkg"])
def test_gdal_reads_the_rows_where_they_are(history, form, tmp_path):
    for address, asked in (
        ("/twin/positions", {"layers": "grid_workers"}),
        ("/twin/observations", {"layers": "water_level_stations", "limit": "20"}),
        ("/twin/events/versions", {"limit": "20"}),
        (TRACK, {"simplify_m": "20"}),
    ):
        told = table(history.ask(address, f="parquet", **SPAN, **asked), "parquet").to_pandas()
        answer = history.ask(address, f=FORMS[form], **SPAN, **asked)
        (tmp_path / f"rows.{form}").write_bytes(answer.content)
        found = gpd.read_file(tmp_path / f"rows.{form}")
        assert found.crs == "EPSG:4326"
        assert found["time"].tolist() == told["time"].tolist()
        assert [None if one is None else one.wkb for one in found.geometry] == told["geometry"].tolist()
    series = history.ask(SERIES, property="level_m", f=FORMS[form], **SPAN)
    assert series.status_code == (400 if form == "fgb" else 200)  # a series has no places


def test_a_workbook_has_the_rows_in_local_time(history):
    rows = history.json("/twin/observations", layers="water_level_stations", ids="S2", **SPAN)["rows"]
    answer = history.ask("/twin/observations", f="xlsx", layers="water_level_stations", ids="S2", **SPAN)
    names, *found = openpyxl.load_workbook(io.BytesIO(answer.content))["observations"].iter_rows(values_only=True)
    assert names == tuple(rows[0])
    assert [row[names.index("value")] for row in found] == [row["value"] for row in rows]
    local = datetime.fromisoformat(rows[0]["time"]).astimezone(UTC).replace(tzinfo=None) + LOCAL
    assert found[0][names.index("time")] == local


@pytest.mark.parametrize("limit", ["all", "5000"])
def test_records_of_geojson_are_the_rows(history, limit):
    asked = {"layers": "vehicles", "limit": limit, **SPAN}
    features = history.json("/twin/positions", f="geojson", **asked)["features"]
    answer = history.ask("/twin/positions", f="geojsonseq", **asked)
    assert answer.headers["content-type"] == "application/geo+json-seq"
    assert [orjson.loads(part) for part in answer.text.split("\x1e")[1:]] == features


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_a_track_in_columns_is_its_csv(history, form):
    frame = table(history.ask(TRACK, f=form, **SPAN), form).to_pandas()
    lines = pd.read_csv(io.BytesIO(history.ask(TRACK, f="csv", **SPAN).content))
    assert list(frame.columns[:5]) == list(lines.columns)
    assert (frame["time"] == pd.to_datetime(lines["time"])).all()
    for name in ("lon", "lat", "speed_kmh", "heading_deg"):
        assert frame[name].tolist() == lines[name].tolist()
    assert shapely.get_x(shapely.from_wkb(frame["geometry"].to_numpy())).tolist() == frame["lon"].tolist()
    few = table(history.ask(TRACK, f=form, simplify_m="20", **SPAN), form)
    assert few.num_rows == history.json(TRACK, simplify_m="20", **SPAN)["properties"]["vertices"]


@pytest.mark.parametrize(
    "asked", [{}, {"step": "1h", "agg": "mean,max,last,count,sum"}, {"step": "1d", "agg": "min"}], ids=str
)
def test_a_series_in_columns_is_its_json(history, asked):
    told = history.json(SERIES, property="level_m", **SPAN, **asked)["observations"]
    for form in ("parquet", "arrow"):
        found = table(history.ask(SERIES, property="level_m", f=form, **SPAN, **asked), form)
        rows = [{name: value for name, value in plain(row).items() if value is not None} for row in found.to_pylist()]
        assert rows == [moments(row) for row in told]
    records = history.ask(SERIES, property="level_m", f="geojsonseq", **SPAN, **asked).text.split("\x1e")[1:]
    assert [orjson.loads(one)["properties"]["time"] for one in records] == [row["time"] for row in told]


@pytest.mark.parametrize("address", ["/twin/positions", "/twin/observations", "/twin/events/versions", TRACK])
def test_other_forms_are_told_what_is_allowed(history, address):
    answer = history.ask(address, f="shp", **SPAN)
    assert answer.status_code == 400
    assert "parquet, arrow, xlsx" in answer.json()["detail"]


@pytest.mark.parametrize("form", ["parquet", "arrow", "xlsx", "geojsonseq", "flatgeobuf", "gpkg"])
def test_nothing_is_a_file_without_rows(history, form):
    quiet = {"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"}
    for limit in ({}, {"limit": "10"}):
        answer = history.ask("/twin/positions", f=form, **quiet, **limit)
        assert answer.status_code == 200, answer.text
        if form in {"parquet", "arrow"}:
            assert table(answer, form).num_rows == 0
    assert history.ask(TRACK, f=form, **quiet).status_code == 200


def test_where_somebody_was_is_audited_as_a_replay_in_columns_too(history):
    answer = history.ask("/twin/positions", f="parquet", layers="grid_workers", **SPAN)
    assert table(answer, "parquet").num_rows == 50

    async def recorded():
        connection = await connect(history.url, Role.AUDITOR)
        try:
            last = "WHERE body LIKE '%grid_workers%' ORDER BY stored_at DESC LIMIT 1"
            return orjson.loads(await connection.fetchval(f"SELECT body FROM audit.record {last}"))
        finally:
            await connection.close()

    record = run_async(recorded())
    assert (record["action"], int(record["row_count"])) == ("replay", 50)
