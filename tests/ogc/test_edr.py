"""OGC API - EDR 1.1: values of stations and rasters, held against what was stored."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from layers.coordinates.crs import transform
from layers.coordinates.datum import DATUMS, from_datum, to_datum
from layers.loaders.raster import RasterOptions, load_raster
from server.caches import minute_cache
from server.caches.minute_cache import MinuteCache
from server.ogc.edr import metadata
from server.ogc.edr.coverage import Coverage, EdrParameter, csv_text
from tests.databases import run_async, temporary_database
from tests.ogc.coverage_rules import check
from tests.server.sensorthings.asking import Sensors
from tests.server.sensorthings.world import BEGIN, SECRET, fill, observations, things
from tests.twin.answer_datum import Answer, assert_declared, assert_same, read_json

OGC = "http://www.opengis.net/spec"
STATIONS = "water_level_stations"
WEST, NORTH, PIXEL, SIDE = 113.30, 23.20, 0.01, 10
HEIGHTS = np.arange(SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)
CHINA = timedelta(hours=8)  # times in the names of files
TIMES = [datetime(2026, 11, 1, 0, 5 * n, tzinfo=UTC) for n in range(3)]
BOX = "113.29,23.09,113.325,23.12"


def _write(path, values):
    place = {"crs": "EPSG:4326", "transform": from_origin(WEST, NORTH, PIXEL, PIXEL)}
    how = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "float32", "nodata": -9999.0}
    with rasterio.open(path, "w", **how, **place) as file:
        file.write(values, 1)
    return path


@pytest.fixture(scope="module")
def edr(cluster, layers_template, tmp_path_factory):
    """The application over stations, a raster of heights, and one of rain with three moments."""
    folder = tmp_path_factory.mktemp("rasters")
    with temporary_database(cluster, layers_template) as url:
        run_async(fill(url))
        running = Sensors(url)
        store = Path(running.app.state.shared.settings.home) / "rasters"
        heights = HEIGHTS.copy()
        heights[0, 0] = -9999
        options = RasterOptions(grade=1, vertical_datum="1985")
        run_async(load_raster(url, _write(folder / "h.tif", heights), "heights", store, options=options))
        names = [_write(folder / f"wet_{t + CHINA:%Y%m%dT%H%M%S}.tif", HEIGHTS + 1000 * n) for n, t in enumerate(TIMES)]
        run_async(load_raster(url, names, "wet", store, options=RasterOptions(grade=1), time="wet_%Y%m%dT%H%M%S.tif"))
        running.wait(lambda: len(running.json("/raster", actor="reader")["rasters"]) == 2)
        yield running
        running.close()


def ask(edr, path, **parameters):
    return edr.ask(f"collections/{path}", actor="reader", **parameters)


def covered(edr, path, **parameters):
    """Return the coverages of an answer, checked against the rules."""
    answer = ask(edr, path, **parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/prs.coverage+json"
    return [coverage for coverage, _ in check(answer.json())]


def stored(layer, start=BEGIN, end=BEGIN + timedelta(days=9)):
    """Return the observations of a layer from a moment to another, by station and property."""
    found = defaultdict(dict)
    for name, station, code, at, value, _ in observations():
        if name == layer and start <= at <= end:
            found[station, code][at] = value
    return found


def series(coverage):
    times = [datetime.fromisoformat(time).astimezone(UTC) for time in coverage["domain"]["axes"]["t"]["values"]]
    return {
        (coverage["id"], code): {t: v for t, v in zip(times, values["values"], strict=True) if v is not None}
        for code, values in coverage["ranges"].items()
    }


@pytest.mark.requirement(f"{OGC}/ogcapi-edr-1/1.1/conf/locations")
def test_a_location_has_all_that_was_measured_there(edr):
    found = covered(edr, f"{STATIONS}/locations/W1", datetime="../..")
    assert series(found[0]) == {key: values for key, values in stored(STATIONS).items() if key[0] == "W1"}
    strange = covered(edr, f"{STATIONS}/locations/W'3:x", datetime="../..", parameter__name="level_m")
    assert list(series(strange[0])) == [("W'3:x", "level_m")]


@pytest.mark.requirement(f"{OGC}/ogcapi-edr-1/1.1/conf/edr-geojson")
def test_locations_are_the_stations(edr):
    found = ask(edr, f"{STATIONS}/locations").json()
    places = {name: [round(lon, 7), round(lat, 7)] for layer, name, _, lon, lat in things() if layer == STATIONS}
    assert {one["id"]: one["geometry"]["coordinates"] for one in found["features"]} == places
    within = ask(edr, f"{STATIONS}/locations", bbox=BOX).json()["features"]
    assert {one["id"] for one in within} == {"W1", "W2", "W'3:x"} & {n for n, (x, _) in places.items() if x < 113.325}


@pytest.mark.requirement(f"{OGC}/ogcapi-edr-1/1.1/conf/area")
@pytest.mark.requirement(f"{OGC}/ogcapi-edr-1/1.1/conf/cube")
def test_an_area_and_a_cube_have_the_stations_in_them(edr):
    west, south, east, north = map(float, BOX.split(","))
    ring = f"{west} {south},{east} {south},{east} {north},{west} {north},{west} {south}"
    span = {"datetime": "2026-11-01T06:00:00Z/2026-11-02T00:00:00Z"}
    area = covered(edr, f"{STATIONS}/area", coords=f"POLYGON(({ring}))", **span)
    cube = covered(edr, f"{STATIONS}/cube", bbox=BOX, **span)
    assert area == cube
    start, end = (datetime.fromisoformat(part) for part in span["datetime"].split("/"))
    inside = {name for _, name, _, lon, lat in things() if west < lon < east and south < lat < north}
    expected = {key: values for key, values in stored(STATIONS, start, end).items() if key[0] in inside}
    assert {key: values for one in area for key, values in series(one).items()} == expected


@pytest.mark.requirement(f"{OGC}/ogcapi-edr-1/1.1/conf/position")
def test_a_position_has_the_nearest_station(edr):
    (found,) = covered(edr, f"{STATIONS}/position", coords="POINT(113.3001 23.1001)")
    assert found["id"] == "W1"
    newest = {code: list(values.items())[-1] for (name, code), values in stored(STATIONS).items() if name == "W1"}
    assert {code: list(values.items())[-1] for (_, code), values in series(found).items()} == newest
    assert ask(edr, f"{STATIONS}/position", coords="POINT(114.3 23.1)").status_code == 404


HIGH_LAT = 60.0
_GAUGES = f"""INSERT INTO layer.rain_gauges (id, name, data_grade, geom)
SELECT id, id, 2, ST_SetSRID(ST_MakePoint(113 + east, {HIGH_LAT} + north), 4490)
FROM (VALUES ('N1', 0.012, 0), ('N2', 0, 0.008), ('N3', 0.03, 0.03)) AS g (id, east, north)"""
_NEWEST = """INSERT INTO twin.observation_now (id, property, phenomenon_time, value)
SELECT id, 'rain_mm', now(), 1 FROM layer.rain_gauges WHERE id LIKE 'N_'"""


def test_the_nearest_station_is_that_of_the_ground_at_any_latitude(edr):
    """Degrees of longitude are short in the north: 0.012 of them are 670 m, 0.008 of latitude are 890 m."""
    edr.execute(f"{_GAUGES}; {_NEWEST}")
    try:
        (found,) = covered(edr, "rain_gauges/position", coords=f"POINT(113 {HIGH_LAT})")
        assert found["id"] == "N1"
    finally:
        edr.execute(
            "DELETE FROM twin.observation_now WHERE id LIKE 'N_'; DELETE FROM layer.rain_gauges WHERE id LIKE 'N_'"
        )


def test_no_cell_of_csv_is_a_formula():
    parameters = [EdrParameter("state", "状态", "State", is_number=False)]
    found = Coverage("PointSeries", [113.3], [23.1], TIMES[:1], {"state": ["=1+1"]}, "@station")
    (row,) = csv.DictReader(io.StringIO(csv_text([found], parameters)))
    assert (row["location"], row["state"], row["x"]) == ("'@station", "'=1+1", "113.3")


@pytest.mark.requirement(f"{OGC}/ogcapi-edr-1/1.1/conf/csv")
def test_every_form_has_the_same_values(edr):
    how = {"bbox": BOX, "datetime": "../2026-11-01T12:00:00Z"}
    told = {key: values for one in covered(edr, f"{STATIONS}/cube", **how) for key, values in series(one).items()}
    table = list(csv.DictReader(io.StringIO(ask(edr, f"{STATIONS}/cube", f="CSV", **how).text)))
    features = ask(edr, f"{STATIONS}/cube", f="GeoJSON", **how).json()["features"]
    for rows in (table, [one["properties"] for one in features]):
        found = defaultdict(dict)
        for row in rows:
            for code in ("level_m", "flow_m3s"):
                if row.get(code) not in {None, ""}:
                    found[row["location"], code][datetime.fromisoformat(row["datetime"])] = float(row[code])
        assert found == told


@pytest.mark.requirement(f"{OGC}/ogcapi-edr-1/1.1/conf/covjson")
def test_a_raster_has_its_pixels(edr):
    (grid,) = covered(edr, "heights/cube", bbox="113.30,23.10,113.40,23.20")
    values = np.array(grid["ranges"]["b1"]["values"], dtype=object).reshape(grid["ranges"]["b1"]["shape"])
    axes = grid["domain"]["axes"]
    for row, y in enumerate(axes["y"]["values"]):
        for column, x in enumerate(axes["x"]["values"]):
            pixel = int((NORTH - y) / PIXEL), int((x - WEST) / PIXEL)
            assert values[row, column] == (None if pixel == (0, 0) else HEIGHTS[pixel]), (x, y)
    (point,) = covered(edr, "heights/position", coords="POINT(113.355 23.145)")
    assert point["ranges"]["b1"]["values"] == [HEIGHTS[5, 5]]


def test_outside_of_an_area_a_grid_is_empty(edr):
    triangle = "POLYGON((113.30 23.10,113.398 23.10,113.30 23.198,113.30 23.10))"
    (grid,) = covered(edr, "heights/area", coords=triangle)
    axes, values = grid["domain"]["axes"], grid["ranges"]["b1"]["values"]
    beyond = [(x - WEST) + (y - (NORTH - 0.1)) - 0.098 for y in axes["y"]["values"] for x in axes["x"]["values"]]
    judged = [(far, value) for far, value in zip(beyond, values, strict=True) if abs(far) > 1e-6]
    assert [value is not None for _, value in judged] == [far < 0 for far, _ in judged]
    assert len({far < 0 for far, _ in judged}) == 2


def test_moments_of_a_raster(edr):
    place = {"coords": "POINT(113.355 23.145)"}
    (newest,) = covered(edr, "wet/position", **place)
    assert newest["ranges"]["b1"]["values"] == [HEIGHTS[5, 5] + 2000]
    (course,) = covered(edr, "wet/position", datetime="2026-11-01T00:00:00Z/2026-11-01T00:06:00Z", **place)
    assert course["ranges"]["b1"]["values"] == [HEIGHTS[5, 5], HEIGHTS[5, 5] + 1000]
    (cube,) = covered(edr, "wet/cube", bbox="113.34,23.14,113.36,23.16", datetime="../..")
    assert cube["ranges"]["b1"]["shape"][0] == 3
    assert ask(edr, "wet/position", datetime="2025-01-01T00:00:00Z/2025-01-02T00:00:00Z", **place).status_code == 404


@pytest.mark.requirement(f"{OGC}/ogcapi-edr-1/1.1/conf/trajectory")
def test_values_along_a_line(edr):
    for raster, base in (("heights", 0), ("wet", 2000)):
        (found,) = covered(edr, f"{raster}/trajectory", coords="LINESTRING(113.315 23.155,113.385 23.155)")
        names = found["domain"]["axes"]["composite"]["coordinates"]
        assert ("t" in names) == (raster == "wet")
        for place, value in zip(
            found["domain"]["axes"]["composite"]["values"], found["ranges"]["b1"]["values"], strict=True
        ):
            east = (place[names.index("x")] - WEST) / PIXEL
            assert value in {HEIGHTS[4, int(east - 1e-6)] + base, HEIGHTS[4, int(east + 1e-6)] + base}


def test_systems_hold_for_questions_and_answers(edr):
    xy = transform(np.array([[113.3, 23.1]]), 4490, 4547)[0]
    (found,) = covered(edr, f"{STATIONS}/position", coords=f"POINT({xy[0]} {xy[1]})", crs="EPSG:4547")
    axes = found["domain"]["axes"]
    assert [axes["x"]["values"][0], axes["y"]["values"][0]] == pytest.approx(list(xy), abs=0.01)
    assert found["domain"]["referencing"][0]["system"]["id"].endswith("/4547")
    (grid,) = covered(edr, "heights/cube", crs="EPSG:4547", bbox=f"{xy[0]},{xy[1]},{xy[0] + 3000},{xy[1] + 3000}")
    assert all(xy[0] - 600 < x < xy[0] + 3600 for x in grid["domain"]["axes"]["x"]["values"])


def places_of(document):
    """Return the places `[n, 2]` of a CoverageJSON document, and all else that it says."""
    found = []

    def without(node):
        if isinstance(node, dict) and "composite" in node:
            names = node["composite"]["coordinates"]
            found.extend([one[names.index(axis)] for axis in "xy"] for one in node["composite"]["values"])
            return {name: value for name, value in node.items() if name != "composite"}
        if isinstance(node, dict) and {"x", "y"} <= node.keys():
            found.append([node["x"]["values"][0], node["y"]["values"][0]])
            return {name: value for name, value in node.items() if name not in {"x", "y"}}
        if isinstance(node, dict):
            return {name: without(value) for name, value in node.items() if name != "system"}
        return [without(one) for one in node] if isinstance(node, list) else node

    rest = without(document)
    return Answer(np.array(found), rest)


@pytest.mark.parametrize("datum", DATUMS)
@pytest.mark.parametrize(
    ("path", "coords"),
    [
        (f"{STATIONS}/position", "POINT(113.3001 23.1001)"),
        (f"{STATIONS}/area", "POLYGON((113.25 23.05,113.325 23.05,113.325 23.12,113.25 23.12,113.25 23.05))"),
        (f"{STATIONS}/locations", None),
        (f"{STATIONS}/locations/W1", None),
        ("heights/position", "POINT(113.355 23.145)"),
        ("wet/position", "POINT(113.355 23.145)"),
        ("wet/trajectory", "LINESTRING(113.315 23.155,113.385 23.155)"),
    ],
)
def test_question_and_answer_come_in_a_shifted_datum(edr, path, coords, datum):
    asked = {"crs": datum}
    if coords:
        asked["coords"] = shapely.to_wkt(shapely.transform(shapely.from_wkt(coords), lambda xy: to_datum(xy, datum)), 9)
    span = {"datetime": "../.."} if path.startswith(("wet/position", f"{STATIONS}/area")) else {}
    forms = ["GeoJSON"] if path.endswith("locations") else ["CoverageJSON", "GeoJSON", "CSV"]
    for f in forms:
        plain = ask(edr, path, f=f, **span, **({"coords": coords} if coords else {}))
        shifted = ask(edr, path, f=f, **span, **asked)
        assert shifted.status_code == 200, shifted.text
        assert_declared(shifted, datum)
        if f == "CoverageJSON":
            check(shifted.json())
            assert f"/crs/{datum}" in shifted.text
            read = [places_of(one.json()) for one in (plain, shifted)]
        elif f == "GeoJSON":
            assert shifted.json()["datum"] == datum
            assert {one["datum"] for one in shifted.json()["features"]} == {datum}
            read = [read_json({k: v for k, v in one.json().items() if k != "crs"}) for one in (plain, shifted)]
        else:
            rows = [list(csv.DictReader(io.StringIO(one.text))) for one in (plain, shifted)]
            assert {row.pop("datum") for row in rows[1]} == {datum}
            read = [Answer(np.array([[float(r.pop("x")), float(r.pop("y"))] for r in one]), one) for one in rows]
        if "trajectory" in path:  # its places are evenly spaced along a line that is bent a little
            assert read[1].lonlat.shape == read[0].lonlat.shape
            continue
        assert_same(*read, datum)


@pytest.mark.parametrize("datum", DATUMS)
def test_pixels_in_a_shifted_datum_are_told_place_by_place(edr, datum):
    west, south, east, north = to_datum(np.array([[113.33, 23.13], [113.37, 23.17]]), datum).ravel().tolist()
    for raster, base in (("heights", [0]), ("wet", [0, 1000, 2000])):
        span = {"datetime": "../.."} if raster == "wet" else {}
        (found,) = covered(edr, f"{raster}/cube", bbox=f"{west},{south},{east},{north}", crs=datum, **span)
        assert found["domain"]["domainType"] == ("MultiPointSeries" if raster == "wet" else "MultiPoint")
        places = from_datum(np.array(found["domain"]["axes"]["composite"]["values"]), datum)
        inside = np.array([HEIGHTS[int((NORTH - y) / PIXEL), int((x - WEST) / PIXEL)] for x, y in places])
        values = np.array(found["ranges"]["b1"]["values"]).reshape(len(base), -1)
        assert len(places) >= 16
        assert np.array_equal(values, [inside + more for more in base])
    triangle = shapely.from_wkt("POLYGON((113.30 23.10,113.398 23.10,113.30 23.198,113.30 23.10))")
    coords = shapely.to_wkt(shapely.transform(triangle, lambda xy: to_datum(xy, datum)), 9)
    (found,) = covered(edr, "heights/area", coords=coords, crs=datum)
    places = from_datum(np.array(found["domain"]["axes"]["composite"]["values"]), datum)
    far = shapely.distance(shapely.boundary(triangle), shapely.points(places)) > 1e-5
    has = np.array([value is not None for value in found["ranges"]["b1"]["values"]])
    assert np.array_equal(has[far], shapely.contains_xy(triangle, places)[far])


def test_stations_are_listed_in_the_system_that_is_asked_for(edr):
    plain, there = (ask(edr, f"{STATIONS}/locations", **how) for how in ({}, {"crs": "EPSG:4547"}))
    assert there.headers["content-crs"].endswith("/4547>")
    moved = transform(read_json(plain.json()).lonlat, 4490, 4547)
    assert np.abs(moved - read_json(there.json()).lonlat).max() < 0.001


@pytest.mark.requirement(f"{OGC}/ogcapi-edr-1/1.1/conf/core")
@pytest.mark.requirement(f"{OGC}/ogcapi-edr-1/1.1/conf/collections")
@pytest.mark.requirement(f"{OGC}/ogcapi-edr-1/1.1/conf/queries")
@pytest.mark.requirement(f"{OGC}/ogcapi-edr-1/1.1/conf/json")
def test_collections_say_what_can_be_asked(edr):
    every = {one["id"]: one for one in edr.json("collections?f=json", actor="reader")["collections"]}
    for name, queries in (
        (STATIONS, {"position", "area", "cube", "locations"}),
        ("heights", {"position", "area", "cube", "trajectory"}),
    ):
        found = every[name]
        assert found["data_queries"].keys() == queries
        for query, told in found["data_queries"].items():
            assert told["link"]["rel"] == "data"
            assert told["link"]["href"].endswith(f"/ogc/collections/{name}/{query}")
            assert told["link"]["variables"]["query_type"] == query
        assert {"bbox", "crs"} <= found["extent"]["spatial"].keys()
        for parameter in found["parameter_names"].values():
            assert parameter["type"] == "Parameter"
            assert parameter["observedProperty"]["label"]
    level = every[STATIONS]["parameter_names"]["level_m"]
    assert level["unit"]["symbol"]["value"] == "m"
    assert level["observedProperty"]["label"] == "水位 Water level"
    assert "data_queries" not in every["grids"]


def test_collections_are_listed_without_reading_what_is_measured_again(edr, monkeypatch):
    listed, read = edr.json("collections?f=json", actor="reader"), []
    monkeypatch.setattr(metadata, "station_parameters", lambda *_: read.append(True))
    assert edr.json("collections?f=json", actor="reader") == listed
    assert read == []


def test_what_is_kept_for_a_minute_is_kept_no_longer(monkeypatch):
    times, cache = [0.0, 59.0, 61.0, 62.0], MinuteCache()
    clock = iter([0.0, *times[1:3], 61.0, times[3]])  # what is made looks at the clock again
    monkeypatch.setattr(minute_cache, "monotonic", lambda: next(clock))
    made = []

    async def make():
        made.append(True)
        return len(made)

    async def work():
        return [await cache.get("key", make) for _ in times]

    assert run_async(work()) == [1, 1, 2, 2]


@pytest.mark.requirement(f"{OGC}/ogcapi-edr-1/1.1/conf/oas30")
def test_the_description_has_every_data_query(edr):
    paths = edr.json("/ogc/openapi?f=json", actor="reader")["paths"]
    assert {
        f"/collections/{STATIONS}/{one}" for one in ("position", "area", "cube", "locations/{locationId}")
    } <= paths.keys()
    assert "/collections/heights/trajectory" in paths
    assert "/collections/grids/position" not in paths


def test_the_hidden_station_is_in_no_data_query(edr):
    for path in ("locations", f"cube?bbox={BOX}", "cube?bbox=113,22.9,114,23.9&datetime=../..&f=CSV"):
        assert SECRET not in ask(edr, f"{STATIONS}/{path}").text
    assert ask(edr, f"{STATIONS}/locations/{SECRET}").status_code == 404
    assert SECRET in edr.ask(f"collections/{STATIONS}/locations", actor="all").text
    assert ask(edr, f"{STATIONS}/locations").status_code == 200
    assert edr.ask(f"collections/{STATIONS}/locations", actor="public").status_code == 404


@pytest.mark.parametrize(
    ("path", "parameters", "status", "words"),
    [
        (f"{STATIONS}/position", {}, 400, "POINT"),
        (f"{STATIONS}/position", {"coords": "POINT(x)"}, 400, "WKT"),
        (f"{STATIONS}/position", {"coords": "POINT EMPTY"}, 400, "POINT"),
        (f"{STATIONS}/position", {"coords": "POINT(200 23)"}, 400, "outside"),
        (f"{STATIONS}/area", {"coords": "POINT(113 23)"}, 400, "POLYGON"),
        (f"{STATIONS}/area", {"coords": "POLYGON((113 23,114 24,114 23,113 24,113 23))"}, 400, "not valid"),
        (f"{STATIONS}/area", {"coords": "POLYGON((" + "113 23," * 3000 + "113 23))"}, 400, "positions"),
        (f"{STATIONS}/cube", {}, 400, "bbox"),
        (f"{STATIONS}/cube", {"bbox": "1,2,3"}, 400, "west,south"),
        (f"{STATIONS}/cube", {"bbox": BOX, "parameter__name": "colour"}, 400, "level_m"),
        (f"{STATIONS}/cube", {"bbox": BOX, "z": "10"}, 400, "vertical"),
        (f"{STATIONS}/cube", {"bbox": BOX, "crs": "EPSG:9"}, 400, "allowed"),
        (f"{STATIONS}/cube", {"bbox": BOX, "datetime": "noon"}, 400, "datetime"),
        (f"{STATIONS}/cube", {"bbox": BOX, "datetime": "2026-11-02T00:00:00Z/2026-11-01T00:00:00Z"}, 400, "before"),
        (f"{STATIONS}/cube", {"bbox": BOX, "f": "netcdf"}, 400, "CoverageJSON"),
        (f"{STATIONS}/cube", {"bbox": BOX, "colour": "red"}, 400, "parameter-name"),
        (f"{STATIONS}/trajectory", {"coords": "LINESTRING(113 23,114 23)"}, 404, "no trajectory"),
        ("grids/position", {"coords": "POINT(113.3 23.1)"}, 404, "no position"),
        ("heights/locations", {}, 404, "trajectory"),
        ("heights/position", {"coords": "POINT(1 1)"}, 404, "outside"),
        ("heights/cube", {"bbox": "1,1,2,2"}, 404, "touch"),
        ("nothing/position", {"coords": "POINT(1 1)"}, 404, "nothing"),
    ],
)
def test_bad_questions_are_answered_with_what_is_allowed(edr, path, parameters, status, words):
    answer = ask(edr, path, **parameters)
    assert (answer.status_code, words in answer.json()["description"]) == (status, True), answer.text
