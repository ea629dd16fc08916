"""Rows of a layer in every form that an analyst takes them in: the same rows each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import geopandas
import httpx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tests.twin.client.conftest import MOVED, OBSERVED, TOKEN
from twin.client import BadRequest, Missing, Twin
from twin.client.classes import COLORS, NO_VALUE, classify
from twin.client.columns import needed
from twin.client.drawn import drawn_features
from twin.client.picture import view_of

CAMERAS = "video_points"


def test_every_form_has_the_same_rows(twin: Twin, tmp_path: Path):
    chosen = twin[CAMERAS].where("online_status IS NOT NULL").columns("name", "online_status")
    table = chosen.to_arrow()
    assert table.num_rows == chosen.count() > 0
    frame = chosen.to_geopandas()
    assert frame.crs == "OGC:CRS84"
    assert frame["id"].tolist() == table["id"].to_pylist() == chosen.to_pandas()["id"].tolist()
    assert "geometry" not in chosen.to_pandas()
    stored = geopandas.read_parquet(chosen.save(tmp_path / "cameras.parquet"))
    assert stored["id"].tolist() == frame["id"].tolist()
    assert shapely.equals_exact(stored.geometry.to_numpy(), frame.geometry.to_numpy()).all()
    with duckdb.connect() as connection:
        found = chosen.to_duckdb(connection).aggregate("online_status, count(*) AS n", "online_status").fetchall()
    assert dict(found) == frame["online_status"].value_counts().to_dict()
    with chosen.batches() as reader:
        assert sum(batch.num_rows for batch in reader) == table.num_rows


def test_a_refinement_beside_the_reading_is_the_same_as_before_it(twin: Twin):
    west, south, east, north = shapely.total_bounds(twin["grids"].to_geopandas(limit=1).geometry.to_numpy())
    before = twin[CAMERAS].bbox(west, south, east, north).sort("-id").limit(5).to_arrow()
    beside = twin[CAMERAS].to_arrow(bbox=(west, south, east, north), sort="-id", limit=5)
    assert before.equals(beside)
    assert before["id"].to_pylist() == sorted(before["id"].to_pylist(), reverse=True)


def test_a_file_that_breaks_off_leaves_nothing(twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole = httpx.Response.iter_bytes

    def cut(response: httpx.Response, *arguments: int):
        yield next(iter(whole(response, *arguments)))[:100]

    monkeypatch.setattr(httpx.Response, "iter_bytes", cut)
    with pytest.raises(pa.ArrowInvalid):
        twin["grids"].save(tmp_path / "grids.parquet")
    assert not list(tmp_path.iterdir())


def test_a_saved_file_is_replaced_when_whole(twin: Twin, tmp_path: Path):
    path = tmp_path / "streets.parquet"
    path.write_bytes(b"old")
    assert twin["streets"].save(path) == path
    assert pq.read_metadata(path).num_rows == twin["streets"].count()


def test_a_package_that_is_missing_is_named_with_the_way_to_it():
    with pytest.raises(ImportError, match=r"pip install no_such_package"):
        needed("no_such_package")


def test_what_is_mistyped_is_told_with_what_was_meant(client_address: str, twin: Twin):
    for asked, error, words in (
        (lambda: Twin(client_address.removeprefix("http://"), TOKEN), ValueError, "http://"),
        (lambda: Twin(f"{client_address}/health", TOKEN), Missing, "no OneMap"),
        (lambda: twin.building, AttributeError, "did you mean 'buildings'"),
        (lambda: twin["building"], Missing, "did you mean 'buildings'"),
        (lambda: twin.grids.to_geopandas(filter="x"), TypeError, "where, bbox, at"),
        (lambda: twin.grids.bbox([1, 2, 3]), ValueError, "west, south, east, north"),
    ):
        with pytest.raises(error, match=words):
            asked()
    box = twin.grids.to_geopandas().total_bounds
    assert twin.grids.bbox(box).count() == twin.grids.bbox(*box).count() == twin.grids.count()


def test_pictures_hold_every_row_and_the_servers_map(twin: Twin):
    drawn = twin["urban_villages"].picture().svg
    assert drawn.count("<path") >= twin["urban_villages"].count()
    assert "data:image/png;base64,iVBOR" in drawn
    counts = twin["events"].aggregate(by="street")
    coloured = twin.picture(counts, "count", title="<事件>").svg
    assert "&lt;事件&gt;" in coloured
    assert "<事件>" not in coloured
    assert 'href="http' not in coloured
    with pytest.raises(ValueError, match="no feature has a place"):
        twin["urban_villages"].picture(where="id = 'no-such-id'")


def test_more_rows_than_a_map_shows_are_refused(twin: Twin):
    ids = [str(number) for number in range(20_001)]
    points = shapely.to_wkb(shapely.points(np.zeros(20_001), np.zeros(20_001)))
    field = pa.field("geometry", pa.binary(), metadata={"ARROW:extension:name": "geoarrow.wkb"})
    table = pa.table([pa.array(ids), pa.array(points)], schema=pa.schema([("id", pa.string()), field]))
    with pytest.raises(ValueError, match="more than 20,000"):
        drawn_features(table, None)
    features, bounds = drawn_features(table.slice(0, 1), "#123456")
    assert features[0]["properties"] == {"id": "0", "_color": "#123456"}
    assert bounds == [0, 0, 0, 0]


@given(st.lists(st.one_of(st.none(), st.just("<5"), st.integers(-5, 50), st.floats(allow_nan=True)), max_size=60))
def test_classes_rise_and_colour_every_value(values: list[object]):
    found = classify(values)
    assert list(found.breaks) == sorted(set(found.breaks))
    assert len(found.breaks) == len(found.used) == len(found.legend) <= len(COLORS)
    assert len(found.colors) == len(values)
    order = {color: place for place, color in enumerate(found.used)}
    known = [
        (float(value), order[color]) for value, color in zip(values, found.colors, strict=True) if color != NO_VALUE
    ]
    assert [place for _, place in sorted(known)] == sorted(place for _, place in known)
    numbers = [value for value in values if isinstance(value, int | float) and np.isfinite(value)]
    assert len(known) == len(numbers)


def test_breaks_of_ones_own_hold_for_every_picture():
    assert classify([0.5, 1, 7], (1, 5)).colors == (*(classify([1], (1, 5)).used[:1]) * 2, COLORS[-1])
    assert [words for _, words in classify([], (1.2345, 1000)).legend] == ["≤ 1.23", "1.23 – 1,000"]
    for wrong in ((), (2, 1), (1, 1), range(9)):
        with pytest.raises(ValueError, match="that rise"):
            classify([1], list(wrong))


@given(st.floats(113, 114), st.floats(22, 24), st.floats(0, 1), st.floats(0, 1))
def test_a_view_holds_its_box(west: float, south: float, across: float, up: float):
    view = view_of((west, south, west + across, south + up), 800)
    corners = view.place(np.array([[west, south], [west + across, south + up]]))
    assert (corners >= 0).all()
    assert (corners[:, 0] <= view.width_px).all()
    assert (corners[:, 1] <= view.height_px).all()
    assert corners[0, 1] >= corners[1, 1]


@pytest.mark.parametrize("crs", ["gcj02", "bd09"])
def test_a_client_asks_and_answers_in_its_own_datum(client_address: str, twin: Twin, history_of: tuple[str, str], crs):
    def apart(there, here):  # metres, roughly
        return there.distance(here, align=False) * 105_000

    with Twin(client_address, TOKEN, crs=crs) as phone:
        layer, rows = "emergency_resources", {"limit": 5, "sort": "id"}
        here, there = twin[layer].to_geopandas(**rows), phone[layer].to_geopandas(**rows)
        assert there.crs is None
        assert apart(there.geometry, here.geometry.set_crs(None, allow_override=True)).between(200, 2000).all()
        one, own = here.geometry.iloc[0], there.geometry.iloc[0]
        assert phone.locate(own.x, own.y)["grid"] == twin.locate(one.x, one.y)["grid"]
        found = phone.nearby(own.x, own.y, 800, layer)
        assert found["id"].tolist() == twin.nearby(one.x, one.y, 800, layer)["id"].tolist()
        assert apart(found.geometry.iloc[:1].reset_index(drop=True), there.geometry.iloc[:1]).lt(0.1).all()
        assert phone.locate(one.x, one.y, crs="OGC:CRS84")["grid"] == twin.locate(one.x, one.y)["grid"]
        around = own.buffer(1e-6)
        boxed = phone[layer].to_geopandas(bbox=around.bounds, where=f"S_INTERSECTS(geom, {around.envelope.wkt})")
        assert there["id"].iloc[0] in boxed["id"].tolist()
        assert twin[layer].count(bbox=around.bounds) == 0
        assert phone["duty_rosters"].count() == twin["duty_rosters"].count()
        vehicle = history_of[1]
        tracks = phone["vehicles"].track(vehicle), twin["vehicles"].track(vehicle)
        assert tracks[0].columns.tolist() == tracks[1].columns.tolist()
        assert apart(*(one.geometry.set_crs(None, allow_override=True) for one in tracks)).between(200, 2000).all()
        now = datetime.now(UTC)
        spans = [one["vehicles"].positions(now - timedelta(days=1), now, ids=[vehicle]) for one in (phone, twin)]
        assert spans[0].column_names == spans[1].column_names
        assert spans[0]["time"].equals(spans[1]["time"])
        assert not spans[0]["lon"].equals(spans[1]["lon"])
        spot = shapely.Point(spans[0]["lon"][0].as_py(), spans[0]["lat"][0].as_py()).buffer(1e-6)
        narrow = phone["vehicles"].where(f"S_INTERSECTS(geom, {spot.envelope.wkt})").bbox(*spot.bounds)
        assert narrow.positions(now - timedelta(days=1), now, ids=[vehicle]).num_rows > 0
        event = phone["events"].to_geopandas(limit=1)
        areas = phone["events"].aggregate("grids"), twin["events"].aggregate("grids")
        assert areas[0]["id"].tolist() == areas[1]["id"].tolist()
        assert areas[0].crs is None
        narrow = {"where": f"S_DWITHIN(geom, {event.geometry.iloc[0].wkt}, 1)"}
        assert phone["events"].aggregate("grids", **narrow)["count"].sum() > 0
        assert twin["events"].aggregate("grids", **narrow)["count"].sum() == 0
        assert phone[layer].picture(limit=5).svg == twin[layer].picture(limit=5).svg
        pairs = [one[layer].join("grids", bbox=box.bounds) for one, box in ((phone, around), (twin, one.buffer(1e-6)))]
        assert pairs[0].drop(columns="geometry").equals(pairs[1].drop(columns="geometry"))
        assert (len(pairs[0]) > 0, pairs[0].crs) == (True, None)
        assert apart(*(pair.geometry.set_crs(None, allow_override=True) for pair in pairs)).between(200, 2000).all()
        for refused in (
            lambda: phone[layer].join(here),
            lambda: phone[layer].bbox(*around.bounds).map(),
            lambda: Twin(client_address, TOKEN, crs="EPSG:4547"),
        ):
            with pytest.raises(ValueError, match=r"CRS84|without crs"):
                refused()


def test_history_is_rows_a_series_and_a_track(twin: Twin, history_of: tuple[str, str]):
    station, vehicle = history_of
    end = datetime.now(UTC)
    begin = end - timedelta(days=30)
    stations = twin["water_level_stations"]
    rows = stations.observations(begin, end, measured=["level_m"])
    assert {"layer", "id", "property", "time", "value"} <= set(rows.column_names)
    series = stations.series(station, "level_m", begin, end)
    of_station = rows.filter(pc.equal(rows["id"], station))
    assert len(series) == of_station.num_rows == OBSERVED
    assert series["value"].tolist() == of_station["value"].to_pylist()
    assert series.index.tolist() == of_station["time"].to_pylist()
    track = twin["vehicles"].track(vehicle)
    assert track.crs == "OGC:CRS84"
    assert len(track) == MOVED
    assert track["time"].is_monotonic_increasing
    assert shapely.get_x(track.geometry).tolist() == pytest.approx([113.33 + n * 1e-5 for n in range(MOVED, 0, -1)])
    with pytest.raises(BadRequest):
        twin["grids"].track("no-such-grid")
    with pytest.raises(ValueError, match="only events"):
        twin["grids"].versions(begin, end)
