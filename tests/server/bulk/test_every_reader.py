"""The law of files: whatever a layer holds, each program reads from each file what GeoJSON says."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from layers.database.connection import connect
from layers.spreadsheet import cell
from tests.databases import temporary_database
from tests.ogc.service import Service, fill
from tests.server.bulk import readers

READERS = {
    "pyarrow": ("parquet", readers.of_parquet_by_pyarrow),
    "geopandas": ("parquet", readers.of_parquet_by_geopandas),
    "duckdb": ("parquet", readers.of_parquet_by_duckdb),
    "arrow": ("arrow", readers.of_arrow),
    "flatgeobuf by GDAL": ("flatgeobuf", readers.of_vector_file),
    "geopackage by GDAL": ("gpkg", readers.of_vector_file),
    "text sequence": ("geojsonseq", readers.of_text_sequence),
    "lines": ("geojsonl", readers.of_text_sequence),
}
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12).map(str.strip).filter(bool)
WORDS = st.one_of(
    TEXTS, st.sampled_from(["=1+1", "007", 'a"b', "x;y", "\x1ftab", "'", "天河 <b>"]).filter(str.isprintable)
)
NUMBERS = st.floats(-1e300, 1e300)  # a workbook has 15 digits
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001  # UTC by the next line
    lambda t: t.replace(tzinfo=UTC, microsecond=t.microsecond // 1000 * 1000)
)
LON, LAT = (st.integers(*ends).map(lambda n: n / 1e5) for ends in ((11300000, 11400000), (2250000, 2390000)))
PLACES = st.builds(shapely.Point, LON, LAT)
SHAPES = {
    "points": PLACES,
    "lines": st.lists(st.tuples(LON, LAT), min_size=2, max_size=4, unique=True).map(
        lambda way: shapely.MultiLineString([way])
    ),
    "areas": st.tuples(LON, LAT).map(
        lambda at: shapely.MultiPolygon([shapely.box(at[0], at[1], at[0] + 0.001, at[1] + 0.002)])
    ),
}
JSON = st.recursive(st.none() | st.booleans() | WORDS, lambda inner: st.lists(inner, max_size=2), max_leaves=4)


def rows_of(layer):
    optional = {
        "name": WORDS, "height_m": NUMBERS, "floors": st.integers(-(2**53), 2**53), "active": st.booleans(),
        "built": st.dates(date(1950, 1, 1), date(2100, 1, 1)), "seen_at": TIMES, "status": st.just("in_use"),
        "tags": st.lists(WORDS, max_size=3), "extra": JSON.map(lambda value: json.dumps({"k": value})),
    }  # fmt: skip
    values = {name: st.none() | strategy for name, strategy in optional.items()}
    return st.lists(
        st.fixed_dictionaries({"id": TEXTS, "geom": st.none() | SHAPES[layer], **values}),
        max_size=6,
        unique_by=lambda row: row["id"],
    )


class Ground:
    """A service over a database whose rows a test replaces."""

    def __init__(self, url) -> None:
        self.service, self.url = Service(url), url
        self.connection = self.service.run(connect(url))

    def put(self, layer, rows):
        columns = [name for name in rows[0] if name != "geom"] if rows else []
        listed = ", ".join(f'"{name}"' for name in columns)
        values = ", ".join(f"${n}" for n in range(2, len(columns) + 2))
        insert = (
            f"INSERT INTO layer.{layer} (geom, data_grade, {listed}) VALUES (ST_GeomFromWKB($1, 4490), 1, {values})"
        )
        shaped = [(None if r["geom"] is None else r["geom"].wkb, *(r[name] for name in columns)) for r in rows]

        async def work():
            async with self.connection.transaction():
                await self.connection.execute(f"DELETE FROM layer.{layer}")
                if rows:
                    await self.connection.executemany(insert, shaped)

        self.service.run(work())

    def close(self):
        self.service.run(self.connection.close())
        self.service.close()


@pytest.fixture(scope="module")
def ground(cluster, template):
    with temporary_database(cluster, template) as url:
        fill(url, 0)
        made = Ground(url)
        yield made
        made.close()


@pytest.mark.parametrize("layer", SHAPES)
def test_every_reader_reads_what_geojson_says(ground, layer):
    examples, seen = 4 if layer == "points" else 2, []

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(rows_of(layer))
    def law(rows):
        ground.put(layer, rows)
        items = f"collections/{layer}/items?limit=all"
        told = readers.of_geojson(ground.service.ask(items, f="json").content)
        assert [row["id"] for row in told] == sorted((row["id"] for row in rows), key=lambda name: name.encode())
        for program, (f, read) in READERS.items():
            answer = ground.service.ask(items, f=f)
            assert answer.status_code == 200, answer.text
            assert [ordered(row) for row in read(answer.content)] == [ordered(row) for row in told], program
        cells_say_the_same(ground, layer, told)
        seen.append(len(rows))

    law()
    assert max(seen) > 0


def ordered(row):
    return dict(sorted(row.items()))


def cells_say_the_same(ground, layer, told):
    table = readers.of_csv(ground.service.ask(f"collections/{layer}/items", f="csv").content)
    book = readers.of_workbook(ground.service.ask(f"collections/{layer}/items", f="xlsx").content)
    assert [row["id"] for row in table] == [cell(row["id"]) for row in told]
    for line, sheet, row in zip(table, book, told, strict=True):
        assert line["name"] == (None if row["name"] is None else cell(row["name"]))
        assert sheet["name"] == (None if row["name"] is None else cell(row["name"]))
        for name in ("height_m", "floors"):
            assert (None if line[name] is None else float(line[name])) == row[name], name
            assert sheet[name] == row[name] or sheet[name] == pytest.approx(row[name]), name
        if row["seen_at"] is not None:
            assert datetime.fromisoformat(line["seen_at"]).timestamp() * 1000 == pytest.approx(row["seen_at"], abs=1)
            local = sheet["seen_at"].replace(tzinfo=readers.CHINA)
            assert abs(local - datetime.fromisoformat(line["seen_at"])) < timedelta(milliseconds=2)
        assert place_of(line) == pytest.approx(place_of(sheet))
        assert place_of(line) == pytest.approx(coordinates(row["geometry"]), abs=1e-6)


def place_of(line):
    if "lon" in line:
        return [] if line["lon"] is None else [float(line["lon"]), float(line["lat"])]
    return (
        [] if line["geometry"] is None else shapely.get_coordinates(shapely.from_wkt(line["geometry"])).ravel().tolist()
    )


def coordinates(geometry):
    if geometry is None:
        return []
    kind, inner = geometry
    return (
        shapely.get_coordinates(shapely.from_geojson(json.dumps({"type": kind, "coordinates": inner}))).ravel().tolist()
    )
