"""Every format, written by another library, read back and loaded."""

from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas
import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
import shapely

from layers.errors import BadFile
from layers.load import LoadOptions, load_file
from layers.loaders.opening import open_source
from layers.loaders.sniff import Format, sniff
from tests.layers.load.pbf import write_pbf

pytestmark = pytest.mark.anyio

NAMES = ["猎德涌", "棠下涌", "车陂涌, 东", 'a "b"', "last"]


@pytest.fixture
def frame() -> geopandas.GeoDataFrame:
    points = shapely.points(np.linspace(113.30, 113.40, 5), np.linspace(23.12, 23.16, 5))
    columns = {"name": NAMES, "number": [1, 2, 3, 4, 5], "ratio": [0.5, 1.25, -3.0, 1e-7, 12345.678]}
    return geopandas.GeoDataFrame(columns, geometry=points, crs="EPSG:4326")


def _geojson(frame, folder):
    frame.to_file(folder / "a.geojson", driver="GeoJSON")
    return folder / "a.geojson"


def _geojsonseq(frame, folder):
    frame.to_file(folder / "a.geojsonl", driver="GeoJSONSeq")
    return folder / "a.geojsonl"


def _gpkg(frame, folder):
    frame.to_file(folder / "a.gpkg", driver="GPKG")
    return folder / "a.gpkg"


def _fgb(frame, folder):
    frame.to_file(folder / "a.fgb", driver="FlatGeobuf", SPATIAL_INDEX="NO")
    return folder / "a.fgb"


def _shp(frame, folder):
    frame.to_file(folder / "a.shp", driver="ESRI Shapefile", encoding="UTF-8")
    return folder / "a.shp"


def _shp_gbk(frame, folder):
    frame.to_file(folder / "a.shp", driver="ESRI Shapefile", encoding="GBK")
    (folder / "a.cpg").unlink()
    return folder / "a.shp"


def _shp_zip(frame, folder):
    inner = folder / "inner"
    inner.mkdir()
    _shp_gbk(frame, inner)
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in inner.iterdir():
            archive.write(path, f"数据/{path.name}")
    return folder / "a.zip"


def _parquet(frame, folder):
    frame.to_parquet(folder / "a.parquet")
    return folder / "a.parquet"


def _table(frame):
    xy = shapely.get_coordinates(frame.geometry.array)
    return {c: frame[c].tolist() for c in ("name", "number", "ratio")} | {"经度": xy[:, 0], "纬度": xy[:, 1]}


def _csv(frame, folder):
    pacsv.write_csv(pa.table(_table(frame)), folder / "a.csv")
    return folder / "a.csv"


def _csv_gbk(frame, folder):
    text = _csv(frame, folder).read_text(encoding="utf-8")
    (folder / "a.csv").write_bytes(text.encode("gbk"))
    return folder / "a.csv"


def _csv_bom_semicolon_crlf(frame, folder):
    table = _table(frame)
    rows = [";".join(table)] + [
        ";".join('"' + str(v).replace('"', '""') + '"' for v in row) for row in zip(*table.values(), strict=True)
    ]
    (folder / "a.csv").write_text("\r\n".join(rows), encoding="utf-8-sig", newline="")
    return folder / "a.csv"


def _csv_utf16_tab(frame, folder):
    table = _table(frame)
    rows = ["\t".join(table)] + [
        "\t".join('"' + str(v).replace('"', '""') + '"' for v in row) for row in zip(*table.values(), strict=True)
    ]
    (folder / "a.txt").write_text("\n".join(rows), encoding="utf-16")
    return folder / "a.txt"


def _csv_wkt(frame, folder):
    table = {c: frame[c].tolist() for c in ("name", "number", "ratio")} | {"WKT": frame.geometry.to_wkt().tolist()}
    pacsv.write_csv(pa.table(table), folder / "a.csv")
    return folder / "a.csv"


def _xlsx(frame, folder):
    book = openpyxl.Workbook()
    table = _table(frame)
    book.active.append(list(table))
    for row in zip(*table.values(), strict=True):
        book.active.append([v.item() if isinstance(v, np.generic) else v for v in row])
    book.save(folder / "a.xlsx")
    return folder / "a.xlsx"


WRITERS = [
    (_geojson, Format.GEOJSON), (_geojsonseq, Format.GEOJSONSEQ), (_gpkg, Format.GEOPACKAGE), (_fgb, Format.FLATGEOBUF),
    (_shp, Format.SHAPEFILE), (_shp_gbk, Format.SHAPEFILE), (_shp_zip, Format.SHAPEFILE_ZIP),
    (_parquet, Format.GEOPARQUET), (_csv, Format.CSV), (_csv_gbk, Format.CSV), (_csv_bom_semicolon_crlf, Format.CSV),
    (_csv_utf16_tab, Format.CSV), (_csv_wkt, Format.CSV), (_xlsx, Format.XLSX),
]  # fmt: skip


@pytest.mark.parametrize(("writer", "kind"), WRITERS, ids=lambda v: getattr(v, "__name__", str(v)))
async def test_round_trip(layers_url, db, tmp_path, frame, writer, kind):
    path = writer(frame, tmp_path)
    assert sniff(path) is kind
    summary = await load_file(layers_url, path, "trial", LoadOptions(source_layer=None))
    assert (summary.read, summary.loaded, summary.rejected.total()) == (5, 5, 0)
    rows = await db.fetch(
        "SELECT name, number, ratio, ST_X(geom) AS x, ST_Y(geom) AS y FROM layer.trial ORDER BY number"
    )
    assert [r["name"] for r in rows] == NAMES
    assert [r["number"] for r in rows] == [1, 2, 3, 4, 5]
    assert np.allclose([r["ratio"] for r in rows], frame["ratio"], rtol=1e-9)
    assert np.allclose([(r["x"], r["y"]) for r in rows], shapely.get_coordinates(frame.geometry.array), atol=1e-9)
    kinds = await db.fetchval("SELECT definition ->> 'geometry_type' FROM onemap.layer WHERE id = 'trial'")
    assert kinds == "Point"


@pytest.mark.parametrize(
    ("writer", "srid"),
    [(_gpkg, 4547), (_shp, 4547), (_parquet, 4547), (_gpkg, 4526), (_shp, 3857), (_parquet, 4490)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_a_projection_the_file_names_is_brought_to_cgcs2000(layers_url, db, tmp_path, frame, writer, srid):
    path = writer(frame.to_crs(srid), tmp_path)
    await load_file(layers_url, path, "trial")
    rows = await db.fetch("SELECT ST_X(geom) AS x, ST_Y(geom) AS y FROM layer.trial ORDER BY number")
    assert np.allclose([(r["x"], r["y"]) for r in rows], shapely.get_coordinates(frame.geometry.array), atol=1e-8)


async def test_osm_pbf(layers_url, db, tmp_path):
    nodes = {1: (113.33, 23.13), 2: (113.34, 23.14), 3: (113.35, 23.14)}
    write_pbf(tmp_path / "a.osm.pbf", nodes, ways={10: ([1, 2, 3], {"waterway": "stream", "name": "猎德涌"})})
    with pytest.raises(BadFile, match="--source-layer"):
        open_source(tmp_path / "a.osm.pbf")
    summary = await load_file(layers_url, tmp_path / "a.osm.pbf", "trial", LoadOptions(source_layer="lines"))
    assert summary.loaded == 1
    row = await db.fetchrow("SELECT id, name, waterway, ST_AsText(geom) AS wkt FROM layer.trial")
    assert tuple(row) == ("10", "猎德涌", "stream", "LINESTRING(113.33 23.13,113.34 23.14,113.35 23.14)")


async def test_a_file_of_several_layers_names_them(tmp_path, frame):
    frame.to_file(tmp_path / "a.gpkg", layer="one", driver="GPKG")
    frame.to_file(tmp_path / "a.gpkg", layer="two", driver="GPKG", mode="a")
    with pytest.raises(BadFile, match="one, two"):
        open_source(tmp_path / "a.gpkg")
    assert open_source(tmp_path / "a.gpkg", layer="two").total_rows == 5


async def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "a.csv"
    line = b"x" * 900 + b",113.3,23.1\n"
    with path.open("wb") as file:
        file.write(b"text,lon,lat\n")
        for _ in range(60):
            file.write(line * 1000)
    sizes = [batch.columns.nbytes for batch in open_source(path).batches()]
    assert len(sizes) >= 6
    assert max(sizes) < 12 * 1024**2


def test_line_numbers_survive_blank_lines_quoted_newlines_and_broken_lines(write):
    text = 'name,lon,lat\n\na,113.3,23.1\n"b\nb",113.3,23.1\nbroken\nc,113.3,23.1\n'
    batches = list(open_source(write("a.csv", text)).batches())
    lines = {str(n): int(line) for b in batches for n, line in zip(b.columns["name"].to_pylist(), b.lines, strict=True)}
    assert lines == {"a": 3, "b\nb": 4, "c": 7}
    refused = [r for b in batches for r in b.rejections()]
    assert [(r.reason, r.record) for r in refused] == [("broken_line", {"line": "broken"})]


def test_a_wrong_extension_does_not_matter(tmp_path, frame):
    path = _gpkg(frame, tmp_path).rename(tmp_path / "a.csv")
    assert sniff(path) is Format.GEOPACKAGE
    assert open_source(path).total_rows == 5


def test_the_path_is_not_part_of_a_message(tmp_path):
    with pytest.raises(BadFile) as caught:
        open_source(Path(tmp_path) / "missing.gpkg")
    assert str(tmp_path) not in caught.value.message
