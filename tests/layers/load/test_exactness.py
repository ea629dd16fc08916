"""No value of a file is changed on its way into a layer: codes, phones, versions, days, in any format."""

from __future__ import annotations

import csv
import json
import tempfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio.raw
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.conversion.convert import NULL_WORDS, convert, texts
from layers.conversion.number_text import number_texts
from layers.definition import FieldDefinition
from layers.errors import BadInput
from layers.load import LoadOptions, load_file
from layers.load.infer import Inference
from layers.loaders.opening import open_source
from tests.layers.load.conftest import feature, point

pytestmark = pytest.mark.anyio

CODES = ["12E3", "45E1", "1203-2-1", "1.10", "007", "1205.3.2", "123456789012345678901", "2026-02-30", "+8", "1e5"]
TRICKY = ["1e-07", "3.0", "13800138000", "2026-06-08", "2026/6/8", "是", "true", "0", "-5", "0.25", "甲", "a b"]


def write_csv(folder: Path, columns: dict[str, list[str]]) -> Path:
    path = folder / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "lon", "lat"])
        writer.writerows([*row, 113.3, 23.1] for row in zip(*columns.values(), strict=True))
    return path


def write_xlsx(folder: Path, columns: dict[str, list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.active.append([*columns, "lon", "lat"])
    for row in zip(*columns.values(), strict=True):
        book.active.append([*row, 113.3, 23.1])
    book.save(folder / "a.xlsx")
    return folder / "a.xlsx"


def write_geojson(folder: Path, columns: dict[str, list[object]]) -> Path:
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    path = folder / "a.geojson"
    features = [feature(point(113.3, 23.1), **row) for row in rows]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def write_gpkg(folder: Path, columns: dict[str, list[object]]) -> Path:
    return _by_gdal(folder / "a.gpkg", columns, "GPKG")


def write_shp(folder: Path, columns: dict[str, list[object]]) -> Path:
    return _by_gdal(folder / "a.shp", columns, "ESRI Shapefile")


def _by_gdal(path: Path, columns: dict[str, list[object]], driver: str) -> Path:
    rows = len(next(iter(columns.values())))
    data = [np.array(c, dtype="datetime64[D]" if isinstance(c[0], date) else object) for c in columns.values()]
    geometry = np.array([shapely.to_wkb(shapely.Point(113.3, 23.1))] * rows, dtype=object)
    pyogrio.raw.write(
        path, geometry, data, [*columns], driver=driver, geometry_type="Point", crs="EPSG:4490", encoding="UTF-8"
    )
    return path


def write_parquet(folder: Path, columns: dict[str, list[object]]) -> Path:
    rows = len(next(iter(columns.values())))
    pq.write_table(pa.table(columns | {"lon": [113.3] * rows, "lat": [23.1] * rows}), folder / "a.parquet")
    return folder / "a.parquet"


WRITERS = [write_csv, write_xlsx, write_parquet]
BY_GDAL = [write_geojson, write_gpkg]


def read_back(path: Path) -> dict[str, tuple[str, list[str | None]]]:
    """Return the inferred type of each column, and its values in the layer, as text."""
    source = open_source(path, declared={})
    inference = Inference(source)
    batches = list(source.batches())
    for batch in batches:
        inference.look(batch)
    read = {}
    for name in source.columns.names:
        field = FieldDefinition(name="x", title_zh="x", title_en="x", type=inference.type_of(name))
        made = [convert(batch.columns.column(name), field) for batch in batches]
        assert not any(m.bad.any() for m in made)
        read[name] = (field.type, [v for m in made for v in texts(m.values).to_pylist()])
    return read


plain = st.text("甲乙丙abcXYZ019 .-", min_size=1, max_size=8).map(str.strip).filter(lambda t: t and t not in NULL_WORDS)
number = st.one_of(st.integers(-(10**20), 10**20).map(str), st.floats(allow_nan=False, allow_infinity=False).map(repr))
code = st.one_of(
    st.from_regex(r"0?[1-9][0-9]{0,3}[eE][0-9]", fullmatch=True),
    st.from_regex(r"[0-9]{3,4}-[0-9]{1,2}-[0-9]{1,2}", fullmatch=True),
    st.from_regex(r"[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True),
    st.from_regex(r"[0-9]{1,24}", fullmatch=True),
)
cells = st.one_of(st.sampled_from(CODES + TRICKY), code, plain, number)
columns_of = st.one_of(  # of one kind, so that a column of numbers is found to be one, or of any
    *(st.lists(kind, min_size=1, max_size=4) for kind in (cells, code, number)),
)


@settings(max_examples=80)
@given(columns_of)
def test_any_texts_are_read_back_as_they_stood_in_every_format(values):
    for write in WRITERS:
        check_kept(write, {"值": values})


@settings(max_examples=1)
@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=40, max_size=40))
def test_gdal_changes_no_text_either(columns):
    for write in BY_GDAL:
        check_kept(write, {f"c{number}": values for number, values in enumerate(columns)})


def check_kept(write, columns):
    with tempfile.TemporaryDirectory() as folder:
        read = read_back(write(Path(folder), columns))
    for name, values in columns.items():
        kind, back = read[name]
        for before, after in zip(values, back, strict=True):
            assert after is not None
            assert _is_kept(before, after, kind), (write.__name__, kind, before, after)


def _is_kept(before: str, after: str, kind: str) -> bool:
    if kind == "number":
        return float(before) == float(after) and (before in {after, f"{after}.0"} or "e-" in before or "e+" in before)
    if kind in {"date", "datetime"}:
        year, *_ = before.split(before[4] if not before[4].isdigit() else "T")
        return year[:4] == after[:4] or abs(int(year[:4]) - int(after[:4])) == 1  # a moment is shown in UTC
    return before == after or (kind == "boolean" and after == str(before in {"是", "true"}).lower())


@settings(max_examples=200)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_any_float_as_text_is_the_same_float_without_an_exponent_where_digits_suffice(values):
    for value, text in zip(values, number_texts(pa.array(values)).to_pylist(), strict=True):
        assert float(text) == value
        assert ("e" in text) == (value != 0 and not 1e-6 <= abs(value) < 1e21)
        assert not text.endswith(".0")


@pytest.mark.parametrize("write", [*WRITERS, *BY_GDAL])
def test_a_code_stays_a_text(tmp_path, write):
    read = read_back(write(tmp_path, {f"c{number}": [text, text] for number, text in enumerate(CODES)}))
    assert {f"c{number}": ("string", [text, text]) for number, text in enumerate(CODES)}.items() <= read.items()


@pytest.mark.parametrize(
    ("column", "kind", "back"),
    [
        (pa.array([Decimal("1.10"), Decimal("2.25")], pa.decimal128(9, 2)), "string", ["1.10", "2.25"]),
        (pa.array([Decimal("12345678901234567890.12")], pa.decimal128(38, 2)), "string", ["12345678901234567890.12"]),
        (pa.array([Decimal(5), Decimal(-7)], pa.decimal128(9, 0)), "integer", ["5", "-7"]),
        (pa.array([2**64 - 1, 1], pa.uint64()), "string", ["18446744073709551615", "1"]),
        (pa.array([2**63 - 1], pa.int64()), "integer", ["9223372036854775807"]),
        (pa.array([13800138000.0, 0.5]), "number", ["13800138000", "0.5"]),
    ],
)  # fmt: skip
def test_types_of_a_parquet_file_lose_nothing(tmp_path, column, kind, back):
    assert read_back(write_parquet(tmp_path, {"值": column}))["值"] == (kind, back)


def test_long_whole_numbers_of_json_keep_their_digits(tmp_path):
    values = [10**29 + 7, -(2**63), 2**53 + 1]
    kind, back = read_back(write_geojson(tmp_path, {"n": values}))["n"]
    assert (kind, back) == ("string", [str(v) for v in values])


@pytest.mark.parametrize("write", [write_geojson, write_gpkg, write_shp])
def test_a_day_that_no_calendar_has_does_not_become_another(tmp_path, write):
    good = date(2026, 2, 3)
    path = write(tmp_path, {"d": [good.isoformat() if write is write_geojson else good] * 3})
    for part in tmp_path.iterdir():
        for day, odd in ((b"2026-02-03", b"2026-02-30"), (b"20260203", b"20260230")):
            content = part.read_bytes()
            if day in content:
                last = content.rfind(day)
                part.write_bytes(content[:last] + odd + content[last + len(day) :])
    kind, back = read_back(path)["d"]
    assert kind == "string"
    assert sorted(t.replace("-", "") for t in back) == ["20260203", "20260203", "20260230"]


def test_a_long_number_of_a_spreadsheet_keeps_its_digits(tmp_path):
    read = read_back(write_xlsx(tmp_path, {"卡": [440106199003071200, 5], "面积": [1e14, 0.5]}))
    assert (read["卡"], read["面积"]) == (
        ("string", ["440106199003071200", "5"]),
        ("number", ["100000000000000", "0.5"]),
    )


async def test_numbers_of_a_spreadsheet_become_the_texts_that_people_see(layers_url, db, tmp_path):
    numbers = {"id": [10000000001, 7], "电话": [13800138000, 2038000000], "编号": [12345678901, 5]}
    await load_file(layers_url, write_xlsx(tmp_path, numbers), "trial")
    rows = await db.fetch('SELECT id, "phone", t.* FROM layer.trial AS t ORDER BY length(t.id)')
    assert [(r["id"], r["phone"]) for r in rows] == [("7", "2038000000"), ("10000000001", "13800138000")]
    await load_file(
        layers_url,
        write_xlsx(tmp_path, {"车牌": ["粤A1"], "sim_no": [13912345678.0]}),
        "vehicles",
        LoadOptions(mapping={"plate_no": "车牌"}),
    )
    assert await db.fetchval("SELECT sim_no FROM layer.vehicles") == "13912345678"


@pytest.mark.parametrize(("suffix", "late"), [("xlsx", "004711"), ("csv", "44010619900307123456")])
async def test_what_comes_late_makes_the_whole_column_text(layers_url, db, tmp_path, suffix, late):
    rows = 10_001 if suffix == "xlsx" else 9_000  # one batch and a row; 8 MiB and more of CSV
    columns = {"n": [*range(rows), late], "pad": ["z" * (1 if suffix == "xlsx" else 1000)] * (rows + 1)}
    path = (write_xlsx if suffix == "xlsx" else write_csv)(tmp_path, columns)
    summary = await load_file(layers_url, path, "trial")
    assert (summary.read, summary.loaded) == (rows + 1, rows + 1)
    assert await db.fetchval("SELECT count(*) FROM layer.trial WHERE n = $1", late) == 1
    assert await db.fetchval("SELECT array_agg(n ORDER BY n) FROM layer.trial WHERE n IN ('4711', '17', '0')") == [
        "0",
        "17",
        "4711",
    ]


async def test_a_layer_made_of_numbers_refuses_what_it_would_alter(layers_url, db, write):
    await load_file(layers_url, write("a.csv", "id,n,r,lon,lat\n1,5,0.5,113.3,23.1\n"), "trial")
    later = "id,n,r,lon,lat\n2,004711,0.5,113.3,23.1\n3,6,1.10,113.3,23.1\n4,7,12E3,113.3,23.1\n5,8,2.5,113.3,23.1\n"
    summary = await load_file(layers_url, write("b.csv", later), "trial")
    assert (summary.loaded, dict(summary.rejected)) == (1, {"altered_value": 3})
    assert [tuple(r) for r in await db.fetch("SELECT n, r FROM layer.trial ORDER BY id")] == [(5, 0.5), (8, 2.5)]


async def test_date_cells_of_a_spreadsheet_are_dates(layers_url, db, tmp_path):
    day, moment = datetime(2026, 6, 8), datetime(2026, 6, 8, 10, 30)  # noqa: DTZ001  # as cells are
    columns = {"日": [day, day], "刻": [moment, day], "混": [day, "待定"]}
    assert read_back(write_xlsx(tmp_path, columns)) == {
        "日": ("date", ["2026-06-08"] * 2),
        "刻": ("datetime", ["2026-06-08 02:30:00.000000Z", "2026-06-07 16:00:00.000000Z"]),
        "混": ("string", ["2026-06-08", "待定"]),
    }


@pytest.mark.parametrize("mode", ["append", "replace"])
async def test_a_required_field_that_no_column_gives_is_refused(layers_url, write, mode):
    path = write("g.csv", 'name,wkt\n甲,"POLYGON((113.3 23.1,113.31 23.1,113.31 23.2,113.3 23.1))"\n')
    with pytest.raises(BadInput, match=r"grid_code.*--map grid_code="):
        await load_file(layers_url, path, "grids", mode=mode)
