"""No broken file causes a traceback: it is read, or refused in words."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import suppress
from pathlib import Path
from random import Random

import geopandas as gpd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layers.errors import OneMapError
from layers.loaders.opening import open_source
from tests.layers.load.shapefiles import write_shapefile
from tests.workbooks import workbook
from twin.envelope.refused import Refused
from twin.feeds.table import read_rows

ROWS = [("名称", "经度", "纬度", "备注"), *((f"点位{n}", 113.3 + n / 100, 23.1, "营业") for n in range(8))]


def _csv(encoding):
    return "\r\n".join(",".join(map(str, row)) for row in ROWS).encode(encoding)


def _parquet():
    out = io.BytesIO()
    shapes = [shapely.to_wkb(shapely.Point(lon, lat)) for _, lon, lat, _ in ROWS[1:]]
    geo = {"version": "1.0.0", "primary_column": "g", "columns": {"g": {"encoding": "WKB", "geometry_types": []}}}
    table = pa.table({"name": [row[0] for row in ROWS[1:]], "g": shapes})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), out)
    return out.getvalue()


DECLARED = [None, None, "gbk", "utf-8", "utf-16"]
PARTS = {".dbf", ".shx", ".cpg", ".prj"}
IN_PROCESS = {
    "a.csv": _csv("utf-8"),
    "gbk.csv": _csv("gbk"),
    "wide.csv": _csv("utf-16"),
    "a.xlsx": workbook(*ROWS),
    "a.parquet": _parquet(),
}


def damaged(body: bytes, seed: int) -> bytes:
    """Return bytes with some changed, removed, doubled or exchanged."""
    random, changed = Random(seed), bytearray(body)
    for _ in range(random.randint(1, 8)):
        at, length = random.randrange(len(changed)), random.choice([1, 1, 2, 7, 40])
        match random.randrange(4):
            case 0:
                changed[at : at + length] = random.randbytes(length)
            case 1:
                del changed[at : at + length]
            case 2:
                changed[at:at] = changed[at : at + length]
            case _:
                changed[at] = random.choice(b'\0\xff\xe5\x80",;|\n\r=')
        if not changed:
            return b"\0"
    return bytes(changed)


def inside(body: bytes, seed: int) -> bytes:
    """Return a workbook with one damaged member and a correct checksum."""
    out, random = io.BytesIO(), Random(seed)
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(out, "w") as new:
        chosen = random.choice(old.namelist())
        for info in old.infolist():
            content = old.read(info)
            new.writestr(info.filename, damaged(content, seed) if info.filename == chosen else content)
    return out.getvalue()


def read_all(path: Path, encoding: str | None = None) -> None:
    with suppress(OneMapError):
        for batch in open_source(path, encoding=encoding).batches():
            assert batch.geometry is None or len(batch.geometry) == len(batch)
            assert all(one.detail for one in batch.rejections())


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(IN_PROCESS)), st.integers(0, 2**32), st.sampled_from(DECLARED))
def test_no_damaged_table_brings_a_traceback(tmp_path, name, seed, encoding):
    body = IN_PROCESS[name]
    body = inside(body, seed) if name.endswith("xlsx") and seed % 2 else damaged(body, seed)
    path = tmp_path / name
    path.write_bytes(body)
    read_all(path, encoding)
    with suppress(Refused):
        rows, refused = read_rows(body, name.replace("parquet", "csv"), encoding)
        assert all(type(line) is int for line, _ in rows)
        assert all(one.detail for one in refused)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.xlsx", "a.parquet", "a.txt", "a"]))
def test_no_bytes_bring_a_traceback(tmp_path, body, name):
    path = tmp_path / name
    path.write_bytes(body)
    if not body.lstrip().startswith((b"{", b"[", b"\x1e")):  # those are GDAL's, below
        read_all(path)
    with suppress(Refused):
        read_rows(body, name)


def _by_gdal(folder: Path, suffix: str) -> Path:
    path = folder / f"a.{suffix}"
    if suffix == "shp":
        rows = [[f"点位{n}".encode(), b"1"] for n in range(5)]
        return write_shapefile(path, [("名称".encode(), 12), (b"N", 4)], rows, cpg="UTF-8", prj='GEOGCS["x"]')
    shapes = [shapely.Point(113.3, 23.1), shapely.box(1, 1, 2, 2)]
    frame = gpd.GeoDataFrame({"name": ["甲", "乙"]}, geometry=shapes, crs=4490)
    frame.to_file(path, engine="pyogrio")
    return path


@pytest.mark.parametrize("suffix", ["geojson", "geojsonl", "gpkg", "fgb", "shp"])
def test_no_damaged_file_of_gdal_brings_a_traceback(tmp_path, suffix):
    path = _by_gdal(tmp_path, suffix)
    parts = [one for one in sorted(tmp_path.glob("a.*")) if one.suffix in {f".{suffix}", *PARTS}]
    whole = {one: one.read_bytes() for one in parts}
    for seed in range(6):
        for part in parts:
            part.write_bytes(whole[part])
        chosen = parts[seed % len(parts)]
        chosen.write_bytes(damaged(whole[chosen], seed))
        read_all(path)
